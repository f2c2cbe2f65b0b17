/* SPDX-License-Identifier: MIT */
#include "serve/inspect.h"

#include "base/alloc.h"
#include "serve/agents.h"
#include "serve/eio_inside.h"
#include "serve/feed.h"
#include "serve/http_inside.h"
#include "serve/request.h"
#include "serve/rooms.h"
#include "serve/sio_inside.h"
#include "serve/ws_internal.h"

#include <stdlib.h>

#define CLOSE_POLICY 1008

static struct stream *stream_of(const struct eio_session *s)
{
    const sl_request *r = s->poll != NULL ? s->poll : s->post;

    if (s->ws != NULL) return s->ws->stream;
    return r != NULL && r->conn != NULL ? http_conn_stream(r->conn) : NULL;
}

static void of_session(struct eio_session *s, struct inspected *out)
{
    *out = (struct inspected){.id = eio_id(s), .stream = stream_of(s), .ws = s->ws, .eio = s};
}

/* ---- what a stream is ---- */

static bool is_shown_ws(sl_ws *ws, struct inspected *out)
{
    struct eio_session *s;

    if (ws->over || ws->close_sent) return false;
    out->ws = ws;
    if (!ws->is_carrier) return true;
    s = sl_ws_user(ws);
    out->eio = s;
    return s != NULL && s->ws == ws && !s->over; /* not a probe */
}

/* What is closing is gone already; requests of Engine.IO are their session's. */
static bool classify(const struct inspect *in, struct stream *s, struct inspected *out)
{
    struct http_conn *c = http_conn_of(s);
    sl_feed *f = c == NULL ? feed_of(s) : NULL;
    sl_ws *ws = c == NULL && f == NULL ? ws_of(s) : NULL;

    *out = (struct inspected){.id = s->id, .stream = s, .http = c, .feed = f};
    if (s->closing || s->ending) return false;
    if (c != NULL && c->server == in->server)
        return c->request == NULL || !eio_is_of_session(c->request);
    if (f != NULL) return !feed_is_closing(f);
    return ws != NULL && ws->server == in->server && is_shown_ws(ws, out);
}

/* ---- walking ---- */

struct walk {
    const struct inspect *in;
    uint64_t after, last;
    uint32_t left;
    inspect_fn *fn;
    void *user;
    bool is_over;
};

static void visit(struct walk *w, const struct inspected *c)
{
    w->last = c->id;
    w->is_over = --w->left == 0;
    if (!w->fn(c, w->user)) w->is_over = true;
}

/* Closing takes nobody out of the list before the end of the turn. */
static void walk_streams(struct walk *w)
{
    const struct list *all = &w->in->server->loop->streams, *next;
    struct inspected c;

    for (const struct list *n = all->next; n != all && !w->is_over; n = next) {
        struct stream *s = LIST_ENTRY(n, struct stream, all);
        next = n->next;
        if (s->id > w->after && classify(w->in, s, &c)) visit(w, &c);
    }
}

struct polled {
    uint64_t id;
    struct eio_session *session;
};

