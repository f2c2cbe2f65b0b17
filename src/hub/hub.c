/* SPDX-License-Identifier: MIT */
#include "hub/hub.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "hub/access.h"
#include "hub/backlog.h"
#include "hub/connections.h"
#include "hub/frames.h"
#include "hub/health.h"
#include "hub/journal.h"
#include "hub/knock.h"
#include "hub/live_wire.h"
#include "hub/media.h"
#include "hub/metrics.h"
#include "hub/pictures.h"
#include "hub/site.h"
#include "hub/sockets.h"
#include "hub/store_open.h"
#include "hub/tail.h"
#include "net/loop.h"
#include "store/lock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

struct query_route {
    struct hub *hub;
    const struct query *query;
};

/* A system that this hub carries. */
struct carried {
    void *state;
    struct intakes *intakes;
    struct query_route *queries;
};

struct hub {
    sl_loop *loop;
    struct hub_options options;
    int lock;
    char path[PATH_MAX]; /* of the database */
    struct journal *journal;
    struct backlog *backlog;
    struct queries *queries;
    struct frames *frames;
    struct live_wire *live;
    struct pictures *pictures;
    struct media *media;
    struct sockets *sockets;
    sl_server *server;
    sl_route *routes;
    size_t route_count;
    struct site site;
    struct vitals vitals;
    struct metrics *metrics;
    struct knocks *knocks;
    struct carried carried[SYSTEMS_MAX];
    struct limits limits;
    struct connections connections;
    struct tail tail;
    bool stopping;
};

sl_server *hub_server(struct hub *hub)
{
    return hub->server;
}

sl_sio *hub_sio(struct hub *hub)
{
    return sockets_server(hub->sockets);
}

int hub_sio_tell_all(struct hub *hub, const char *system, uint32_t key, sl_sio_packet *p)
{
    return sockets_tell_all(hub->sockets, system, key, p);
}

int hub_append(struct hub *hub, struct record *r, struct sender *sender)
{
    return backlog_append(hub->backlog, r, sender);
}

void hub_set_timer(struct hub *hub, struct timer *t, uint64_t in_ms)
{
    sl__loop_set_timer(hub->loop, t, in_ms);
}

void hub_cancel_timer(struct hub *hub, struct timer *t)
{
    sl__loop_cancel_timer(hub->loop, t);
}

struct live_stream *hub_live_stream(struct hub *hub, const char *system, sl_str device)
{
    return frames_get(hub->frames, system, device);
}

bool hub_has_live_viewers(const struct hub *hub)
{
    return live_wire_has_viewers(hub->live);
}

void hub_live_event(struct hub *hub, const char *system, const char *kind, sl_str device,
                    sl_str record)
{
    struct live_wire_stats stats;

    live_wire_event(hub->live, system, kind, device, record);
    if (!tail_is_heard(&hub->tail)) return;
    live_wire_get_stats(hub->live, &stats);
    if (stats.viewers > 0)
        tail_count(&hub->tail, TAIL_OUT, system, sl_str_of(kind), device, 0, record.len,
                   stats.viewers);
}

int hub_keep_picture(struct hub *hub, sl_buf *buf, sl_str text, media_fn *on_kept, void *user)
{
    return media_keep(hub->media, buf, text, on_kept, user);
}

void hub_leave_out_pictures(struct hub *hub, int rc, uint32_t records)
{
    media_leave_out(hub->media, rc, records);
}

uint64_t hub_now_us(const struct hub *hub)
{
    return sl_loop_now_us(hub->loop);
}

bool hub_shows_frames(const struct hub *hub)
{
    return hub->options.debug_frames;
}

bool hub_is_stopping(const struct hub *hub)
{
    return hub->stopping;
}

/* ---- assembly, from the disk upwards ---- */

static void on_damage(void *user)
{
    struct hub *hub = user;

    journal_tell_damage(hub->journal);
}

static int open_store(struct hub *hub, sl_error *err)
{
    const char *dir = hub->options.data_dir;
    struct db *db = NULL;
    int rc = lock_take(dir, &hub->lock, err);

    if (rc < 0) return rc;
    if (snprintf(hub->path, sizeof hub->path, "%s/sluice.db", dir) >= (int)sizeof hub->path) {
        return sl_fail(err, -ENAMETOOLONG, "", "the name of the data folder is too long");
    }
    rc = store_open(hub->path, hub->options.systems, hub->options.system_count, &db, err);
    if (rc < 0) return rc;
    rc = journal_open(hub->loop, db, NULL, &hub->journal);
    if (rc < 0) {
        db_close(db);
        return sl_fail(err, rc, hub->path, "cannot start the journal");
    }
    rc = backlog_new(hub->loop, hub->journal, &hub->backlog);
    if (rc < 0) return sl_fail(err, rc, "journal", "out of memory");
    rc = media_open(hub->loop, dir, &hub->media, err);
    if (rc == 0) rc = queries_open(hub->loop, hub->path, &hub->queries, err);
    if (rc == 0) queries_set_on_damage(hub->queries, on_damage, hub);
    return rc;
}

