/* SPDX-License-Identifier: MIT */
/* Making packets: arguments are written once, and encoded once for each namespace. */
#include "base/alloc.h"
#include "base/buf.h"
#include "serve/sio_inside.h"

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
    eio_message_drop(p->made);
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

static void append(sl_buf *b, const char *bytes, size_t n)
{
    memcpy(sl__buf_data(b) + b->len, bytes, n);
    b->len += n;
}

static struct eio_message *encode(const sl_sio_packet *p, const struct sio_head *h, int *rc)
{
    sl_message part[1 + SL_SIO_ATTACHMENTS_MAX];
    sl_str text = sl_out_text(&p->out);
    bool is_answer = h->type == SIO_ACK || h->type == SIO_BINARY_ACK;
    size_t from = is_answer ? p->args_at : 0;
    char head[SIO_HEAD_MAX + 1];
    size_t lead = sio_put_head(h, head);
    struct eio_message *made = NULL;
    sl_buf *b;

    if (is_answer && from > 0) { /* its name and the comma behind that are left out */
        head[lead++] = '[';
        from += text.ptr[from] == ',';
    }
    *rc = SL_E_NOMEM;
    b = sl_buf_new(0, lead + text.len - from);
    if (b == NULL) return NULL;
    append(b, head, lead);
    append(b, text.ptr + from, text.len - from);
    memset(part, 0, sizeof part[0] * (1 + p->binary_n));
    part[0].text = true;
    if (add_text(p, b, lead, from, &part[0]) < 0) goto done; /* there is room for all */
    for (uint32_t i = 0; i < p->binary_n; i++)
        if (sl_message_add(&part[1 + i], p->binary[i].buf, p->binary[i].bytes) < 0) goto done;
    made = eio_message_new(part, 1 + p->binary_n);
    if (made != NULL) *rc = 0;
done:
    sl_buf_drop(b);
    return made;
}

static struct sio_head head_of(const sl_sio_packet *p, const struct sio_nsp *nsp, bool answer)
{
    struct sio_head h = {.nsp = nsp->name, .attachments = p->binary_n};

    if (answer)
        h.type = p->binary_n > 0 ? SIO_BINARY_ACK : SIO_ACK;
    else
        h.type = p->binary_n > 0 ? SIO_BINARY_EVENT : SIO_EVENT;
    return h;
}

struct eio_message *sio_packet_event(sl_sio_packet *p, const struct sio_nsp *nsp, int *rc)
{
    struct sio_head h = head_of(p, nsp, false);

    *rc = settle(p);
    if (*rc == 0 && p->args_at == 0) *rc = SL_E_INVAL; /* it has no name */
    if (*rc < 0) return NULL;
    if (p->made != NULL && p->made_for == nsp->serial) return p->made;
    eio_message_drop(p->made);
    p->made = encode(p, &h, rc);
    p->made_for = nsp->serial;
    return p->made;
}

struct eio_message *sio_packet_with_id(sl_sio_packet *p, const struct sio_nsp *nsp, bool answer,
                                       uint64_t id, int *rc)
{
    struct sio_head h = head_of(p, nsp, answer);

    *rc = settle(p);
    if (*rc == 0 && !answer && p->args_at == 0) *rc = SL_E_INVAL;
    if (*rc < 0) return NULL;
    h.has_id = true;
    h.id = id;
    return encode(p, &h, rc);
}

struct eio_message *sio_plain_message(const sl_json_out *o)
{
    sl_message m = {.text = true};
    struct eio_message *made = NULL;
    sl_buf *b;

    if (o->rc < 0) return NULL;
    b = sl_buf_copy(sl_out_text(o));
    if (b == NULL) return NULL;
    if (sl_message_add(&m, b, sl_buf_str(b)) == 0) made = eio_message_new(&m, 1);
    sl_buf_drop(b);
    return made;
}
