/* SPDX-License-Identifier: MIT */
#include "serve/eio_session.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "net/stream.h"
#include "serve/eio_inside.h"
#include "serve/ws_internal.h"

#define LINGER_MS      30000 /* a close waits for the next poll no longer */
#define WRITABLE_BYTES 65536 /* that may wait on a WebSocket that takes more right now */

#define TOGETHER_MS      128                 /* pings of so long leave in one turn ... */
#define TOGETHER_FROM_MS (100 * TOGETHER_MS) /* ... where nobody can tell */

static void on_timer(struct timer *t);
static int announce(struct eio_session *s, struct eio_message *m);

static uint64_t now_ms(const struct eio_session *s)
{
    return sl__loop_now_ms(s->server->loop);
}

uint64_t eio_at(const struct eio_session *s, uint32_t ms)
{
    return (s->server->loop->now.us + 999) / 1000 + ms; /* a started one counts: never early */
}

/*
 * When the next ping is due: never late, but a little early where that makes pings of many
 * sessions leave together, so that the process and those that listen wake up once for all.
 */
static uint64_t next_ping_at(const struct eio_session *s)
{
    uint32_t interval_ms = s->server->o.ping_interval_ms;
    uint64_t at = eio_at(s, interval_ms);

    return interval_ms >= TOGETHER_FROM_MS ? at - at % TOGETHER_MS : at;
}

/* ---- lives ---- */

void eio_session_hold(struct eio_session *s)
{
    s->refs++;
}

void eio_session_drop(struct eio_session *s)
{
    if (--s->refs > 0) return;
    list_remove(&s->due);
    eio_free_late(s);
    agents_drop(s->server->agents, s->agent);
    sl__free(s);
}

struct eio_session *eio_session_new(struct eio_server *e, unsigned revision,
                                    const sl_request *r)
{
    const char *peer = sl_request_peer(r);
    size_t n = strlen(peer) + 1;
    struct eio_session *s = sl__zalloc(offsetof(struct eio_session, peer) + n);

    if (s == NULL) return NULL;
    s->server = e;
    s->refs = 1;
    s->revision = (uint8_t)revision;
    s->born_2s = e->loop->now.us / 2000000 & EIO_BORN_MASK;
    memcpy(s->peer, peer, n);
    rand_token(s->sid, EIO_SID_SIZE - 1); /* 144 bits */
    if (eio_table_add(&e->sessions, s) < 0) {
        sl__free(s);
        return NULL;
    }
    list_init(&s->due);
    list_init(&s->batch);
    timer_init(&s->timer, on_timer);
    s->beat_at_ms = revision == 3 ? eio_at(s, e->o.ping_interval_ms) + e->o.ping_timeout_ms
                                  : next_ping_at(s);
    eio_set_timer(s);
    s->agent = agents_hold(&e->agents, sl_request_header(r, "User-Agent"));
    e->stats.opened++;
    return s;
}

void eio_session_is_due(struct eio_session *s)
{
    if (list_is_empty(&s->due)) list_add_last(&s->server->due, &s->due);
    sl__loop_want_hooks(s->server->loop);
}

/* ---- the end ---- */

static void note_reason(struct eio_session *s, const char *reason)
{
    if (s->reason != NULL) return; /* the first one counts */
    s->reason = reason;
    eio_session_is_due(s);
}

void eio_end(struct eio_session *s, const char *reason, enum eio_type last, int ws_code)
{
    if (s->over) return;
    s->over = true;
    if (s->ws != NULL) s->last_id = s->ws->stream->id;
    note_reason(s, reason);
    eio_session_is_due(s);
    eio_table_remove(&s->server->sessions, s);
    sl__loop_cancel_timer(s->server->loop, &s->timer);
    eio_queue_free(&s->queue);
    if (s->poll != NULL) eio_release_poll(s, last);
    if (s->holds_post) eio_release_post(s);
    if (s->post != NULL) request_watch(s->post, NULL, NULL);
    s->post = NULL;
    eio_drop_probe(s, ws_code);
    if (s->ws != NULL) {
        (void)!eio_batch_settle(s);
        sl_ws_set_user(s->ws, NULL);
        if (s->late != NULL || s->is_paused) sl__ws_resume(s->ws);
        sl_ws_close(s->ws, ws_code, "");
        s->ws = NULL;
    }
}