static void add_routes(struct hub *hub, const sl_route *rows, size_t n, void *user)
{
    for (size_t i = 0; i < n; i++) {
        sl_route *r = &hub->routes[hub->route_count++];

        *r = rows[i];
        r->user = user;
    }
}

static void on_query(sl_request *r, void *user)
{
    struct query_route *q = user;

    queries_answer(q->hub->queries, r, q->query);
}

/* What a system is made of, as rows of the server. */
static int carry(struct hub *hub, const struct system *s, struct carried *c, sl_error *err)
{
    int rc;

    c->state = sl__zalloc(s->state_size);
    c->queries = sl__zalloc((s->query_count + 1) * sizeof *c->queries);
    rc = c->state == NULL || c->queries == NULL ? SL_E_NOMEM
                                                : intakes_new(hub, s, c->state, &c->intakes);
    if (rc < 0) return sl_fail(err, rc, s->name, "out of memory");
    rc = sockets_add(hub->sockets, c->intakes, err);
    if (rc < 0) return rc;
    intakes_set_knocks(c->intakes, hub->knocks);
    intakes_set_tail(c->intakes, &hub->tail);
    intakes_set_limits(c->intakes, &hub->limits);
    hub->route_count += intakes_put_routes(c->intakes, hub->routes + hub->route_count);
    for (size_t i = 0; i < s->query_count; i++) {
        const struct query *q = &s->queries[i];

        c->queries[i] = (struct query_route){hub, q};
        hub->routes[hub->route_count++] =
            (sl_route)SL_ROUTE(SL_GET, q->path, q->right, on_query, &c->queries[i]);
    }
    add_routes(hub, s->routes, s->route_count, c->state);
    return 0;
}

static int open_live(struct hub *hub)
{
    int rc = frames_new(hub->loop, limits_devices(&hub->limits.options), &hub->frames);

    if (rc == 0) rc = live_wire_new(hub->loop, hub->frames, hub->options.version, &hub->live);
    if (rc == 0) rc = pictures_new(hub->loop, hub->frames, &hub->pictures);
    return rc;
}

static int open_sockets(struct hub *hub, sl_error *err)
{
    int rc = sockets_new(hub->loop, hub->options.queue_max, hub->options.recovery_ms,
                         &hub->sockets, err);

    if (rc < 0) return rc;
    sockets_set_knocks(hub->sockets, hub->knocks);
    sockets_put_routes(hub->sockets, hub->routes + hub->route_count);
    hub->route_count += SOCKETS_ROUTES;
    return 0;
}

static void on_knock(sl_str record, void *user)
{
    struct hub *hub = user;

    live_wire_event(hub->live, "hub", "knock", SL_STR(""), record);
}

static int gather_routes(struct hub *hub, sl_error *err)
{
    const struct hub_options *o = &hub->options;
    size_t n = site_route_count + HEALTH_ROUTES + METRICS_ROUTES + LIVE_WIRE_ROUTES
               + MEDIA_ROUTES + PICTURES_ROUTES + KNOCK_ROUTES + SOCKETS_ROUTES
               + CONNECTIONS_ROUTES + TAIL_ROUTES;
    int rc;

    for (size_t i = 0; i < o->system_count; i++) {
        const struct system *s = o->systems[i];

        n += intakes_route_count(s) + s->query_count + s->route_count;
    }
    hub->routes = sl__zalloc(n * sizeof *hub->routes);
    if (hub->routes == NULL) return sl_fail(err, SL_E_NOMEM, "routes", "out of memory");

    hub->site = (struct site){.assets = o->assets, .asset_count = o->asset_count};
    add_routes(hub, site_routes, site_route_count, &hub->site);
    add_routes(hub, health_routes, HEALTH_ROUTES, &hub->vitals);
    rc = metrics_new(hub->loop, &hub->vitals, &hub->metrics);
    if (rc < 0) return sl_fail(err, rc, "metrics", "cannot start their thread");
    add_routes(hub, metrics_routes, METRICS_ROUTES, hub->metrics);
    rc = knocks_new(hub->loop, &hub->knocks);
    if (rc < 0) return sl_fail(err, rc, "knocks", "out of memory");
    knocks_set_on_change(hub->knocks, on_knock, hub);
    add_routes(hub, knock_routes, KNOCK_ROUTES, hub->knocks);
    add_routes(hub, connections_routes, CONNECTIONS_ROUTES, &hub->connections);
    add_routes(hub, tail_routes, TAIL_ROUTES, &hub->tail);
    rc = open_live(hub);
    if (rc < 0) return sl_fail(err, rc, "live", "cannot start the threads for pictures");
    add_routes(hub, live_wire_routes, LIVE_WIRE_ROUTES, hub->live);
    add_routes(hub, pictures_routes, PICTURES_ROUTES, hub->pictures);
    add_routes(hub, media_routes, MEDIA_ROUTES, hub->media);
    rc = open_sockets(hub, err);
    for (size_t i = 0; i < o->system_count && rc == 0; i++)
        rc = carry(hub, o->systems[i], &hub->carried[i], err);
    return rc;
}

