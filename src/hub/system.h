/* SPDX-License-Identifier: MIT */
/*
 * The contract between the hub and a system: what a system is, and what the hub does for it.
 * A system sees this header, base and the public ones.
 */
#ifndef HUB_SYSTEM_H
#define HUB_SYSTEM_H

#include "sluice/http.h"
#include "sluice/json.h"
#include "sluice/ws.h"

#include "hub/query.h"
#include "hub/record.h"
#include "store/db.h"

struct hub;

struct system {
    const char *name;
    const char *const *step; /* its tables, version by version; see db_migrate */
    int step_count;
    const sl_route *routes; /* `user` is filled in by the hub: the state */
    size_t route_count;
    size_t state_size; /* the hub makes it, zeroed, before the routes can be called */

    /* Before the first connection; an error ends the start of the hub. */
    int (*start)(void *state, struct hub *hub, sl_error *err);
    /* After the last connection and the last record; also when start failed. */
    void (*stop)(void *state);
};

sl_server *hub_server(struct hub *hub);

/*
 * Have a record written; its on_done runs after the commit.
 *
 * returns  0: the hub owns it; SL_E_FULL: it is still yours, tell the sender
 */
int hub_append(struct hub *hub, struct record *r) SL_MUST_USE;

/* Answer with what `fn` reads from the store, on a worker; see queries_answer. */
void hub_answer_query(struct hub *hub, sl_request *r, query_fn *fn, const void *arg,
                      size_t size);

/* Whether each frame is to have its line in the log (DEBUG_FRAMES). */
bool hub_shows_frames(const struct hub *hub);

/* True once connections are gone: on_done has nobody left to tell. */
bool hub_is_stopping(const struct hub *hub);

#endif
