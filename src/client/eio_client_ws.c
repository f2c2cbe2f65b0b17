/* SPDX-License-Identifier: MIT */
/* The WebSocket of a session: as its only way, or probed beside the polling. */
#include "base/alloc.h"
#include "client/eio_client_inside.h"

#define HIGH 65536 /* bytes that wait in the stream: what is behind can still be taken back */

/* ---- what goes ---- */

static enum eio_wire wire_of(const struct eio_client *e)
{
    return e->o.revision == 3 ? EIO3_WS : EIO4_WS;
}

static int send_part(struct eio_client *e, enum eio_type type, const sl_message *part)
{
    char head[EIO_HEAD_MAX];
    size_t n = eio_put_head(wire_of(e), true, type, !part->text, part->bytes, head);

    return ws_client_send(&e->ws, part->text, (sl_str){head, n}, part);
}

static int send_bare(struct eio_client *e, enum eio_type type, sl_str text)
{
    char head[EIO_HEAD_MAX];
    size_t n = eio_put_head(wire_of(e), true, type, false, text.len, head);
    sl_message m = {.text = true, .n = 1, .bytes = text.len, .slice = {{NULL, text}}};

    return ws_client_send(&e->ws, true, (sl_str){head, n}, &m);
}

/* A message without one of its parts would be the end of the session at the other side. */
static void cut(struct eio_client *e)
{
    eio_client_fail(e, "transport error", SL_E_NOMEM, 0, "out of memory");
}

int eio_ws_put(struct eio_client *e, const sl_message *part, uint32_t n)
{
    if (ws_client_waiting(&e->ws) > HIGH) return SL_E_FULL;
    for (uint32_t i = 0; i < n; i++) {
        int rc = send_part(e, EIO_MESSAGE, &part[i]);

        if (rc == 0) continue;
        if (i > 0) cut(e);
        return rc;
    }
    return 0;
}

void eio_ws_beat(struct eio_client *e)
{
    if (!e->beat_due || e->state != OPEN) return;
    e->beat_due = false;
    if (send_bare(e, e->o.revision == 3 ? EIO_PING : EIO_PONG, (sl_str){0}) < 0) cut(e);
}

/* ---- the upgrade ---- */

void eio_ws_give_up_probe(struct eio_client *e)
{
    sl__loop_cancel_timer(e->o.loop, &e->side);
    ws_client_close(&e->ws, WS_NORMAL);
    if (e->way == WEBSOCKET) return;
    e->way = POLLING;
    if (e->state != OPEN) return;
    eio_poll_ask(e);
    sl__loop_want_hooks(e->o.loop);
}

void eio_ws_switch(struct eio_client *e)
{
    if (e->way != PAUSING || e->state != OPEN) return;
    if (e->get.busy || e->post.busy || e->chunk_n > 0) return;
    sl__loop_cancel_timer(e->o.loop, &e->side);
    e->way = WEBSOCKET;
    if (send_bare(e, EIO_UPGRADE, (sl_str){0}) < 0) {
        cut(e);
        return;
    }
    e->end.upgraded = true;
    eio_ws_beat(e);
    sl__loop_want_hooks(e->o.loop);
}

static void on_probe_answer(struct eio_client *e, bool text, sl_str bytes)
{
    if (!text || !sl_str_eq(bytes, SL_STR("3probe"))) {
        eio_ws_give_up_probe(e);
        return;
    }
    e->way = PAUSING;
    eio_ws_switch(e);
}

/* ---- what comes ---- */

static void on_open(struct ws_client *w, void *user)
{
    struct eio_client *e = user;

    (void)w;
    if (e->way == PROBING && send_bare(e, EIO_PING, SL_STR("probe")) < 0)
        eio_ws_give_up_probe(e);
}

static void on_message(struct ws_client *w, bool text, sl_buf *buf, sl_str bytes,
                       const sl_json_index *index, void *user)
{
    struct eio_client *e = user;
    struct eio_packet p;
    int rc;

    (void)w;
    if (e->way == PROBING) {
        on_probe_answer(e, text, bytes);
        return;
    }
    if (e->way == PAUSING) { /* nothing may come before we have said 5 */
        eio_ws_give_up_probe(e);
        return;
    }
    rc = eio_decode(e->o.revision, text, bytes, &p);
    if (rc < 0)
        eio_client_fail(e, e->state == CONNECTING ? "connect error" : "parse error", rc, 0,
                        "a message that is no Engine.IO");
    else
        eio_client_receive(e, &p, buf, bytes, index);
}

static void on_drained(struct ws_client *w, void *user)
{
    struct eio_client *e = user;

    (void)w;
    sl__loop_want_hooks(e->o.loop);
}

static void on_alive(struct ws_client *w, void *user)
{
    struct eio_client *e = user;

    (void)w;
    if (e->way == WEBSOCKET) eio_client_alive(e);
}

static const char *reason_of(const struct eio_client *e, int rc)
{
    if (e->state == CONNECTING) return "connect error";
    switch (rc) {
    case SL_E_WS_PROTO:
    case SL_E_WS_UTF8:
    case SL_E_TOO_BIG:
    case SL_E_NOMEM: return "transport error";
    default: return "transport close";
    }
}

static void on_end(struct ws_client *w, const struct ws_client_end *end, void *user)
{
    struct eio_client *e = user;

    if (e->way != WEBSOCKET)
        eio_ws_give_up_probe(e);
    else if (e->state == CONNECTING && end->status != 0 && end->status != 101)
        eio_client_refused(e, end->status, w->reply != NULL ? w->reply->body : (sl_str){0});
    else
        eio_client_fail(e, reason_of(e, end->rc), end->rc, end->status, end->text);
}

int eio_ws_open(struct eio_client *e)
{
    static const struct ws_client_events events = {
        .on_open = on_open,
        .on_message = on_message,
        .on_drained = on_drained,
        .on_alive = on_alive,
        .on_end = on_end,
    };
    char *target = eio_client_target(e, "websocket");
    int rc;

    if (target == NULL) return SL_E_NOMEM;
    e->ws = (struct ws_client){
        .loop = e->o.loop,
        .dialer = e->o.dialer,
        .to = e->o.to,
        .headers = e->o.headers,
        .on = &events,
        .user = e,
        .timeout_ms = e->o.connect_timeout_ms,
        .message_max = e->o.message_max,
    };
    rc = ws_client_open(&e->ws, sl_str_of(target));
    sl__free(target);
    return rc;
}