/* Once all of it is there. */
static void show_vitals(struct hub *hub)
{
    const struct hub_options *o = &hub->options;
    struct vitals *v = &hub->vitals;

    *v = (struct vitals){.version = o->version,
                         .store = hub->path,
                         .limits = &hub->limits,
                         .loop = hub->loop,
                         .server = hub->server,
                         .journal = hub->journal,
                         .backlog = hub->backlog,
                         .access = o->access,
                         .frames = hub->frames,
                         .live = hub->live,
                         .media = hub->media,
                         .knocks = hub->knocks,
                         .sockets = hub->sockets,
                         .system_count = o->system_count};
    for (size_t i = 0; i < o->system_count; i++) {
        v->system[i] = (struct vital_system){o->systems[i], hub->carried[i].state,
                                             hub->carried[i].intakes};
    }
}

/* ---- hooks of the server: `user` is the hub ---- */

static bool is_allowed(sl_request *r, int right, void *user)
{
    const struct hub *hub = user;

    return access_is_allowed(r, right, (void *)(uintptr_t)hub->options.access);
}

static sl_str allow_origin(sl_request *r, sl_str origin, void *user)
{
    const struct hub *hub = user;

    return access_allow_origin(r, origin, (void *)(uintptr_t)hub->options.access);
}

static void on_trouble(const struct sl_trouble *t, void *user)
{
    struct hub *hub = user;

    knock_trouble(hub->knocks, hub->options.access, t);
}

static int start_systems(struct hub *hub, sl_error *err)
{
    sl_server_options so = {.routes = hub->routes,
                            .route_count = hub->route_count,
                            .is_allowed = is_allowed,
                            .allow_origin = allow_origin,
                            .on_trouble = on_trouble,
                            .user = hub,
                            .body_max = hub->options.body_max,
                            .queue_max = hub->options.queue_max,
                            .rate_min = hub->options.rate_min,
                            .queue_total_max = hub->options.queue_total_max,
                            .connections_max = hub->options.connections_max,
                            .connections_per_address_max =
                                hub->options.connections_per_address_max,
                            .cork_us = hub->options.cork_us,
                            .deflate_min = hub->options.deflate ? SL_DEFLATE_MIN : 0};
    int rc = sl_server_new(hub->loop, &so, &hub->server, err);

    if (rc == 0) {
        rc = live_wire_start(hub->live, hub->server);
        if (rc < 0) sl_fail(err, rc, "live", "out of memory");
    }
    show_vitals(hub);
    hub->connections.in = (struct inspect){hub->server, sockets_server(hub->sockets)};
    for (size_t i = 0; i < hub->options.system_count && rc == 0; i++) {
        rc = hub->options.systems[i]->start(hub->carried[i].state, hub, err);
    }
    return rc;
}

int hub_new(sl_loop *loop, const struct hub_options *o, struct hub **out, sl_error *err)
{
    struct hub *hub;
    int rc;

    *out = NULL;
    if (o->system_count > SYSTEMS_MAX) return sl_fail(err, SL_E_LIMIT, "", "too many systems");
    hub = sl__zalloc(sizeof *hub);
    if (hub == NULL) return sl_fail(err, SL_E_NOMEM, "hub", "out of memory");
    hub->loop = loop;
    hub->options = *o;
    if (o->access == NULL) hub->options.access = &access_loopback;
    if (o->version == NULL) hub->options.version = "unknown";
    hub->lock = -1;
    hub->connections.vitals = &hub->vitals;
    tail_init(&hub->tail, loop, &hub->connections);
    rc = limits_init(&hub->limits, &o->limits);
    if (rc < 0) sl_fail(err, rc, "hub", "out of memory");
    if (rc == 0) rc = open_store(hub, err);
    if (rc == 0) rc = gather_routes(hub, err);
    if (rc == 0) rc = start_systems(hub, err);
    if (rc < 0) {
        hub_free(hub);
        return rc;
    }
    *out = hub;
    return 0;
}

int hub_listen(struct hub *hub, const char *address, uint16_t *port, sl_error *err)
{
    return sl_server_listen(hub->server, address, port, err);
}

/* Downwards: the journal first, while those whom it tells are still there. */
void hub_free(struct hub *hub)
{
    if (hub == NULL) return;
    hub->stopping = true;
    metrics_free(hub->metrics);
    queries_close(hub->queries);
    media_close(hub->media);
    backlog_free(hub->backlog);
    journal_close(hub->journal);
    for (size_t i = 0; i < hub->options.system_count; i++) {
        struct carried *c = &hub->carried[i];

        if (c->state != NULL) hub->options.systems[i]->stop(c->state);
        intakes_free(c->intakes);
        sl__free(c->queries);
        sl__free(c->state);
    }
    tail_deinit(&hub->tail);
    live_wire_free(hub->live);
    pictures_free(hub->pictures);
    frames_free(hub->frames);
    sl_server_free(hub->server);
    sockets_free(hub->sockets);
    knocks_free(hub->knocks);
    sl__free(hub->routes);
    lock_release(hub->lock);
    limits_deinit(&hub->limits);
    sl__free(hub);
}
