/* SPDX-License-Identifier: MIT */
#include "serve/http_conn.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "serve/answer.h"
#include "serve/body.h"
#include "serve/cors.h"
#include "serve/dispatch.h"
#include "serve/ws_session.h"

#define WRITE_MS    20000 /* a reader that takes nothing for so long is gone */
#define SMALL_BYTES 65536 /* answers that wait and still let the next request in */

enum state { HEAD, BODY, BUSY, SENDING, ENDING, UPGRADED };

/* A head that came in pieces; exists only while it is not complete. */
struct partial {
    sl_buf *buf;
    struct http1_head head;
};

struct http_conn {
    struct stream *stream;
    sl_server *server;
    struct list node;        /* in server->connections */
    struct list ready;       /* in server->ready */
    struct partial *partial; /* HEAD */
    sl_request *request;     /* BODY, BUSY */
    sl_buf *rest;            /* bytes behind the request in progress */
    struct packet *stuck;    /* an answer that did not fit behind the one before */
    struct body_source *source;
    sl_ws *ws;           /* UPGRADED */
    size_t last_waiting; /* SENDING: at the last deadline */
    uint8_t state;
    bool reading; /* inside read_bytes */
    bool close;   /* SENDING: end afterwards */
};

static void go_on(struct http_conn *c);

/* ---- ending ---- */

static void free_partial(struct http_conn *c)
{
    if (c->partial == NULL) return;
    sl_buf_drop(c->partial->buf);
    sl__free(c->partial);
    c->partial = NULL;
}

static void free_conn(struct http_conn *c)
{
    list_remove(&c->node);
    list_remove(&c->ready);
    free_partial(c);
    sl_buf_drop(c->rest);
    packet_drop(c->stuck);
    sl__free(c);
}

static void on_gone(struct stream *s, int why)
{
    struct http_conn *c = s->user;
    sl_request *r = c->request;

    (void)why;
    if (r != NULL) r->conn = NULL;
    if (r != NULL && !r->handed && !r->answered) request_free(r);
    if (c->source != NULL) c->source->on_gone(c->source);
    free_conn(c);
}

/* Nothing more is read; what waits still leaves. */
static void end(struct http_conn *c, int why)
{
    c->state = ENDING;
    sl__stream_read_into(c->stream, NULL, 0);
    sl__stream_end(c->stream, why);
}

/* Between requests there is nobody to say anything to. */
static void close_idle(struct http_conn *c, int why)
{
    if (sl__stream_waiting(c->stream) > 0) {
        end(c, why);
        return;
    }
    c->state = ENDING;
    sl__stream_close(c->stream, why);
}

void http_conn_cut(struct http_conn *c, int why)
{
    c->state = ENDING;
    sl__stream_close(c->stream, why);
}

/* ---- one request after the other ---- */

/* Stray line ends between requests are no request, RFC 9112 §2.2. */
static bool has_begun(const struct http_conn *c)
{
    if (c->partial == NULL) return false;
    sl_str s = sl_buf_str(c->partial->buf);

    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != '\r' && s.ptr[i] != '\n') return true;
    return false;
}

static void expect_request(struct http_conn *c)
{
    c->state = HEAD;
    sl__stream_set_deadline(c->stream, c->server->options.idle_ms);
}

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

static void give_up(struct http_conn *c, int status, const char *what, uint32_t ms)
{
    struct http1_head none = {0};
    struct http1_head *h = c->partial != NULL ? &c->partial->head : &none;

    if (c->request == NULL) {
        c->request = request_new(c->server, c, h);
        free_partial(c);
    }
    if (c->request == NULL) {
        http_conn_cut(c, SL_E_TIMEOUT);
        return;
    }
    c->state = BUSY;
    sl_answer_error(c->request, status, "%s within %u ms: the connection is closed", what,
                    (unsigned)ms);
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
    if (has_begun(c)) sl__stream_set_deadline(c->stream, c->server->options.head_ms);
    return n;
no_memory:
    http_conn_cut(c, SL_E_NOMEM);
    return n;
}