/* By poll it takes a poll: until one comes, or nobody has come for long, it lingers. */
static void close_polling(struct eio_session *s)
{
    eio_drop_probe(s, WS_NORMAL);
    eio_resume(s);
    s->closing = true;
    s->side_at_ms = eio_at(s, LINGER_MS);
    eio_set_timer(s);
    note_reason(s, "forced close");
    eio_session_is_due(s);
}

void eio_close(struct eio_session *s)
{
    if (s->over || s->closing) return;
    if (s->state == EIO_ON_WEBSOCKET)
        eio_end(s, "forced close", EIO_CLOSE, WS_NORMAL); /* what waits is in front of that */
    else
        close_polling(s);
}

void eio_cut(struct eio_session *s, const char *reason)
{
    if (s->closing) reason = s->reason;
    eio_end(s, reason, EIO_CLOSE, WS_PROTOCOL_ERROR);
}

/* ---- finding ---- */

static bool has_lost_peer(const struct eio_session *s, const sl_request *r)
{
    return (s->poll != NULL && s->poll != r && request_has_hung_up(s->poll))
           || (s->post != NULL && s->post != r && request_has_hung_up(s->post));
}

/*
 * A hang-up is told at the end of its turn, a timer fires between turns: a request that comes
 * in between must see the same. And the kernel may tell of the request first, though the
 * hang-up came before it: whose connection was told of last stands first in its list.
 */
struct eio_session *eio_find(struct eio_server *e, sl_str sid, const sl_request *r)
{
    struct eio_session *s = eio_table_find(&e->sessions, sid);

    if (s == NULL) return NULL;
    if (has_lost_peer(s, r)) {
        eio_end(s, "transport close", EIO_CLOSE, WS_NORMAL);
        return NULL;
    }
    if (timer_is_set(&s->timer) && s->timer.due_ms <= now_ms(s)) {
        eio_session_hold(s);
        sl__loop_cancel_timer(e->loop, &s->timer);
        on_timer(&s->timer);
        bool over = s->over;
        eio_session_drop(s);
        if (over) return NULL;
    }
    return s;
}

/* ---- heartbeat ---- */

void eio_set_timer(struct eio_session *s)
{
    uint64_t at = s->beat_at_ms, now = eio_at(s, 0);

    if (s->over) return;
    if (s->closing || (s->side_at_ms != 0 && s->side_at_ms < at)) at = s->side_at_ms;
    if (s->noop_at_ms != 0 && s->noop_at_ms < at) at = s->noop_at_ms;
    sl__loop_set_timer(s->server->loop, &s->timer, at > now ? at - now : 0);
}

/* Bytes of something large are arriving: it cannot answer before they all have. */
static bool is_in_the_middle(const struct eio_session *s)
{
    if (s->ws == NULL) return s->post != NULL;
    return ws_is_partial(&s->ws->parser)
           && s->ws->heard_ms + s->server->o.ping_timeout_ms > now_ms(s);
}

/* Patience has come to an end; what else the client has sent prolongs it, but once. */
static void run_out(struct eio_session *s)
{
    if (s->is_paused) { /* it is we who do not listen; but who does not for ever */
        if (s->is_pause_old) eio_resume(s);
        s->is_pause_old = s->is_paused;
        s->beat_at_ms = eio_at(s, s->server->o.ping_timeout_ms);
        return;
    }
    if (is_in_the_middle(s) || (s->heard && !s->extended)) {
        s->extended |= !is_in_the_middle(s);
        s->beat_at_ms = eio_at(s, s->server->o.ping_timeout_ms);
        return;
    }
    s->server->stats.expired++;
    SL_DEBUG("eio", "event=expired peer=%s", s->peer);
    eio_end(s, "ping timeout", EIO_CLOSE, WS_NORMAL);
}

static void beat(struct eio_session *s)
{
    if (s->revision == 3 || s->pinged) {
        run_out(s);
        return;
    }
    s->pinged = true;
    if (s->ws != NULL) ws_note_ping(s->ws);
    s->heard = s->extended = false;
    s->beat_at_ms += s->server->o.ping_timeout_ms;
    if (s->state == EIO_ON_WEBSOCKET)
        (void)announce(s, s->server->ping); /* one frame and vector for all that are due */
    else
        (void)eio_put(s, s->server->ping, 0, 0);
}