static int by_id(const void *a, const void *b)
{
    const struct polled *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

/* Into `out`, unless that is NULL. returns how many */
static size_t gather_polling(const struct walk *w, struct polled *out)
{
    const struct eio_table *t = &w->in->sio->eio->sessions;
    struct eio_session *s;
    size_t n = 0;

    for (uint32_t i = 0; (s = eio_table_at(t, &i)) != NULL; i++) {
        for (; s != NULL; s = s->next) {
            if (s->ws != NULL || s->over || eio_id(s) <= w->after) continue;
            if (out != NULL) out[n] = (struct polled){eio_id(s), s};
            n++;
        }
    }
    return n;
}

static int walk_polling(struct walk *w)
{
    size_t n = gather_polling(w, NULL);
    struct polled *p;
    struct inspected c;

    if (n == 0) return 0;
    p = sl__alloc(n * sizeof *p);
    if (p == NULL) return SL_E_NOMEM;
    gather_polling(w, p);
    qsort(p, n, sizeof *p, by_id);
    for (size_t i = 0; i < n; i++) /* they end at the end of the turn: none has been freed */
        eio_session_hold(p[i].session);
    for (size_t i = 0; i < n; i++) {
        if (!w->is_over && !p[i].session->over) {
            of_session(p[i].session, &c);
            visit(w, &c);
        }
        eio_session_drop(p[i].session);
    }
    sl__free(p);
    return 0;
}

int inspect_each(const struct inspect *in, uint64_t after, uint32_t most, inspect_fn *fn,
                 void *user, uint64_t *next)
{
    struct walk w = {
        .in = in, .after = after, .left = most, .fn = fn, .user = user, .is_over = most == 0};
    int rc = 0;

    if (after < EIO_ID_POLLING) walk_streams(&w);
    if (!w.is_over && in->sio != NULL) rc = walk_polling(&w);
    *next = w.is_over ? w.last : 0;
    return rc;
}

struct search {
    uint64_t id;
    struct inspected *out;
    bool found;
};

static bool on_candidate(const struct inspected *c, void *user)
{
    struct search *s = user;

    s->found = c->id == s->id;
    if (s->found) *s->out = *c;
    return false;
}

bool inspect_find(const struct inspect *in, uint64_t id, struct inspected *out)
{
    struct search s = {.id = id, .out = out};
    uint64_t next;

    return id != 0 && inspect_each(in, id - 1, 1, on_candidate, &s, &next) == 0 && s.found;
}

/* ---- ending ---- */

void inspect_end(const struct inspected *c, const char *reason)
{
    if (c->eio != NULL)
        eio_close(c->eio);
    else if (c->ws != NULL)
        sl_ws_close(c->ws, CLOSE_POLICY, reason);
    else if (c->feed != NULL)
        feed_end(c->feed);
    else if (c->http != NULL)
        http_conn_cut(c->http, SL_E_CLOSED);
}

/* ---- looking ---- */

static const char *protocol_of(const struct inspected *c)
{
    const char *sub;

    if (c->eio != NULL) return c->eio->revision == 3 ? "engine.io 3" : "engine.io 4";
    if (c->ws == NULL) return "http/1.1";
    sub = sl_ws_protocol(c->ws);
    return sub != NULL ? sub : "raw";
}

static void look_at_ws(const sl_server *server, const sl_ws *ws, struct inspect_facts *out)
{
    out->transport = "websocket";
    out->path = sl_str_of(ws->path);
    out->agent = agents_text(server->agents, ws->agent);
    out->silent_us = (int64_t)(server->loop->now.us - ws->heard_ms * 1000);
    if (out->silent_us < 0) out->silent_us = 0;
    if (ws->rtt != 0 && !(ws->rtt & WS_RTT_PINGED)) out->rtt_us = ws->rtt;
    out->conflated = rooms_conflated(ws);
}

static void look_at_session(const struct inspect *in, const struct eio_session *s,
                            struct inspect_facts *out)
{
    uint64_t now_2s = in->server->loop->now.us / 2000000;

    out->transport = s->state == EIO_ON_WEBSOCKET ? "websocket" : "polling";
    out->path = sl_str_of(in->sio->path);
    out->agent = agents_text(in->sio->eio->agents, s->agent);
    out->conflated = s->conflated;
    out->age_us = (int64_t)((now_2s - s->born_2s) & EIO_BORN_MASK) * 2000000;
    if (s->ws == NULL) {
        snprintf(out->peer, sizeof out->peer, "%s", s->peer);
        out->queued = s->queue != NULL ? s->queue->bytes : 0;
    }
}

static void look_at_feed(const sl_server *server, const sl_feed *f, struct inspect_facts *out)
{
    struct feed_facts facts;

    feed_look(f, &facts);
    out->transport = facts.transport;
    out->path = sl_str_of(facts.path);
    out->agent = agents_text(server->agents, facts.agent);
    out->conflated = facts.conflated;
}

/* A polling session's streams come and go: their bytes are not its own. */
static bool is_borrowed(const struct inspected *c)
{
    return c->eio != NULL && c->ws == NULL;
}

static void look_at_stream(const struct inspect *in, const struct inspected *c,
                           struct inspect_facts *out)
{
    if (is_borrowed(c)) return;
    out->age_us = (int64_t)(in->server->loop->now.us - c->stream->id);
    if (out->age_us < 0) out->age_us = 0; /* many came in its microsecond */
    out->queued = sl__stream_waiting(c->stream);
    stream_peer(c->stream, out->peer);
}

void inspect_ask_kernel(const struct inspected *c, struct inspect_facts *out)
{
    struct tcp_facts k;

    if (c->stream == NULL || !socket_stream_facts(c->stream, &k)) return;
    out->tcp_rtt_us = k.rtt_us;
    if (out->silent_us == INSPECT_UNKNOWN) out->silent_us = (int64_t)k.silent_ms * 1000;
    if (is_borrowed(c)) return;
    out->bytes_in = (int64_t)k.bytes_in;
    out->bytes_out = (int64_t)k.bytes_out;
    out->unsent = k.unsent_bytes;
}

void inspect_look(const struct inspect *in, const struct inspected *c,
                  struct inspect_facts *out)
{
    *out = (struct inspect_facts){.transport = "http",
                                  .protocol = protocol_of(c),
                                  .age_us = INSPECT_UNKNOWN,
                                  .silent_us = INSPECT_UNKNOWN,
                                  .rtt_us = INSPECT_UNKNOWN,
                                  .tcp_rtt_us = INSPECT_UNKNOWN,
                                  .bytes_in = INSPECT_UNKNOWN,
                                  .bytes_out = INSPECT_UNKNOWN,
                                  .unsent = INSPECT_UNKNOWN};
    if (c->ws != NULL) look_at_ws(in->server, c->ws, out);
    if (c->feed != NULL) look_at_feed(in->server, c->feed, out);
    if (c->http != NULL) {
        out->agent = agents_text(in->server->agents, c->http->agent);
        if (c->http->request != NULL) out->path = c->http->request->path;
    }
    if (c->eio != NULL) look_at_session(in, c->eio, out);
    if (c->stream != NULL) look_at_stream(in, c, out);
}

/* ---- Socket.IO ---- */

sl_sio_socket *inspect_next_socket(const struct inspected *c, const sl_sio_socket *before)
{
    struct sio_client *client = c->eio != NULL ? eio_user(c->eio) : NULL;
    const struct list *n;

    if (client == NULL) return NULL;
    n = before == NULL ? client->sockets.next : before->of_client.next;
    return n != &client->sockets ? LIST_ENTRY(n, sl_sio_socket, of_client) : NULL;
}

void inspect_of_ws(sl_ws *ws, struct inspected *out)
{
    *out = (struct inspected){.id = ws->stream->id, .stream = ws->stream, .ws = ws};
}

void inspect_of_socket(const sl_sio_socket *s, struct inspected *out)
{
    if (s->client->eio != NULL)
        of_session(s->client->eio, out);
    else
        *out = (struct inspected){0};
}

/* ---- being told ---- */

void inspect_set_observer(const struct inspect *in, const struct observer *o)
{
    in->server->observer = o;
    if (in->sio == NULL) return;
    in->sio->observer = o;
    in->sio->eio->observer = o;
}
