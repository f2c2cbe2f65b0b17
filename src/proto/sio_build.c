/* SPDX-License-Identifier: MIT */
#include "proto/sio_build.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>

#define COPY_BELOW 1024 /* bytes of JSON that cost less to copy than to hold */

/* ---- lives ---- */

void sio_packet_init(sl_sio_packet *p, const char *event)
{
    *p = (sl_sio_packet){0};
    sl_out_array(&p->out);
    if (event == NULL) return; /* an answer */
    sl_out_str(&p->out, sl_str_of(event));
    p->args_at = p->out.len;
}

void sio_packet_deinit(sl_sio_packet *p)
{
    for (uint32_t i = 0; i < p->piece_n; i++)
        sl_buf_drop(p->piece[i].json.buf);
    for (uint32_t i = 0; i < p->binary_n; i++)
        sl_buf_drop(p->binary[i].buf);
    if (p->made != NULL) p->made_drop(p->made);
    sl_out_deinit(&p->out);
}

sl_sio_packet *sl_sio_packet_new(const char *event)
{
    sl_sio_packet *p = sl__alloc(sizeof *p);

    if (p != NULL) sio_packet_init(p, event);
    return p;
}

void sl_sio_packet_free(sl_sio_packet *p)
{
    if (p == NULL) return;
    sio_packet_deinit(p);
    sl__free(p);
}

/* ---- writing ---- */

static void stick(sl_sio_packet *p, int rc)
{
    if (p->rc == 0) p->rc = rc;
}

/* What has been sent once is settled. */
static bool may_write(sl_sio_packet *p)
{
    if (p->ended) stick(p, SL_E_INVAL);
    return !p->ended;
}

sl_json_out *sl_sio_args(sl_sio_packet *p)
{
    (void)may_write(p);
    return &p->out;
}

static bool is_worth_holding(const sl_sio_packet *p, const sl_buf *buf, sl_str json)
{
    return buf != NULL && json.len >= COPY_BELOW && p->piece_n < SIO_PIECES;
}

static void add_piece(sl_sio_packet *p, sl_buf *buf, sl_str json)
{
    p->piece[p->piece_n++] = (struct sio_piece){
        p->out.len, {sl_buf_hold(buf), json}
    };
}

void sl_sio_put_slice(sl_sio_packet *p, sl_buf *buf, sl_str json)
{
    if (!may_write(p)) return;
    if (!is_worth_holding(p, buf, json)) {
        sl_out_raw(&p->out, json);
        return;
    }
    /* its first byte goes with the comma that the writer may put in front of it */
    sl_out_raw(&p->out, (sl_str){json.ptr, 1});
    add_piece(p, buf, (sl_str){json.ptr + 1, json.len - 1});
}

void sl_sio_put_more(sl_sio_packet *p, sl_buf *buf, sl_str json)
{
    if (!may_write(p)) return;
    if (!is_worth_holding(p, buf, json)) {
        sl_out_more(&p->out, json);
        return;
    }
    sl_out_more(&p->out, (sl_str){0}); /* is there a value? */
    add_piece(p, buf, json);
}

/* ---- binary values ---- */

static void add_binary(sl_sio_packet *p, sl_buf *buf, sl_str bytes)
{
    sl_slice s = {NULL, bytes};

    if (p->binary_n == SL_SIO_ATTACHMENTS_MAX) {
        stick(p, SL_E_TOO_BIG);
        return;
    }
    if (buf != NULL) {
        s.buf = sl_buf_hold(buf);
    } else if (bytes.len > 0) {
        s.buf = sl_buf_copy(bytes);
        if (s.buf == NULL) {
            stick(p, SL_E_NOMEM);
            return;
        }
        s.bytes = sl_buf_str(s.buf);
    }
    p->binary[p->binary_n++] = s;
}

void sl_sio_put_binary(sl_sio_packet *p, sl_buf *buf, sl_str bytes)
{
    char text[48];
    int n;

    if (!may_write(p)) return;
    n = snprintf(text, sizeof text, "{\"_placeholder\":true,\"num\":%u}", p->binary_n);
    sl_out_raw(&p->out, (sl_str){text, (size_t)n});
    add_binary(p, buf, bytes);
}

static void put_with_binary(sl_sio_packet *p, const sl_sio_event *e, sl_value v)
{
    struct sio_passed passed = {.n = p->binary_n};

    for (uint32_t i = 0; i < passed.n; i++)
        passed.num[i] = UINT32_MAX; /* taken by what is none of this event's */
    sio_out_arg(&p->out, v, e->attachment_count, &passed);
    for (uint32_t i = p->binary_n; i < passed.n; i++) {
        const sl_slice *s = &e->attachment[passed.num[i]];
        add_binary(p, s->buf, s->bytes);
    }
}

void sl_sio_put_arg(sl_sio_packet *p, const sl_sio_event *e, sl_value v)
{
    if (!may_write(p)) return;
    if (e->attachment_count > 0)
        put_with_binary(p, e, v);
    else
        sl_sio_put_slice(p, e->buf, sl_value_raw(v));
}