static void on_timer(struct timer *t)
{
    struct eio_session *s = LIST_ENTRY(t, struct eio_session, timer);
    uint64_t now = now_ms(s);

    eio_session_hold(s);
    if (s->closing) {
        eio_end(s, s->reason, EIO_CLOSE, WS_NORMAL);
    } else {
        if (s->noop_at_ms != 0 && s->noop_at_ms <= now) {
            s->noop_at_ms = 0;
            if (s->poll != NULL && s->queue != NULL)
                eio_flush_poll(s);
            else if (s->poll != NULL)
                eio_release_poll(s, EIO_NOOP);
        }
        if (s->side_at_ms != 0 && s->side_at_ms <= now) eio_drop_probe(s, WS_NORMAL);
        if (!s->over && s->beat_at_ms <= now) beat(s);
    }
    if (!s->over) eio_set_timer(s);
    eio_session_drop(s);
}

/* ---- sending ---- */

/* rc: 1 if an older one gave way */
static void count_newest(struct eio_session *s, int rc)
{
    struct eio_stats *stats = &s->server->stats;

    stats->newest += rc == 0;
    stats->conflated += rc == 1;
    if (rc == 1 && s->conflated < UINT16_MAX) s->conflated++;
}

/* These two: 1 if an older one gave way. */
static int put_on_ws(struct eio_session *s, struct eio_message *m, uint32_t key, unsigned flags)
{
    struct packet *p = eio_message_frame(m, s->revision);
    int rc;

    if (p == NULL) return SL_E_NOMEM;
    if (key == 0) {
        rc = eio_batch_settle(s);
        return rc < 0 ? rc : sl__ws_send_packet(s->ws, p, flags);
    }
    return sl__ws_put_newest_packet(s->ws, key, p);
}

void eio_is_full(struct eio_session *s)
{
    if (s->over) return;
    s->server->stats.closed_full++;
    s->server->stats.cut_off += s->is_viewer;
    SL_INFO("eio", "event=slow_reader peer=%s note=\"its queue is full\"", s->peer);
    eio_end(s, "transport error", EIO_CLOSE, WS_TRY_LATER);
}

static int put_for_poll(struct eio_session *s, struct eio_message *m, uint32_t key)
{
    bool gives_way = key != 0 && eio_queue_has(s->queue, key);
    int rc = eio_queue_put(&s->queue, m, key, s->server->o.queue_max);

    return rc == 0 && gives_way ? 1 : rc;
}

/* As eio_put, and 1 if an older one gave way. */
static int put(struct eio_session *s, struct eio_message *m, uint32_t key, unsigned flags)
{
    int rc;

    if (s->over || s->closing) return SL_E_CLOSED;
    if (s->state == EIO_ON_WEBSOCKET) {
        rc = put_on_ws(s, m, key, flags);
    } else {
        rc = put_for_poll(s, m, key);
        s->is_pressing |= rc >= 0;
        if (rc >= 0 && s->poll != NULL) eio_session_is_due(s);
    }
    if (rc == SL_E_FULL) eio_is_full(s);
    return rc;
}

int eio_put(struct eio_session *s, struct eio_message *m, uint32_t key, unsigned flags)
{
    int rc = put(s, m, key, flags);

    return rc < 0 ? rc : 0;
}

int eio_send(struct eio_session *s, struct eio_message *m, uint32_t key)
{
    int rc;

    if (ws_key_is_ours(key)) return SL_E_INVAL;
    if (key != 0) s->is_viewer = true;
    rc = put(s, m, key, 0);
    if (key != 0) count_newest(s, rc);
    return rc < 0 ? rc : 0;
}

static int announce(struct eio_session *s, struct eio_message *m)
{
    int rc;

    if (s->over || s->closing) return SL_E_CLOSED;
    if (s->state == EIO_ON_WEBSOCKET) {
        rc = eio_batch_add(s, m);
    } else {
        rc = put_for_poll(s, m, 0);
        if (rc == 0 && s->poll != NULL && !eio_poll_gathers(s)) eio_session_is_due(s);
    }
    if (rc == SL_E_FULL) eio_is_full(s);
    return rc;
}

int eio_announce(struct eio_session *s, struct eio_message *m)
{
    s->is_viewer = true;
    return announce(s, m);
}

