/* SPDX-License-Identifier: MIT */
#include "serve/server.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "serve/agents.h"
#include "serve/feed.h"
#include "serve/http_conn.h"
#include "serve/rooms.h"
#include "serve/router.h"
#include "serve/trouble.h"
#include "serve/ws_deflate.h"
#include "serve/ws_session.h"

#include <sys/resource.h>

#define KIB              1024u
#define MIB              (1024u * KIB)
#define FILES_FOR_OTHERS 64 /* descriptors that are no connections */
#define FIRST_INHERITED  3  /* sd_listen_fds(3) */
#define CLOSE_GOING_AWAY 1001

/* A listener in the server's list. */
struct port {
    struct list node;
    struct listener *listener;
};

/* ---- options ---- */

/*
 * A server is worth nothing at the soft limit of 1024 that shells hand out: it is raised as far
 * as it goes, and how many connections there may be follows from where that is.
 */
static uint32_t connections_default(void)
{
    struct rlimit files, soft;
    uint32_t max = 60000;

    if (getrlimit(RLIMIT_NOFILE, &soft) < 0) return max;
    files = (struct rlimit){.rlim_cur = soft.rlim_max, .rlim_max = soft.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &files) < 0) files = soft;
    if (files.rlim_cur == RLIM_INFINITY) return max;
    if (files.rlim_cur <= 2 * FILES_FOR_OTHERS) return FILES_FOR_OTHERS;
    if (files.rlim_cur - FILES_FOR_OTHERS < max)
        max = (uint32_t)files.rlim_cur - FILES_FOR_OTHERS;
    return max;
}

static void fill_in(sl_server_options *o)
{
    if (o->head_max == 0) o->head_max = 16 * KIB;
    if (o->body_max == 0) o->body_max = 10 * MIB;
    if (o->head_ms == 0) o->head_ms = 10000;
    if (o->body_ms == 0) o->body_ms = 20000;
    if (o->idle_ms == 0) o->idle_ms = 75000;
    uint32_t connections = connections_default();

    if (o->connections_max == 0) o->connections_max = connections;
    if (o->connections_per_address_max == 0) o->connections_per_address_max = 512;
    if (o->cork_us == 0) o->cork_us = 2000;
    if (o->queue_max == 0) o->queue_max = 4 * MIB;
    if (o->rate_min == 0)
        o->rate_min = 500;
    else if (o->rate_min == SL_RATE_NONE)
        o->rate_min = 0; /* with every default filled in, this is none */
    if (o->queue_total_max == 0) {
        o->queue_total_max = 64 * (size_t)MIB; /* but one queue must be allowed to be full */
        if (o->queue_total_max < o->queue_max) o->queue_total_max = o->queue_max;
    }
    if (o->gzip_min == 0) o->gzip_min = KIB;
}

/* ---- turns ---- */

static void read_on_ready(sl_server *s)
{
    struct list now, *n;

    wheel_cancel(&s->loop->wheel, &s->ready_timer);
    list_move_all(&s->ready, &now);
    while ((n = list_take_first(&now)) != NULL)
        http_conn_read_on(n);
}

static void on_turn(struct turn_hook *h)
{
    sl_server *s = LIST_ENTRY(h, sl_server, turn);

    if (!list_is_empty(&s->ready)) read_on_ready(s);
    ws_deflate_refill(s);
}

static void on_ready_timer(struct timer *t)
{
    read_on_ready(LIST_ENTRY(t, sl_server, ready_timer));
}

void sl__server_add_ready(sl_server *s, struct list *ready)
{
    if (ready->next != ready) return; /* it is in the list */
    list_add_last(&s->ready, ready);
    sl__loop_set_timer(s->loop, &s->ready_timer, 0);
}

sl_str sl__server_date(sl_server *s)
{
    int64_t now = wall_now().us / 1000000;

    if (now != s->date_s) {
        s->date_s = now;
        http_date_write(now, s->date);
    }
    return (sl_str){s->date, HTTP_DATE_SIZE - 1};
}

/* ---- stopping ---- */

bool sl__server_is_stopping(const sl_server *s)
{
    return sl__loop_is_stopping(s->loop);
}

static void close_listeners(sl_server *s)
{
    struct list *n;

    while ((n = list_take_first(&s->listeners)) != NULL) {
        struct port *p = LIST_ENTRY(n, struct port, node);
        listener_close(p->listener);
        sl__free(p);
    }
}

/* Listeners first, so that who is sent away cannot come back to us. */
static void on_stop(struct stop_hook *h)
{
    sl_server *s = LIST_ENTRY(h, sl_server, stop);
    struct list *next;

    close_listeners(s);
    for (struct list *n = s->connections.next; n != &s->connections; n = next) {
        next = n->next; /* closing never frees at once */
        http_conn_stop(n);
    }
    sl__ws_close_all(s, CLOSE_GOING_AWAY, "the server is shutting down");
    feed_close_all(s);
}