static int append_partial(struct http_conn *c, const uint8_t *bytes, size_t n)
{
    struct partial *p = c->partial;
    bool begun = has_begun(c);

    if (sl__buf_room(p->buf) < n) {
        sl_buf *grown = sl__buf_grow(p->buf, p->buf->len * 2 + n);
        if (grown == NULL) return SL_E_NOMEM;
        p->buf = grown;
    }
    memcpy(sl__buf_data(p->buf) + p->buf->len, bytes, n);
    p->buf->len += n;
    if (!begun && has_begun(c)) sl__stream_set_deadline(c->stream, c->server->options.head_ms);
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
    begin_request(c, h, rc);
    return used;
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
        sl_answer_error(r, r->chunks.status, "%s", r->chunks.why);
    } else if (rc == SL_E_NOMEM) {
        http_conn_cut(c, rc);
    } else {
        sl__stream_set_deadline(c->stream, c->server->options.body_ms);
        if (body_want(r, &into, &room)) sl__stream_read_into(c->stream, into, room);
    }
    return used;
}

static void keep_rest(struct http_conn *c, const uint8_t *bytes, size_t n)
{
    sl_buf *kept;

    if (n == 0 || c->state == ENDING) return;
    sl__stream_pause(c->stream);
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

/* The stream is a session's now: ours are the bytes behind the handshake, and to go. */
static void finish_upgrade(struct http_conn *c, uint8_t *bytes, size_t n)
{
    struct stream *s = c->stream;
    sl_ws *ws = c->ws;

    free_conn(c);
    if (n > 0) sl__ws_feed(ws, bytes, n);
    if (s->paused) sl__stream_resume(s);
}

/* returns false when the connection has become something else and `c` is no more */
static bool read_bytes(struct http_conn *c, uint8_t *bytes, size_t n)
{
    c->reading = true;
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
    keep_rest(c, bytes, n);
    return true;
}

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    struct http_conn *c = s->user;

    if (c->rest != NULL) /* behind what waits already */
        keep_rest(c, bytes, n);
    else
        read_bytes(c, bytes, n);
}

void http_conn_read_on(struct list *ready)
{
    struct http_conn *c = LIST_ENTRY(ready, struct http_conn, ready);
    sl_buf *rest = c->rest;

    if (c->state != HEAD || rest == NULL) return;
    c->rest = NULL;
    if (read_bytes(c, sl__buf_data(rest), rest->len) && c->state != ENDING) go_on(c);
    sl_buf_drop(rest);
}

/* What is next, when nothing is being read at the moment. */
static void go_on(struct http_conn *c)
{
    if (c->state != HEAD && c->state != BODY) return;
    if (c->rest != NULL)
        sl__server_add_ready(c->server, &c->ready);
    else if (c->stream->peer_ended)
        close_idle(c, UV_EOF);
    else if (c->stream->paused)
        sl__stream_resume(c->stream);
}

/* ---- the stream's other events ---- */

static void on_end(struct stream *s)
{
    struct http_conn *c = s->user;

    /* who asked and then closed its half may still read the answer */
    if (c->state == BUSY || c->state == SENDING || c->rest != NULL) return;
    close_idle(c, UV_EOF);
}

static void on_write_deadline(struct http_conn *c)
{
    size_t waiting = sl__stream_waiting(c->stream);

    if (waiting < c->last_waiting) {
        c->last_waiting = waiting;
        sl__stream_set_deadline(c->stream, WRITE_MS);
        return;
    }
    SL_INFO("http", "event=slow_reader waiting=%zu note=\"took nothing for %d ms\"", waiting,
            WRITE_MS);
    http_conn_cut(c, SL_E_TIMEOUT);
}

static void on_deadline(struct stream *s)
{
    struct http_conn *c = s->user;
    const sl_server_options *o = &c->server->options;

    switch (c->state) {
    case HEAD:
        if (has_begun(c))
            give_up(c, 408, "the head of the request did not arrive", o->head_ms);
        else
            close_idle(c, SL_E_TIMEOUT);
        break;
    case BODY: give_up(c, 408, "no byte of the body arrived", o->body_ms); break;
    default: on_write_deadline(c); break;
    }
}

