/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/buf.h"
#include "serve/agents.h"
#include "serve/answer.h"
#include "serve/body.h"
#include "serve/cors.h"
#include "serve/dispatch.h"
#include "serve/http_inside.h"
#include "serve/trouble.h"
#include "serve/ws_session.h"

#define WATCHED_BYTES 16384 /* that may wait behind a request whose peer is watched */

void http_read_free_partial(struct http_conn *c)
{
    if (c->partial == NULL) return;
    sl_buf_drop(c->partial->buf);
    sl__free(c->partial);
    c->partial = NULL;
}

/* Stray line ends between requests are no request, RFC 9112 §2.2. */
bool http_read_has_begun(const struct http_conn *c)
{
    if (c->partial == NULL) return false;
    sl_str s = sl_buf_str(c->partial->buf);

    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != '\r' && s.ptr[i] != '\n') return true;
    return false;
}

/* ---- one request ---- */

static void hand_over(struct http_conn *c)
{
    c->state = BUSY;
    c->request->whole = true;
    c->request->handed = true;
    sl__stream_set_deadline(c->stream, 0); /* the handler may take its time */
    dispatch_whole(c->request);
}

static void begin_body(struct http_conn *c, sl_request *r)
{
    r->body_left = r->head->content_length;
    if (r->head->chunked) http1_chunks_init(&r->chunks, r->body_max);
    c->state = BODY;
    sl__stream_set_deadline(c->stream, c->server->options.body_ms);
    pace_begin(&c->pace, sl__loop_now_ms(c->server->loop));
}

/* The head is complete (rc 0) or broken (SL_E_HTTP; its status and sentence are in `h`). */
static void begin_request(struct http_conn *c, const struct http1_head *h, int rc)
{
    sl_request *r = request_new(c->server, c, h);

    if (r == NULL) {
        http_conn_cut(c, SL_E_NOMEM);
        return;
    }
    c->request = r;
    c->state = BUSY;
    if (c->agent == 0)
        c->agent = agents_hold(&c->server->agents, sl_request_header(r, "User-Agent"));
    if (rc < 0) {
        sl_answer_error(r, h->status, "%s", h->why);
        return;
    }
    r->whole = !h->chunked && h->content_length == 0;
    if (!dispatch_head(r)) return;
    if (r->whole)
        hand_over(c);
    else
        begin_body(c, r);
}

void http_read_give_up(struct http_conn *c)
{
    const sl_server_options *o = &c->server->options;
    struct http1_head none = {0};

    if (c->state == BODY) {
        c->state = BUSY;
        c->server->slow_bodies++;
        trouble_request(c->request, SL_TROUBLE_SLOW_BODY, NULL);
        sl_answer_error(c->request, 408, "no byte of the body arrived within %u ms",
                        o->body_ms);
        return;
    }
    trouble_slow_head(c);
    c->request = request_new(c->server, c, c->partial != NULL ? &c->partial->head : &none);
    http_read_free_partial(c);
    if (c->request == NULL) {
        http_conn_cut(c, SL_E_TIMEOUT);
        return;
    }
    c->state = BUSY;
    sl_answer_error(c->request, 408, "the head of the request did not arrive within %u ms",
                    o->head_ms);
}

/* ---- reading ---- */

/* The head is cut: keep what is there, and where the scan stands. returns bytes taken */
static size_t keep_partial(struct http_conn *c, const uint8_t *bytes, size_t n)
{
    struct partial *p = sl__alloc(sizeof *p);

    if (p == NULL) goto no_memory;
    p->buf = sl_buf_copy((sl_str){(const char *)bytes, n});
    if (p->buf == NULL) {
        sl__free(p);
        goto no_memory;
    }
    p->head = c->server->head;
    http1_head_rebase(&p->head, sl_buf_str(p->buf).ptr);
    c->partial = p;
    if (http_read_has_begun(c)) sl__stream_set_deadline(c->stream, c->server->options.head_ms);
    return n;
no_memory:
    http_conn_cut(c, SL_E_NOMEM);
    return n;
}

static int append_partial(struct http_conn *c, const uint8_t *bytes, size_t n)
{
    struct partial *p = c->partial;
    bool begun = http_read_has_begun(c);

    if (sl__buf_room(p->buf) < n) {
        sl_buf *grown = sl__buf_grow(p->buf, p->buf->len * 2 + n);
        if (grown == NULL) return SL_E_NOMEM;
        p->buf = grown;
    }
    memcpy(sl__buf_data(p->buf) + p->buf->len, bytes, n);
    p->buf->len += n;
    if (!begun && http_read_has_begun(c))
        sl__stream_set_deadline(c->stream, c->server->options.head_ms);
    return 0;
}

static size_t read_cut_head(struct http_conn *c, const uint8_t *bytes, size_t n)
{
    struct partial *p = c->partial;
    size_t had = p->buf->len, room = c->server->options.head_max - had;
    int rc;

    if (n > room) n = room;
    if (append_partial(c, bytes, n) < 0) {
        http_conn_cut(c, SL_E_NOMEM);
        return n;
    }
    rc = http1_head_feed(&p->head, sl_buf_str(p->buf).ptr, p->buf->len);
    if (rc == SL_E_PARTIAL) return n;
    if (rc == 0) n = p->head.head_len - had; /* what is behind it is not ours */
    if (rc == SL_E_HTTP) trouble_head(c, &p->head, sl__buf_data(p->buf), p->buf->len);
    c->partial = NULL;
    begin_request(c, &p->head, rc);
    sl_buf_drop(p->buf);
    sl__free(p);
    return n;
}