/* ---- the life of a server ---- */

static void init_lists(sl_server *s)
{
    list_init(&s->listeners);
    list_init(&s->connections);
    list_init(&s->sessions);
    list_init(&s->feeds);
    list_init(&s->ready);
    list_init(&s->inflating);
    list_init(&s->stop.node);
    list_init(&s->turn.node);
}

int sl_server_new(sl_loop *loop, const sl_server_options *o, sl_server **out, sl_error *err)
{
    sl_server *s;
    int rc;

    *out = NULL;
    s = sl__zalloc(sizeof *s);
    if (s == NULL) return sl_fail(err, SL_E_NOMEM, "", "no memory for the server");
    s->loop = loop;
    s->options = *o;
    fill_in(&s->options);
    s->limits.connections_max = s->options.connections_max;
    s->limits.per_address_max = s->options.connections_per_address_max;
    s->limits.on_refused = trouble_accept;
    s->limits.user = s;
    memcpy(s->limits.said, trouble_said, sizeof s->limits.said);
    init_lists(s);
    timer_init(&s->ready_timer, on_ready_timer);
    timer_init(&s->slice, ws_deflate_on_slice);
    ws_deflate_refill(s);

    s->limits.per_address = map_new();
    if (s->limits.per_address == NULL) {
        rc = sl_fail(err, SL_E_NOMEM, "", "no memory for the connection counts");
        goto failed;
    }
    rc = router_new(o->routes, o->route_count, &s->router, err);
    if (rc < 0) goto failed;
    s->rooms = rooms_new(s);
    if (s->rooms == NULL) {
        rc = sl_fail(err, SL_E_NOMEM, "", "no memory for the rooms");
        goto failed;
    }
    s->turn.on_turn = on_turn;
    s->stop.on_stop = on_stop;
    loop->relief.max = s->options.queue_total_max;
    sl__loop_add_turn_hook(loop, &s->turn);
    sl__loop_add_stop_hook(loop, &s->stop);
    *out = s;
    return 0;
failed:
    sl_server_free(s);
    return rc;
}

void sl_server_free(sl_server *s)
{
    if (s == NULL) return;
    sl__loop_remove_turn_hook(&s->turn);
    sl__loop_remove_stop_hook(&s->stop);
    wheel_cancel(&s->loop->wheel, &s->slice);
    wheel_cancel(&s->loop->wheel, &s->ready_timer);
    close_listeners(s);
    worker_pool_free(s->files);
    rooms_free(s->rooms);
    router_free(s->router);
    map_free(s->limits.per_address);
    lines_deinit(&s->text);
    agents_free(s->agents);
    sl__free(s);
}

/* ---- listening ---- */

void sl__server_take_stream(sl_server *s, struct stream *stream)
{
    http_conn_open(s, stream);
}

static void on_stream(struct stream *stream, void *user)
{
    sl__server_take_stream(user, stream);
}

/* address NULL: take over `fd` */
static int add_listener(sl_server *s, const char *address, int fd, uint16_t *port,
                        sl_error *err)
{
    struct listener_options o = {
        .stream = {.waiting_max = s->options.queue_max,
                   .cork_us = s->options.cork_us == SL_CORK_NONE ? 0 : s->options.cork_us},
        .limits = &s->limits,
        .on_stream = on_stream,
        .user = s,
    };
    struct port *p = sl__alloc(sizeof *p);
    int rc;

    if (p == NULL)
        return sl_fail(err, SL_E_NOMEM, address ? address : "", "no memory to listen");
    rc = address != NULL ? listener_open(s->loop, address, &o, &p->listener, err)
                         : listener_open_fd(s->loop, fd, &o, &p->listener, err);
    if (rc < 0) {
        sl__free(p);
        return rc;
    }
    list_add_last(&s->listeners, &p->node);
    if (port != NULL) *port = listener_port(p->listener);
    SL_INFO("http", "event=listening address=%s", listener_name(p->listener));
    return 0;
}

int sl_server_listen(sl_server *s, const char *address, uint16_t *port, sl_error *err)
{
    if (port != NULL) *port = 0;
    if (address == NULL) return sl_fail(err, SL_E_INVAL, "", "an address is needed: HOST:PORT");
    if (sl__server_is_stopping(s))
        return sl_fail(err, SL_E_STOPPING, address, "the server is shutting down");
    return add_listener(s, address, -1, port, err);
}

int sl_server_listen_inherited(sl_server *s, sl_error *err)
{
    int n = inherited_sockets(), rc;

    for (int i = 0; i < n; i++) {
        rc = add_listener(s, NULL, FIRST_INHERITED + i, NULL, err);
        if (rc < 0) return rc;
    }
    return n;
}