static void watch_writing(struct http_conn *c)
{
    c->last_waiting = sl__stream_waiting(c->stream);
    sl__stream_set_deadline(c->stream, WRITE_MS);
}

static void send_stuck(struct http_conn *c)
{
    struct packet *p = c->stuck;

    c->stuck = NULL;
    if (sl__stream_send(c->stream, p, 0) < 0) http_conn_cut(c, SL_E_NOMEM);
    packet_drop(p);
    if (c->state == SENDING) watch_writing(c);
}

static void on_drained(struct stream *s)
{
    struct http_conn *c = s->user;

    if (c->stuck != NULL) {
        send_stuck(c);
    } else if (c->source != NULL) {
        sl__stream_set_deadline(s, 0);
        c->source->on_room(c->source);
    } else if (c->state == SENDING && c->close) {
        end(c, 0);
    } else if (c->state == SENDING) {
        expect_request(c);
        go_on(c);
    }
}

static const struct stream_events events = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_deadline = on_deadline,
    .on_drained = on_drained,
    .on_gone = on_gone,
};

static void on_refused_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    (void)s, (void)bytes, (void)n;
}

static void on_refused_gone(struct stream *s, int why)
{
    (void)s, (void)why;
}

/* For a stream that closes before there was memory for its connection. */
static const struct stream_events refused = {
    .on_bytes = on_refused_bytes,
    .on_gone = on_refused_gone,
};

/* ---- for answers ---- */

int http_conn_send(struct http_conn *c, struct packet *p)
{
    int rc;

    if (c->state == ENDING || c->stuck != NULL) return SL_E_CLOSED;
    rc = sl__stream_send(c->stream, p, 0);
    if (rc == SL_E_FULL) { /* behind an earlier answer: when that has left, any one fits */
        c->stuck = packet_hold(p);
        rc = 0;
    }
    if (rc == 0 && c->source != NULL) watch_writing(c);
    return rc;
}

void http_conn_set_source(struct http_conn *c, struct body_source *b)
{
    c->source = b;
    if (b != NULL) watch_writing(c);
}

void http_conn_end_request(struct http_conn *c, bool close)
{
    c->request = NULL;
    c->source = NULL;
    sl__stream_read_into(c->stream, NULL, 0);
    if (c->state == ENDING) return;
    if (c->stuck != NULL || sl__stream_waiting(c->stream) > SMALL_BYTES) {
        c->state = SENDING;
        c->close = close;
        watch_writing(c);
    } else if (close) {
        end(c, 0);
    } else {
        expect_request(c);
        if (!c->reading) go_on(c);
    }
}

/* ---- for dispatch and the server ---- */

void http_conn_upgrade(struct http_conn *c, const struct sl_ws_ops *ops, void *user)
{
    sl_request *r = c->request;
    struct lines lines = {0};
    const char *why = "out of memory";
    int status = 503, rc;

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
        refuse(r, status, status == 426 ? SL_STR(UPGRADE_LINES) : SL_STR(""), "%s", why);
    }
}

void http_conn_stop(struct list *node)
{
    struct http_conn *c = LIST_ENTRY(node, struct http_conn, node);

    if (c->state == HEAD && c->partial == NULL && c->rest == NULL)
        close_idle(c, SL_E_STOPPING);
    else if (c->state == SENDING)
        c->close = true;
}

bool http_conn_is_closing(const struct http_conn *c)
{
    return c->stream->closing;
}

struct stream *http_conn_stream(const struct http_conn *c)
{
    return c->stream;
}

void http_conn_open(sl_server *server, struct stream *stream)
{
    struct http_conn *c = sl__zalloc(sizeof *c);

    if (c == NULL) {
        sl__stream_set_events(stream, &refused, NULL);
        sl__stream_close(stream, SL_E_NOMEM);
        return;
    }
    c->stream = stream;
    c->server = server;
    list_init(&c->ready);
    list_add_last(&server->connections, &c->node);
    sl__stream_set_events(stream, &events, c);
    expect_request(c);
}
