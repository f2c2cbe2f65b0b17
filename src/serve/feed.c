/* SPDX-License-Identifier: MIT */
/*
 * An answer without an end. From its head on the stream is the feed's, and the connection ends
 * with it: "Connection: close" says so, and what the peer sends behind its request is read and
 * dropped (RFC 9112 §9.6). It is read, so that the peer's own end is noticed at once.
 *
 *   OPEN ──────────────────► CLOSING ───────────────► stream ends ─────────► gone
 *     close, peer's end,       what waits leaves,       last chunk, peer's     on_close
 *     the server's stop        write deadline           end, at most 5 s
 *
 * Nothing limits how long a feed may say nothing. While something waits, the peer must take
 * some of it within each HTTP_WRITE_MS.
 */
#include "serve/feed.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/packet.h"
#include "serve/agents.h"
#include "serve/answer.h"
#include "serve/http_inside.h"
#include "serve/inspect.h"
#include "serve/pace.h"

#include <stdio.h>

struct sl_feed {
    struct stream *stream;
    sl_server *server;
    struct list node; /* in server->feeds */
    void (*on_close)(sl_feed *f, void *user);
    void *user;
    uint64_t queued;              /* bytes, without those that were replaced */
    uint64_t taken;               /* how many of them had left when the deadline was set */
    const char *transport, *path; /* see feed_look */
    uint32_t conflated;
    uint8_t agent;
    bool chunked, closing;
    bool watched; /* the write deadline is set */
    bool drained; /* all had left, some time since then */
};

/* ---- ending ---- */

/* Nothing waits any more: whatever was sent, newest-only ones included, is in front of this. */
static void say_last(sl_feed *f)
{
    struct packet *p = f->chunked ? packet_copy(SL_STR("0\r\n\r\n")) : NULL;

    if (f->chunked && (p == NULL || sl__stream_send(f->stream, p, 0) < 0))
        sl__stream_close(f->stream, SL_E_NOMEM); /* cut short, and the peer can tell */
    packet_drop(p);
    sl__stream_end(f->stream, 0);
}

void sl_feed_close(sl_feed *f)
{
    if (f->closing) return;
    f->closing = true;
    if (sl__stream_waiting(f->stream) == 0) say_last(f);
}

void feed_close_all(sl_server *server)
{
    struct list *next;

    for (struct list *n = server->feeds.next; n != &server->feeds; n = next) {
        next = n->next; /* closing frees nothing at once */
        sl_feed_close(LIST_ENTRY(n, sl_feed, node));
    }
}

/* ---- the stream's events ---- */

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    (void)s, (void)bytes, (void)n;
}

/* Half an end is taken for a whole one: with nothing to send there will be no other sign. */
static void on_end(struct stream *s)
{
    sl_feed_close(s->user);
}

static void watch_writing(sl_feed *f)
{
    f->taken = f->queued - sl__stream_waiting(f->stream);
    f->watched = true;
    f->drained = false;
    sl__stream_set_deadline(f->stream, HTTP_WRITE_MS);
}

/* Looked at when it comes, never moved for a packet. */
static void on_deadline(struct stream *s)
{
    sl_feed *f = s->user;
    size_t waiting = sl__stream_waiting(s);

    f->watched = false;
    if (waiting == 0) return;
    if (f->drained
        || f->queued - waiting >= f->taken + pace_least(f->server->options.rate_min)) {
        watch_writing(f);
        return;
    }
    f->server->slow_readers++;
    SL_INFO("http", "event=slow_reader waiting=%zu took=%zu within_ms=%d", waiting,
            (size_t)(f->queued - waiting - f->taken), HTTP_WRITE_MS);
    sl__stream_close(s, SL_E_TIMEOUT);
}

static void on_drained(struct stream *s)
{
    sl_feed *f = s->user;

    f->drained = true;
    if (f->closing) say_last(f);
}

static void tell_ended(sl_feed *f, int why)
{
    const struct observer *o = f->server->observer;
    char text[64];

    if (o == NULL) return;
    o->on_ended(&(struct inspected){.id = f->stream->id, .stream = f->stream, .feed = f}, 0,
                why == 0 ? (sl_str){0} : sl_str_of(sl_strerror(why, text, sizeof text)),
                o->user);
}

static void on_gone(struct stream *s, int why)
{
    sl_feed *f = s->user;

    f->closing = true;
    list_remove(&f->node);
    tell_ended(f, why);
    agents_drop(f->server->agents, f->agent);
    if (f->on_close != NULL) f->on_close(f, f->user);
    sl__free(f);
}

static const struct stream_events events = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_deadline = on_deadline,
    .on_drained = on_drained,
    .on_gone = on_gone,
};

/* ---- sending ---- */

/* One message as one chunk, RFC 9112 §7.1. */
static struct packet *make_chunk(const sl_feed *f, const sl_message *m)
{
    char head[PACKET_HEAD_MAX + 1];
    int n;

    if (!f->chunked) return packet_new((sl_str){0}, m);
    n = snprintf(head, sizeof head, "%zx\r\n", m->bytes);
    if (n > PACKET_HEAD_MAX) return NULL;
    return packet_framed((sl_str){head, (size_t)n}, m, SL_STR("\r\n"));
}

