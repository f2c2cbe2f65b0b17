/* SPDX-License-Identifier: MIT */
/* What all sessions of one path share, and what is done for them at the end of a turn. */
#include "base/alloc.h"
#include "base/hash.h"
#include "serve/eio_inside.h"
#include "serve/ws_internal.h"

#include <stdio.h>

/* A tick of the turn's end: for who has ended, or has something for a held poll. */
static void settle(struct eio_session *s)
{
    struct eio_server *e = s->server;

    eio_session_hold(s);
    if (!s->over && s->poll != NULL && (s->queue != NULL || s->closing)) eio_flush_poll(s);
    if (!s->is_paused && s->post == NULL) eio_deliver_late(s);
    if (s->reason != NULL && !s->told) {
        s->told = true;
        eio_tell_ended(s);
        e->o.events->on_close(s, s->reason, e->o.user);
    }
    if (s->over && list_is_empty(&s->due)) eio_session_drop(s); /* what kept it alive */
    eio_session_drop(s);
}

static void settle_all(struct eio_server *e)
{
    struct list now, *n;

    list_move_all(&e->due, &now);
    while ((n = list_take_first(&now)) != NULL)
        settle(LIST_ENTRY(n, struct eio_session, due));
}

static void on_turn(struct turn_hook *h)
{
    struct eio_server *e = LIST_ENTRY(h, struct eio_server, turn);

    eio_batch_end(e);
    if (!list_is_empty(&e->due)) settle_all(e);
    eio_drop_shared(e);
}

/* The transport ends, the conversation need not: no client is told to stay away. */
static void on_stop(struct stop_hook *h)
{
    struct eio_server *e = LIST_ENTRY(h, struct eio_server, stop);
    struct eio_session *s;

    for (uint32_t i = 0; (s = eio_table_at(&e->sessions, &i)) != NULL;) { /* it leaves that */
        if (s->reason == NULL) s->reason = "server shutting down";
        if (s->state != EIO_ON_WEBSOCKET) s->closing = true;
        if (s->poll != NULL) eio_flush_poll(s); /* what waits, and the close */
        eio_end(s, s->reason, EIO_CLOSE, WS_GOING_AWAY);
    }
}

static void fill_in(struct eio_options *o)
{
    if (o->ping_interval_ms == 0) o->ping_interval_ms = 25000;
    if (o->ping_timeout_ms == 0) o->ping_timeout_ms = 20000;
    if (o->upgrade_timeout_ms == 0) o->upgrade_timeout_ms = 10000;
    if (o->poll_gather_ms == 0) o->poll_gather_ms = 75;
    if (o->payload_max == 0) o->payload_max = 1000000;
    if (o->queue_max == 0) o->queue_max = 4u << 20;
}

int eio_server_new(sl_loop *loop, const struct eio_options *o, struct eio_server **out)
{
    struct eio_server *e = sl__zalloc(sizeof *e);

    *out = NULL;
    if (e == NULL) return SL_E_NOMEM;
    e->loop = loop;
    e->o = *o;
    fill_in(&e->o);
    list_init(&e->due);
    list_init(&e->batch.members);
    list_init(&e->turn.node);
    list_init(&e->stop.node);
    e->hooks.on_head = eio_on_head;
    eio_fill_ops(e);
    e->ping = eio_packet_new(EIO_PING, (sl_str){0});
    e->greeting = eio_packet_new(EIO_MESSAGE, SL_STR("0"));
    if (e->ping == NULL || e->greeting == NULL) {
        eio_server_free(e);
        return SL_E_NOMEM;
    }
    e->turn.on_turn = on_turn;
    e->stop.on_stop = on_stop;
    sl__loop_add_turn_hook(loop, &e->turn);
    sl__loop_add_stop_hook(loop, &e->stop);
    *out = e;
    return 0;
}

void eio_server_free(struct eio_server *e)
{
    struct eio_session *s;

    if (e == NULL) return;
    sl__loop_remove_turn_hook(&e->turn);
    sl__loop_remove_stop_hook(&e->stop);
    for (uint32_t i = 0; (s = eio_table_at(&e->sessions, &i)) != NULL;)
        eio_end(s, "forced close", EIO_CLOSE, WS_GOING_AWAY);
    while (!list_is_empty(&e->due))
        settle_all(e);
    eio_batch_end(e);
    eio_drop_shared(e);
    eio_message_drop(e->ping);
    eio_message_drop(e->greeting);
    agents_free(e->agents);
    eio_table_deinit(&e->sessions);
    sl__free(e);
}

void eio_put_routes(struct eio_server *e, const char *path, int right,
                    sl_route rows[EIO_ROUTES])
{
    size_t n = strlen(path);

    if (n > 1 && path[n - 1] == '/') n--;
    snprintf(e->path[0], sizeof e->path[0], "%.*s/", (int)n, path);
    snprintf(e->path[1], sizeof e->path[1], "%.*s", (int)n, path);
    for (int i = 0; i < EIO_ROUTES; i++)
        rows[i] = (sl_route){
            .methods = SL_GET | SL_HEAD | SL_POST | SL_PUT | SL_PATCH | SL_DELETE,
            .path = e->path[i],
            .right = right,
            .on_request = eio_on_request,
            .ws = &e->ops,
            .user = e,
            .body_max = e->o.payload_max,
            .hooks = &e->hooks,
        };
}

static void count(const struct eio_session *s, struct eio_stats *out)
{
    out->sessions++;
    out->polling += s->state != EIO_ON_WEBSOCKET;
    out->websocket += s->state == EIO_ON_WEBSOCKET;
    out->eio3 += s->revision == 3;
}

void eio_get_stats(const struct eio_server *e, struct eio_stats *out)
{
    const struct eio_session *s;

    *out = e->stats;
    for (uint32_t i = 0; (s = eio_table_at(&e->sessions, &i)) != NULL; i++)
        for (; s != NULL; s = s->next)
            count(s, out);
}

/* ---- for who looks on ---- */

uint64_t eio_id(const struct eio_session *s)
{
    if (s->ws != NULL) return s->ws->stream->id;
    if (s->over && s->state == EIO_ON_WEBSOCKET) return s->last_id;
    return EIO_ID_POLLING | (hash_key(sl_str_of(s->sid)) & (EIO_ID_POLLING - 1));
}

static void show(struct eio_session *s, struct inspected *out)
{
    *out = (struct inspected){.eio = s, .ws = s->ws, .id = eio_id(s)};
    if (s->ws != NULL) out->stream = s->ws->stream;
}

void eio_tell_opened(struct eio_session *s)
{
    const struct observer *o = s->server->observer;
    struct inspected c;

    if (o == NULL) return;
    show(s, &c);
    o->on_opened(&c, o->user);
}

void eio_tell_ended(struct eio_session *s)
{
    const struct observer *o = s->server->observer;
    struct inspected c;

    if (o == NULL) return;
    show(s, &c);
    o->on_ended(&c, 0, sl_str_of(s->reason), o->user);
}
