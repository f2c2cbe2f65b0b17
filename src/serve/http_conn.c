/* SPDX-License-Identifier: MIT */
#include "serve/http_conn.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/packet.h"
#include "serve/agents.h"
#include "serve/http_inside.h"
#include "serve/request.h"
#include "serve/trouble.h"

#define SMALL_BYTES   65536 /* answers that wait and still let the next request in */
#define INTERIM_BYTES 64    /* more than an interim answer has */

static void go_on(struct http_conn *c);

/* ---- ending ---- */

void http_conn_free(struct http_conn *c)
{
    list_remove(&c->node);
    list_remove(&c->ready);
    http_read_free_partial(c);
    sl_buf_drop(c->rest);
    packet_drop(c->stuck);
    agents_drop(c->server->agents, c->agent);
    sl__free(c);
}

/* Nobody will read the answer. A request that was handed over is its handler's to free. */
static void lose_request(sl_request *r)
{
    bool ours = !r->handed && !r->answered;

    r->conn = NULL;
    request_tell_gone(r);
    if (ours) request_free(r);
}

static void on_gone(struct stream *s, int why)
{
    struct http_conn *c = s->user;
    sl_request *r = c->request;

    trouble_end(c, why);
    if (r != NULL) lose_request(r);
    if (c->source != NULL) c->source->on_gone(c->source);
    http_conn_free(c);
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

static void expect_request(struct http_conn *c)
{
    c->state = HEAD;
    sl__stream_set_deadline(c->stream, c->server->options.idle_ms);
}

/* ---- reading on ---- */

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    struct http_conn *c = s->user;

    if (c->rest != NULL) /* behind what waits already */
        http_read_keep(c, bytes, n);
    else
        http_read_bytes(c, bytes, n);
}

void http_conn_read_on(struct list *ready)
{
    struct http_conn *c = LIST_ENTRY(ready, struct http_conn, ready);
    sl_buf *rest = c->rest;

    if (c->state != HEAD || rest == NULL) return;
    c->rest = NULL;
    if (http_read_bytes(c, sl__buf_data(rest), rest->len) && c->state != ENDING) go_on(c);
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

    if (c->state == BUSY && c->request != NULL && c->request->on_gone != NULL) {
        http_conn_cut(c, UV_EOF); /* its owner takes that for the end, and at once */
        request_tell_gone(c->request);
        return;
    }
    /* who asked and then closed its half may still read the answer */
    if (c->state == BUSY || c->state == SENDING || c->rest != NULL) return;
    close_idle(c, UV_EOF);
}

static void on_write_deadline(struct http_conn *c)
{
    size_t waiting = sl__stream_waiting(c->stream);

    if (waiting + pace_least(c->server->options.rate_min) <= c->last_waiting) {
        c->last_waiting = waiting;
        sl__stream_set_deadline(c->stream, HTTP_WRITE_MS);
        return;
    }
    c->server->slow_readers++;
    SL_INFO("http", "event=slow_reader waiting=%zu took=%zu within_ms=%d", waiting,
            c->last_waiting - waiting, HTTP_WRITE_MS);
    http_conn_cut(c, SL_E_TIMEOUT);
}

static void on_deadline(struct stream *s)
{
    struct http_conn *c = s->user;

    if (c->state == BODY || (c->state == HEAD && http_read_has_begun(c)))
        http_read_give_up(c);
    else if (c->state == HEAD)
        close_idle(c, SL_E_TIMEOUT);
    else
        on_write_deadline(c);
}

static void watch_writing(struct http_conn *c)
{
    c->last_waiting = sl__stream_waiting(c->stream);
    sl__stream_set_deadline(c->stream, HTTP_WRITE_MS);
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

struct http_conn *http_conn_of(const struct stream *s)
{
    return s->on == &events ? s->user : NULL;
}

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

/*
 * Much waits: the next request waits as well. Some room stays free for its "100 Continue", so
 * that at most the answer behind it can be stuck.
 */
static bool is_behind(const struct http_conn *c)
{
    size_t waiting = sl__stream_waiting(c->stream);

    return c->stuck != NULL || waiting > SMALL_BYTES
           || waiting + INTERIM_BYTES > c->stream->waiting_max;
}

void http_conn_end_request(struct http_conn *c, bool close)
{
    c->request = NULL;
    c->source = NULL;
    sl__stream_read_into(c->stream, NULL, 0);
    if (c->state == ENDING) return;
    if (is_behind(c)) {
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

struct stream *http_conn_take_stream(struct http_conn *c)
{
    struct stream *s = c->stream;

    c->request = NULL;
    c->state = UPGRADED;
    sl__stream_read_into(s, NULL, 0);
    sl__stream_set_deadline(s, 0);
    if (!c->reading) http_conn_free(c); /* else http_read_bytes does, which is on the stack */
    return s;
}

/* ---- for the server ---- */

void http_conn_stop(struct list *node)
{
    struct http_conn *c = LIST_ENTRY(node, struct http_conn, node);

    if (c->state == HEAD && !http_read_has_begun(c) && c->rest == NULL)
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
    if (sl__server_is_stopping(server)) close_idle(c, SL_E_STOPPING);
}
