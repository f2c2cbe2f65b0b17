/* SPDX-License-Identifier: MIT */
#include "proto/sio_gather.h"

#include "base/alloc.h"
#include "base/str.h"

struct sio_gather *sio_gather_new(sl_buf *buf, sl_str text, uint32_t wanted)
{
    struct sio_gather *g = sl__zalloc(sizeof *g);

    if (g == NULL) return NULL;
    g->buf = sl_buf_hold(buf);
    g->text = text;
    g->wanted = wanted;
    return g;
}

bool sio_gather_add(struct sio_gather *g, sl_slice s)
{
    if (s.buf != NULL) {
        g->attachment[g->n] = s;
        sl_buf_hold(s.buf);
    }
    return ++g->n >= g->wanted;
}

void sio_gather_free(struct sio_gather *g)
{
    if (g == NULL) return;
    for (uint32_t i = 0; i < g->n; i++)
        sl_buf_drop(g->attachment[i].buf);
    sl_buf_drop(g->buf);
    sl__free(g);
}

/* ---- events ---- */

void sio_event_of(const struct sio_packet *p, sl_buf *buf, const sl_slice *attachment,
                  sl_sio_event *out)
{
    *out = (sl_sio_event){
        .name = sl_value_raw(p->name),
        .is_answer = p->type == SIO_ACK || p->type == SIO_BINARY_ACK,
        .ack_id = p->id,
        .args = p->value,
        .attachment_count = (uint8_t)p->attachments,
        .buf = buf,
    };
    for (uint32_t i = 0; i < p->attachments; i++)
        out->attachment[i] = attachment[i];
    if (out->is_answer) return;
    (void)sl_value_str(p->name, &out->name); /* without its quotes, unless it is a number */
    out->wants_ack = p->has_id;
}

bool sio_event_is(const sl_sio_event *e, const char *name)
{
    sl_str text = sl_str_of(name);

    if (name == NULL) return true;
    /* nothing is escaped, as a rule: then its bytes are its name, of a number as well */
    if (str_find_byte(e->name, '\\') == e->name.len) return sl_str_eq(e->name, text);
    return sl_value_is_str(sl_value_first(e->args, NULL), text);
}

sl_value sl_sio_arg(const sl_sio_event *e, uint32_t i)
{
    sl_value v = sl_value_first(e->args, NULL);

    if (!e->is_answer) i++;
    while (i-- > 0 && sl_value_type(v) != SL_JSON_NONE)
        v = sl_value_next(e->args, v, NULL);
    return v;
}

uint32_t sl_sio_arg_count(const sl_sio_event *e)
{
    return sl_value_count(e->args) - (e->is_answer ? 0 : 1);
}

const sl_slice *sl_sio_binary(const sl_sio_event *e, sl_value v)
{
    uint32_t num;

    return sio_attachment(v, e->attachment_count, &num) ? &e->attachment[num] : NULL;
}
