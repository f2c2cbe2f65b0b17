/* SPDX-License-Identifier: MIT */
/* Engine.IO over a WebSocket: from the start, and as an upgrade of a polling session. */
#include "base/alloc.h"
#include "net/stream.h"
#include "serve/eio_inside.h"
#include "serve/ws_internal.h"

#define NEVER_MS UINT32_MAX /* the heartbeat is Engine.IO's */

static void send_text(sl_ws *ws, sl_str text)
{
    if (sl_ws_send_text(ws, text) < 0) sl_ws_close(ws, WS_TRY_LATER, "");
}

/* ---- opening ---- */

static void open_session(struct eio_server *e, sl_ws *ws, const sl_request *r)
{
    unsigned revision = sl_str_eq(sl_request_query(r, "EIO"), SL_STR("3")) ? 3 : 4;
    struct eio_session *s = eio_session_new(e, revision, r);

    if (s == NULL) {
        sl_ws_close(ws, WS_TRY_LATER, "out of memory");
        return;
    }
    s->state = EIO_ON_WEBSOCKET;
    s->ws = ws;
    sl_ws_set_user(ws, s);
    eio_put_open_packet(s);
    if (!s->over && e->o.events->on_open != NULL) e->o.events->on_open(s, r, e->o.user);
    if (!s->over) eio_tell_opened(s);
}

static void on_open(sl_ws *ws, const sl_request *r, void *user)
{
    struct eio_server *e = user;
    sl_str sid = sl_request_query(r, "sid");
    struct eio_session *s;

    ws->stream->waiting_max = e->o.queue_max;
    ws->is_carrier = true;
    if (sid.len == 0) {
        open_session(e, ws, r);
        return;
    }
    s = eio_find(e, sid, r);
    if (s == NULL || s->state != EIO_POLLING || s->closing || e->o.no_upgrade) {
        sl_ws_close(ws, WS_NORMAL, "the session has its transport"); /* only this new one */
        return;
    }
    s->state = EIO_PROBING;
    s->probe = ws;
    sl_ws_set_user(ws, s);
    s->side_at_ms = eio_at(s, e->o.upgrade_timeout_ms);
    eio_set_timer(s);
}

/* ---- upgrading ---- */

void eio_drop_probe(struct eio_session *s, int code)
{
    if (s->probe == NULL) return;
    sl_ws_set_user(s->probe, NULL);
    sl_ws_close(s->probe, code, "");
    s->probe = NULL;
    s->state = EIO_POLLING;
    s->side_at_ms = s->noop_at_ms = 0;
    eio_set_timer(s);
}

/* Whatever waits leaves by the new way, in order, before anything else does. */
static void move_queue(struct eio_session *s)
{
    struct eio_message *m;
    uint32_t key;

    while (!s->over && (m = eio_queue_first(s->queue, &key)) != NULL) {
        int rc = eio_put(s, m, key, 0);
        if (s->over) return;
        if (rc < 0) {
            eio_end(s, "transport error", EIO_CLOSE, WS_TRY_LATER);
            return;
        }
        eio_queue_shift(&s->queue);
    }
}

static void upgrade(struct eio_session *s)
{
    s->ws = s->probe;
    s->probe = NULL;
    s->state = EIO_ON_WEBSOCKET;
    s->side_at_ms = s->noop_at_ms = 0;
    s->server->stats.upgraded++;
    eio_set_timer(s);
    if (s->is_paused) sl__ws_pause(s->ws);
    if (s->poll != NULL) eio_release_poll(s, EIO_NOOP);
    move_queue(s);
}

static void on_probe_packet(struct eio_session *s, const struct eio_packet *p)
{
    if (p->type == EIO_PING && sl_str_eq(p->data, SL_STR("probe"))) {
        s->state = EIO_PROBED;
        send_text(s->probe, SL_STR("3probe"));
        if (s->poll != NULL && s->queue != NULL)
            eio_flush_poll(s);
        else if (s->poll != NULL)
            eio_release_poll(s, EIO_NOOP);
    } else if (p->type == EIO_UPGRADE && s->state == EIO_PROBED) {
        upgrade(s);
    } else {
        eio_drop_probe(s, WS_PROTOCOL_ERROR); /* the polling session lives on untouched */
    }
}

/* ---- what came too early ---- */