bool eio_is_writable(const struct eio_session *s)
{
    if (s->over || s->closing) return false;
    if (s->state != EIO_ON_WEBSOCKET) return s->poll != NULL;
    return (s->ws->stream->wants & STREAM_WANT_WRITE) == 0
           && sl__stream_waiting(s->ws->stream) < WRITABLE_BYTES;
}

void eio_put_open_packet(struct eio_session *s)
{
    const struct eio_options *o = &s->server->o;
    struct eio_handshake h = {
        .sid = sl_str_of(s->sid),
        .upgrade = s->state != EIO_ON_WEBSOCKET && !o->no_upgrade && !o->no_websocket,
        .ping_interval_ms = o->ping_interval_ms,
        .ping_timeout_ms = o->ping_timeout_ms,
        .max_payload_bytes = (uint32_t)o->payload_max,
    };
    sl_json_out out = {0};
    struct eio_message *m = NULL;
    int rc = SL_E_NOMEM;

    eio_put_open(&out, &h);
    if (out.rc == 0) m = eio_packet_new(EIO_OPEN, sl_out_text(&out));
    sl_out_deinit(&out);
    if (m != NULL) rc = eio_put(s, m, 0, 0);
    eio_message_drop(m);
    if (rc == 0 && s->revision == 3 && o->greets_eio3)
        rc = eio_put(s, s->server->greeting, 0, 0);
    if (rc == 0) return;
    s->told = true; /* of a session that nobody has heard of */
    eio_end(s, "transport error", EIO_CLOSE, WS_TRY_LATER);
}

/* ---- receiving ---- */

static void on_parse_error(struct eio_session *s)
{
    s->server->stats.parse_errors++;
    eio_end(s, "parse error", EIO_CLOSE, WS_PROTOCOL_ERROR);
}

/* EIO3: the client pings, and wants its payload back. */
static void on_ping(struct eio_session *s, const struct eio_packet *p)
{
    const struct eio_options *o = &s->server->o;
    struct eio_message *m;

    if (s->revision != 3) {
        on_parse_error(s);
        return;
    }
    s->heard = s->extended = false;
    s->beat_at_ms = eio_at(s, o->ping_interval_ms) + o->ping_timeout_ms;
    eio_set_timer(s);
    m = eio_packet_new(EIO_PONG, p->data);
    if (m != NULL) (void)eio_put(s, m, 0, 0);
    eio_message_drop(m);
}

static void on_pong(struct eio_session *s)
{
    if (s->revision == 3) {
        on_parse_error(s);
        return;
    }
    s->pinged = false;
    if (s->ws != NULL) ws_note_pong(s->ws);
    s->beat_at_ms = next_ping_at(s);
    eio_set_timer(s);
}

static void on_message(struct eio_session *s, const struct eio_packet *p, sl_buf *buf,
                       const sl_json_index *index)
{
    sl_message m = {.text = !p->binary};

    if (sl_message_add(&m, buf, p->data) < 0) return; /* one always fits */
    s->server->o.events->on_message(s, &m, index, s->server->o.user);
}

void eio_receive(struct eio_session *s, const struct eio_packet *p, sl_buf *buf,
                 const sl_json_index *index)
{
    s->heard = true;
    switch (p->type) {
    case EIO_MESSAGE:
        if (!s->closing) on_message(s, p, buf, index);
        break;
    case EIO_PING: on_ping(s, p); break;
    case EIO_PONG: on_pong(s); break;
    case EIO_CLOSE: eio_end(s, "transport close", EIO_NOOP, WS_NORMAL); break;
    case EIO_OPEN: on_parse_error(s); break;
    case EIO_UPGRADE:
    case EIO_NOOP: break; /* to no purpose, and harmless */
    }
}

/* ---- small things ---- */

const char *eio_sid(const struct eio_session *s)
{
    return s->sid;
}

int eio_revision(const struct eio_session *s)
{
    return s->revision;
}

bool eio_is_polling(const struct eio_session *s)
{
    return s->state != EIO_ON_WEBSOCKET;
}

const char *eio_peer(const struct eio_session *s)
{
    return s->peer;
}

void eio_set_user(struct eio_session *s, void *user)
{
    s->user = user;
}

void *eio_user(const struct eio_session *s)
{
    return s->user;
}
