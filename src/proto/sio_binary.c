/* SPDX-License-Identifier: MIT */
/* Placeholders: {"_placeholder":true,"num":i}, anywhere in a payload. */
#include "proto/sio.h"

#include <stdio.h>

#define BAD_NUM UINT32_MAX

/*
 * Whether an object is a placeholder. As in the reference only the literal `true` makes it one,
 * and other members do not matter. A number that is no good is BAD_NUM.
 */
static bool read_placeholder(sl_value v, uint32_t *num)
{
    bool is = false;
    int64_t n;

    if (sl_value_type(v) != SL_JSON_OBJECT) return false;
    if (!sl_value_bool(sl_value_get(v, SL_STR("_placeholder")), &is) || !is) return false;
    bool good = sl_value_i64(sl_value_get(v, SL_STR("num")), &n) && n >= 0 && n < BAD_NUM;
    *num = good ? (uint32_t)n : BAD_NUM;
    return true;
}

bool sio_attachment(sl_value v, uint32_t attachments, uint32_t *num)
{
    return attachments > 0 && read_placeholder(v, num) && *num < attachments;
}

struct sio_walk sio_walk_of(sl_value within, uint32_t attachments)
{
    return (struct sio_walk){within, attachments, within.i};
}

bool sio_next_placeholder(struct sio_walk *w, sl_value *at, uint32_t *num)
{
    const sl_json *doc = w->within.doc;

    if (w->attachments == 0 || sl_value_type(w->within) == SL_JSON_NONE) return false;
    while (w->i < doc->node[w->within.i].next) {
        *at = (sl_value){doc, w->i};
        if (read_placeholder(*at, num)) {
            w->i = doc->node[w->i].next; /* what it contains is gone with it */
            return true;
        }
        w->i++;
    }
    return false;
}

/* The new number of an attachment; false: there are too many. */
static bool renumber(struct sio_passed *passed, uint32_t num, uint32_t *out)
{
    uint32_t i = 0;

    while (i < passed->n && passed->num[i] != num)
        i++;
    if (i == SIO_ATTACHMENTS_MAX) return false;
    if (i == passed->n) passed->num[passed->n++] = num;
    *out = i;
    return true;
}

/* Writes a value piece by piece: only the first begins it. */
static void put_piece(sl_json_out *o, bool *begun, const char *from, const char *to)
{
    sl_str piece = {from, (size_t)(to - from)};

    if (piece.len == 0) return;
    if (*begun)
        sl_out_more(o, piece);
    else
        sl_out_raw(o, piece);
    *begun = true;
}

void sio_out_arg(sl_json_out *o, sl_value v, uint32_t attachments, struct sio_passed *passed)
{
    struct sio_walk w = sio_walk_of(v, attachments);
    sl_str raw = sl_value_raw(v);
    const char *from = raw.ptr;
    bool begun = false;
    sl_value at;
    uint32_t num;

    while (sio_next_placeholder(&w, &at, &num)) {
        char text[48];
        sl_str old = sl_value_raw(at);

        put_piece(o, &begun, from, old.ptr);
        from = old.ptr + old.len;
        if (!renumber(passed, num, &num)) {
            if (o->rc == 0) o->rc = SL_E_TOO_BIG;
            return;
        }
        int n = snprintf(text, sizeof text, "{\"_placeholder\":true,\"num\":%u}", num);
        put_piece(o, &begun, text, text + n);
    }
    if (raw.len > 0) put_piece(o, &begun, from, raw.ptr + raw.len);
    if (!begun && o->rc == 0) o->rc = SL_E_INVAL; /* no value */
}