static void keep_late(struct eio_session *s, const sl_message *m)
{
    struct eio_late *late = sl__alloc(sizeof *late);

    if (late == NULL) {
        eio_end(s, "transport error", EIO_CLOSE, WS_TRY_LATER);
        return;
    }
    *late = (struct eio_late){.text = m->text};
    if (m->n > 0) {
        late->buf = sl_buf_hold(m->slice[0].buf);
        late->bytes = m->slice[0].bytes;
    }
    if (s->late == NULL)
        s->late = late;
    else
        s->late->last->next = late;
    s->late->last = late; /* a read may hold thousands of them */
    sl__ws_pause(s->ws);  /* so that at most what has been received already is kept */
}

static void receive(struct eio_session *s, bool text, sl_buf *buf, sl_str bytes,
                    const sl_json_index *index)
{
    struct eio_packet p;

    if (eio_decode(s->revision, text, bytes, &p) < 0) {
        s->server->stats.parse_errors++;
        eio_end(s, "parse error", EIO_CLOSE, WS_PROTOCOL_ERROR);
        return;
    }
    eio_receive(s, &p, buf, index);
}

void eio_deliver_late(struct eio_session *s)
{
    struct eio_late *late;

    if (s->late == NULL) return;
    while (!s->over && !s->is_paused && (late = s->late) != NULL) {
        s->late = late->next;
        if (s->late != NULL) s->late->last = late->last;
        receive(s, late->text, late->buf, late->bytes, NULL);
        sl_buf_drop(late->buf);
        sl__free(late);
    }
    if (s->ws != NULL && !s->is_paused) sl__ws_resume(s->ws);
}

void eio_free_late(struct eio_session *s)
{
    struct eio_late *late;

    while ((late = s->late) != NULL) {
        s->late = late->next;
        sl_buf_drop(late->buf);
        sl__free(late);
    }
}

/* ---- the WebSocket's events ---- */

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    struct eio_session *s = sl_ws_user(ws);
    sl_str bytes = m->n > 0 ? m->slice[0].bytes : (sl_str){"", 0};
    sl_buf *buf = m->n > 0 ? m->slice[0].buf : NULL;
    struct eio_packet p;

    (void)user;
    if (s == NULL) return;
    eio_session_hold(s);
    if (ws == s->probe) {
        if (eio_decode(s->revision, m->text, bytes, &p) == 0 && m->text)
            on_probe_packet(s, &p);
        else
            eio_drop_probe(s, WS_PROTOCOL_ERROR);
    } else if (s->post != NULL || s->late != NULL) {
        keep_late(s, m); /* a POST from before the upgrade comes first, its answer too */
    } else {
        receive(s, m->text, buf, bytes, index);
    }
    eio_session_drop(s);
}

static const char *reason_of(int code)
{
    bool error = code == WS_PROTOCOL_ERROR || code == WS_BAD_DATA || code == WS_TOO_BIG
                 || code == WS_TRY_LATER;

    return error ? "transport error" : "transport close";
}

static void on_close(sl_ws *ws, int code, sl_str reason, void *user)
{
    struct eio_session *s = sl_ws_user(ws);

    (void)reason, (void)user;
    if (s == NULL) return;
    sl_ws_set_user(ws, NULL);
    if (ws == s->probe) {
        eio_drop_probe(s, WS_NORMAL);
        return;
    }
    if (code == WS_TRY_LATER) s->server->stats.closed_full++;
    (void)!eio_batch_settle(s);
    s->last_id = ws->stream->id; /* no timer needs its place any more */
    s->ws = NULL;
    eio_end(s, reason_of(code), EIO_CLOSE, WS_NORMAL);
}

static void on_drain(sl_ws *ws, void *user)
{
    struct eio_session *s = sl_ws_user(ws);
    const struct eio_server *e = user;

    if (s != NULL && ws == s->ws && e->o.events->on_drain != NULL)
        e->o.events->on_drain(s, e->o.user);
}

void eio_fill_ops(struct eio_server *e)
{
    e->ops = (sl_ws_ops){
        .on_open = on_open,
        .on_message = on_message,
        .on_drain = on_drain,
        .on_close = on_close,
        .json = true,
        .message_max = e->o.payload_max,
        .ping_ms = NEVER_MS,
        .idle_ms = NEVER_MS,
    };
}