static int put_newest(sl_feed *f, uint32_t key, struct packet *p)
{
    int rc = sl__stream_put_newest(f->stream, key, p);

    f->conflated += rc == 1;
    return rc < 0 ? rc : 0;
}

/* key NULL: in order */
static int send_chunk(sl_feed *f, const uint32_t *key, const sl_message *m)
{
    struct packet *p;
    size_t before;
    int rc;

    if (f->closing) return SL_E_CLOSED;
    if (m->bytes == 0) return SL_E_INVAL; /* an empty chunk is the last one */
    p = make_chunk(f, m);
    if (p == NULL) return SL_E_NOMEM;
    before = sl__stream_waiting(f->stream);
    rc = key != NULL ? put_newest(f, *key, p) : sl__stream_send(f->stream, p, 0);
    packet_drop(p);
    if (rc < 0) return rc;
    f->queued += sl__stream_waiting(f->stream);
    f->queued -= before;
    if (!f->watched) watch_writing(f);
    return 0;
}

int sl_feed_send(sl_feed *f, const sl_message *m)
{
    return send_chunk(f, NULL, m);
}

int sl_feed_send_newest(sl_feed *f, uint32_t key, const sl_message *m)
{
    return send_chunk(f, &key, m);
}

/* ---- opening ---- */

/* A head has its own bounds, and must not be refused for what waits in front of it. */
static int send_head(struct stream *s, struct packet *p)
{
    size_t bound = s->waiting_max;
    int rc;

    s->waiting_max = SIZE_MAX;
    rc = sl__stream_send(s, p, 0);
    s->waiting_max = bound;
    return rc;
}

static void take_stream(sl_feed *f, sl_request *r)
{
    struct http_conn *c = r->conn;

    f->agent = agents_hold_again(f->server->agents, c->agent);
    f->path = r->match.row != NULL ? r->match.row->path : "";
    r->conn = NULL;
    f->stream = http_conn_take_stream(c);
    f->stream->viewer = true;
    f->queued = sl__stream_waiting(f->stream);
    list_add_last(&f->server->feeds, &f->node);
    sl__stream_set_events(f->stream, &events, f);
    sl__stream_resume(f->stream);
    watch_writing(f);
    if (f->stream->peer_ended || sl__server_is_stopping(f->server)) sl_feed_close(f);
}

static int open_feed(sl_request *r, const struct answer *a, sl_feed *f)
{
    struct packet *p = answer_packet(r, a, true);
    int rc = p != NULL ? send_head(http_conn_stream(r->conn), p) : SL_E_NOMEM;

    packet_drop(p);
    if (rc < 0) return rc;
    f->server = r->server;
    f->chunked = r->head->minor > 0;
    take_stream(f, r);
    return 0;
}

static const char *transport_of(const char *content_type)
{
    static const char *const known[][2] = {
        {"text/event-stream",         "sse"  },
        {"multipart/x-mixed-replace", "mjpeg"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(content_type, known[i][0], strlen(known[i][0])) == 0) return known[i][1];
    }
    return "http";
}

static void tell_opened(sl_feed *f)
{
    const struct observer *o = f->server->observer;

    if (o != NULL)
        o->on_opened(&(struct inspected){.id = f->stream->id, .stream = f->stream, .feed = f},
                     o->user);
}

int sl_answer_feed(sl_request *r, const char *content_type,
                   void (*on_close)(sl_feed *f, void *user), void *user, sl_feed **out)
{
    struct answer a = {.status = 200,
                       .type = content_type,
                       .lines = SL_STR("X-Accel-Buffering: no\r\n" /* or nginx keeps it back */
                                       "Cache-Control: no-store\r\n"),
                       .endless = true};
    sl_feed *f;
    int rc = SL_E_NOMEM;

    *out = NULL;
    if (!answer_claim(r)) return SL_E_CLOSED;
    if (sl_request_method(r) == SL_HEAD || sl_request_is_gone(r)) {
        answer_send(r, &a);
        return SL_E_CLOSED;
    }
    f = sl__zalloc(sizeof *f);
    if (f != NULL) rc = open_feed(r, &a, f);
    if (rc < 0) {
        sl__free(f);
        answer_abort(r, rc);
        return rc;
    }
    f->on_close = on_close;
    f->user = user;
    f->transport = transport_of(content_type);
    *out = f;
    answer_end(r);
    tell_opened(f);
    return 0;
}

/* ---- for who inspects ---- */

sl_feed *feed_of(const struct stream *s)
{
    return s->on == &events ? s->user : NULL;
}

bool feed_is_closing(const sl_feed *f)
{
    return f->closing;
}

void feed_look(const sl_feed *f, struct feed_facts *out)
{
    *out = (struct feed_facts){f->transport, f->path, f->conflated, f->agent};
}

size_t feed_waiting(const sl_feed *f)
{
    return sl__stream_waiting(f->stream);
}

void feed_end(sl_feed *f)
{
    f->closing = true;
    sl__stream_close(f->stream, 0);
}

void *feed_user(const sl_feed *f, void (*on_close)(sl_feed *f, void *user))
{
    return f->on_close == on_close ? f->user : NULL;
}
