/* SPDX-License-Identifier: MIT */
#include "hub/hub.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "hub/access.h"
#include "hub/journal.h"
#include "hub/site.h"
#include "store/lock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define SYSTEMS_MAX 16

struct hub {
    sl_loop *loop;
    struct hub_options options;
    int lock;
    char path[PATH_MAX]; /* of the database */
    struct journal *journal;
    struct queries *queries;
    sl_server *server;
    sl_route *routes;
    size_t route_count;
    struct site site;
    void *state[SYSTEMS_MAX];
    bool stopping;
};

sl_server *hub_server(struct hub *hub)
{
    return hub->server;
}

int hub_append(struct hub *hub, struct record *r)
{
    return journal_append(hub->journal, r);
}

void hub_answer_query(struct hub *hub, sl_request *r, query_fn *fn, const void *arg,
                      size_t size)
{
    queries_answer(hub->queries, r, fn, arg, size);
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

static int migrate_all(struct hub *hub, struct db *db, sl_error *err)
{
    int rc = db_migrate(db, NULL, spine_steps, SPINE_STEPS, err);

    for (size_t i = 0; i < hub->options.system_count && rc == 0; i++) {
        const struct system *s = hub->options.systems[i];

        rc = db_migrate(db, s->name, s->step, s->step_count, err);
    }
    return rc;
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
    rc = db_open(hub->path, DB_WRITE, &db, err);
    if (rc < 0) return rc;
    rc = migrate_all(hub, db, err);
    if (rc == 0) {
        rc = journal_open(hub->loop, db, NULL, &hub->journal);
        if (rc < 0) sl_fail(err, rc, hub->path, "cannot start the journal");
    }
    if (rc < 0) {
        db_close(db);
        return rc;
    }
    return queries_open(hub->loop, hub->path, &hub->queries, err);
}

static void add_routes(struct hub *hub, const sl_route *rows, size_t n, void *user)
{
    for (size_t i = 0; i < n; i++) {
        sl_route *r = &hub->routes[hub->route_count++];

        *r = rows[i];
        r->user = user;
    }
}

static int gather_routes(struct hub *hub, sl_error *err)
{
    const struct hub_options *o = &hub->options;
    size_t n = site_route_count;

    for (size_t i = 0; i < o->system_count; i++)
        n += o->systems[i]->route_count;
    hub->routes = sl__zalloc(n * sizeof *hub->routes);
    if (hub->routes == NULL) return sl_fail(err, SL_E_NOMEM, "routes", "out of memory");

    hub->site = (struct site){.assets = o->assets, .asset_count = o->asset_count};
    add_routes(hub, site_routes, site_route_count, &hub->site);
    for (size_t i = 0; i < o->system_count; i++) {
        const struct system *s = o->systems[i];

        hub->state[i] = sl__zalloc(s->state_size);
        if (hub->state[i] == NULL) return sl_fail(err, SL_E_NOMEM, s->name, "out of memory");
        add_routes(hub, s->routes, s->route_count, hub->state[i]);
    }
    return 0;
}

static int start_systems(struct hub *hub, sl_error *err)
{
    sl_server_options so = {.routes = hub->routes,
                            .route_count = hub->route_count,
                            .is_allowed = access_is_allowed,
                            .allow_origin = access_allow_origin,
                            .user = (void *)(uintptr_t)hub->options.access,
                            .body_max = hub->options.body_max,
                            .queue_max = hub->options.queue_max,
                            .connections_max = hub->options.connections_max,
                            .connections_per_address_max =
                                hub->options.connections_per_address_max,
                            .cork_us = hub->options.cork_us};
    int rc = sl_server_new(hub->loop, &so, &hub->server, err);

    for (size_t i = 0; i < hub->options.system_count && rc == 0; i++) {
        rc = hub->options.systems[i]->start(hub->state[i], hub, err);
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
    hub->lock = -1;
    rc = open_store(hub, err);
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
    queries_close(hub->queries);
    journal_close(hub->journal);
    for (size_t i = 0; i < hub->options.system_count; i++) {
        if (hub->state[i] != NULL) hub->options.systems[i]->stop(hub->state[i]);
        sl__free(hub->state[i]);
    }
    sl_server_free(hub->server);
    sl__free(hub->routes);
    lock_release(hub->lock);
    sl__free(hub);
}