/* As a rule the whole head lies in the loop's scratch space and is read from there. */
static size_t read_head(struct http_conn *c, const uint8_t *bytes, size_t n)
{
    struct http1_head *h = &c->server->head;
    int rc;

    if (c->partial != NULL) return read_cut_head(c, bytes, n);
    http1_head_init(h, c->server->options.head_max);
    rc = http1_head_feed(h, (const char *)bytes, n);
    if (rc == SL_E_PARTIAL) return keep_partial(c, bytes, n);
    size_t used = rc == 0 ? h->head_len : n;
    if (rc == SL_E_HTTP) trouble_head(c, h, bytes, n);
    begin_request(c, h, rc);
    return used;
}

/* Slower than it may be? Then it has been answered. */
static bool is_body_slow(struct http_conn *c, size_t n)
{
    const uint32_t rate = c->server->options.rate_min;

    if (pace_add(&c->pace, sl__loop_now_ms(c->server->loop), n, rate) == 0) return false;
    c->server->slow_bodies++;
    c->state = BUSY;
    trouble_request(c->request, SL_TROUBLE_SLOW_BODY, NULL);
    sl_answer_error(c->request, 408,
                    "the body arrived slower than %u bytes a second for %d seconds", rate,
                    PACE_WINDOW_MS / 1000);
    return true;
}

static size_t read_body(struct http_conn *c, const uint8_t *bytes, size_t n)
{
    sl_request *r = c->request;
    size_t used = 0, room;
    uint8_t *into;
    int rc = body_feed(r, bytes, n, &used);

    if (rc == 0) {
        hand_over(c);
    } else if (rc == SL_E_HTTP) {
        trouble_request(r,
                        r->chunks.status == 413 ? SL_TROUBLE_LARGE_BODY : SL_TROUBLE_BAD_BODY,
                        r->chunks.why);
        sl_answer_error(r, r->chunks.status, "%s", r->chunks.why);
    } else if (rc == SL_E_NOMEM) {
        http_conn_cut(c, rc);
    } else if (!is_body_slow(c, used)) {
        sl__stream_set_deadline(c->stream, c->server->options.body_ms);
        if (body_want(r, &into, &room)) sl__stream_read_into(c->stream, into, room);
    }
    return used;
}

/* Whoever wants to know at once when the peer hangs up must go on reading, up to a bound. */
static bool must_read_on(const struct http_conn *c, size_t more)
{
    size_t has = c->rest != NULL ? c->rest->len : 0;

    return c->request != NULL && c->request->on_gone != NULL && has + more <= WATCHED_BYTES;
}

void http_read_keep(struct http_conn *c, const uint8_t *bytes, size_t n)
{
    sl_buf *kept;

    if (n == 0 || c->state == ENDING) return;
    if (!must_read_on(c, n)) sl__stream_pause(c->stream);
    if (c->rest == NULL) {
        c->rest = sl_buf_copy((sl_str){(const char *)bytes, n});
        if (c->rest == NULL) http_conn_cut(c, SL_E_NOMEM);
        return;
    }
    kept = sl__buf_grow(c->rest, c->rest->len + n);
    if (kept == NULL) {
        http_conn_cut(c, SL_E_NOMEM);
        return;
    }
    memcpy(sl__buf_data(kept) + kept->len, bytes, n);
    kept->len += n;
    c->rest = kept;
}

/* The stream is a session's now: ours are the bytes behind the handshake, and to go. A feed
 * wants none: it ends with the connection. */
static void finish_upgrade(struct http_conn *c, uint8_t *bytes, size_t n)
{
    struct stream *s = c->stream;
    sl_ws *ws = c->ws;

    http_conn_free(c);
    if (ws != NULL && n > 0 && !s->closing) sl__ws_feed(ws, bytes, n);
    if (s->paused) sl__stream_resume(s);
}

/* returns false when the connection has become something else and `c` is no more */
bool http_read_bytes(struct http_conn *c, uint8_t *bytes, size_t n)
{
    c->reading = true;
    c->heard = true;
    while (n > 0 && (c->state == HEAD || c->state == BODY) && !c->stream->closing) {
        size_t used = c->state == HEAD ? read_head(c, bytes, n) : read_body(c, bytes, n);
        bytes += used;
        n -= used;
    }
    c->reading = false;
    if (c->state == UPGRADED) {
        finish_upgrade(c, bytes, n);
        return false;
    }
    http_read_keep(c, bytes, n);
    return true;
}

/* ---- upgrades ---- */

void http_conn_upgrade(struct http_conn *c, const struct sl_ws_ops *ops, void *user)
{
    sl_request *r = c->request;
    struct lines lines = {0};
    const char *why = "out of memory";
    int status = 503, rc;

    if (sl__server_is_stopping(c->server)) { /* the goodbyes have been said already */
        sl_answer_error(r, 503, "the server is shutting down");
        return;
    }
    cors_put(&lines, c->server, r);
    lines_add(&lines, lines_text(&r->lines));
    rc = lines.failed ? SL_E_NOMEM
                      : sl__ws_open(c->server, c->stream, r, ops, user, lines_text(&lines),
                                    &status, &why, &c->ws);
    lines_deinit(&lines);
    if (rc == 0) {
        c->state = UPGRADED;
        c->request = NULL;
        request_free(r);
    } else {
        if (rc == SL_E_WS_PROTO) {
            trouble_request(r, status == 426 ? SL_TROUBLE_WS_VERSION : SL_TROUBLE_WS_KEY, why);
        }
        refuse(r, status, status == 426 ? SL_STR(UPGRADE_LINES) : SL_STR(""), "%s", why);
    }
}