void sl_sio_put_args(sl_sio_packet *p, const sl_sio_event *e, uint32_t from)
{
    for (sl_value v = sl_sio_arg(e, from); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(e->args, v, NULL))
        sl_sio_put_arg(p, e, v);
}

/* ---- encoding ---- */

static int settle(sl_sio_packet *p)
{
    if (!p->ended) sl_out_end(&p->out);
    p->ended = true;
    if (p->out.rc < 0) return p->out.rc;
    if (p->out.depth > 0) stick(p, SL_E_INVAL); /* an object or array was left open */
    return p->rc;
}

/*
 *   head [ text ... piece 0 ... text ... piece 1 ... text
 *
 * The text lies in one buffer behind the head; `from` is where it begins in p->out.
 */
static int add_text(const sl_sio_packet *p, sl_buf *b, size_t lead, size_t from, sl_message *m)
{
    sl_str all = sl_buf_str(b);
    size_t at = 0;
    int rc = 0;

    for (uint32_t i = 0; i < p->piece_n && rc == 0; i++) {
        size_t to = lead + p->piece[i].at - from;
        rc = sl_message_add(m, b, (sl_str){all.ptr + at, to - at});
        if (rc == 0) rc = sl_message_add(m, p->piece[i].json.buf, p->piece[i].json.bytes);
        at = to;
    }
    return rc < 0 ? rc : sl_message_add(m, b, (sl_str){all.ptr + at, all.len - at});
}

static void append(sl_buf *b, sl_str bytes)
{
    if (bytes.len > 0) memcpy(sl__buf_data(b) + b->len, bytes.ptr, bytes.len);
    b->len += bytes.len;
}

static struct sio_head head_of(const sl_sio_packet *p, sl_str nsp, const uint64_t *id,
                               bool answer)
{
    struct sio_head h = {.nsp = nsp, .attachments = p->binary_n, .has_id = id != NULL};

    if (id != NULL) h.id = *id;
    if (answer)
        h.type = p->binary_n > 0 ? SIO_BINARY_ACK : SIO_ACK;
    else
        h.type = p->binary_n > 0 ? SIO_BINARY_EVENT : SIO_EVENT;
    return h;
}

int sio_packet_settle(sl_sio_packet *p, bool answer)
{
    int rc = settle(p);

    return rc == 0 && !answer && p->args_at == 0 ? SL_E_INVAL : rc; /* it has no name */
}

void sl_sio_set_born(sl_sio_packet *p, uint64_t born_us)
{
    p->born_us = born_us;
}

/* tail: what stands in the place of the last bracket; empty: that */
static int encode(sl_sio_packet *p, const struct sio_head *h, bool answer, sl_str tail,
                  struct sio_parts *out)
{
    char head[SIO_HEAD_MAX + 1];
    size_t from = answer ? p->args_at : 0, lead;
    int rc = sio_packet_settle(p, answer);
    sl_str text = sl_out_text(&p->out);

    out->n = 0;
    out->text = NULL;
    if (rc < 0) return rc;
    text.len -= tail.len > 0;
    lead = sio_put_head(h, head);
    if (answer && from > 0) { /* its name and the comma behind that are left out */
        head[lead++] = '[';
        from += text.ptr[from] == ',';
    }
    out->text = sl_buf_new(0, lead + text.len - from + tail.len);
    if (out->text == NULL) return SL_E_NOMEM;
    append(out->text, (sl_str){head, lead});
    append(out->text, str_part(text, from, text.len));
    append(out->text, tail);
    out->n = 1 + p->binary_n;
    memset(out->part, 0, out->n * sizeof out->part[0]);
    out->part[0].text = true;
    out->part[0].born_us = p->born_us;
    rc = add_text(p, out->text, lead, from, &out->part[0]); /* there is room for all */
    for (uint32_t i = 0; i < p->binary_n && rc == 0; i++)
        rc = sl_message_add(&out->part[1 + i], p->binary[i].buf, p->binary[i].bytes);
    if (rc < 0) sio_parts_drop(out);
    return rc;
}

int sio_packet_encode(sl_sio_packet *p, sl_str nsp, const uint64_t *id, bool answer,
                      struct sio_parts *out)
{
    struct sio_head h = head_of(p, nsp, id, answer);

    return encode(p, &h, answer, (sl_str){0}, out);
}

int sio_packet_encode_marked(sl_sio_packet *p, sl_str nsp, uint64_t offset,
                             struct sio_parts *out)
{
    struct sio_head h = head_of(p, nsp, NULL, false);
    char tail[32];
    int n = snprintf(tail, sizeof tail, ",\"%" PRIu64 "\"]", offset);

    return encode(p, &h, false, (sl_str){tail, (size_t)n}, out);
}

void sio_parts_drop(struct sio_parts *parts)
{
    sl_buf_drop(parts->text);
    parts->text = NULL;
    parts->n = 0;
}
