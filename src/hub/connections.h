/* SPDX-License-Identifier: MIT */
/*
 * Who is connected: a list, page by page, and an end for one of them.
 *
 *   GET /api/connections?limit=&after=&transport=&system=&role=&device=&address=&q=
 *   DELETE /api/connections/<id>
 *
 * A request looks at CONNECTIONS_LOOK of them at most, so that no loop is held up by many: a
 * page may be short, even empty, and still name the place where the next one begins. All on the
 * loop.
 */
#ifndef HUB_CONNECTIONS_H
#define HUB_CONNECTIONS_H

#include "hub/who.h"

#define CONNECTIONS_LOOK   2000
#define CONNECTIONS_PAGE   100
#define CONNECTIONS_MAX    1000
#define CONNECTION_ID_SIZE 17 /* hexadecimal digits, terminated */
#define CONNECTION_ROOMS   16 /* of one socket that are listed */
#define CONNECTION_SPACES  8  /* namespaces of one */

struct connections {
    struct inspect in; /* `server` NULL: not started */
    const struct vitals *vitals;
};

/* Its routes; `user` is the struct connections. */
#define CONNECTIONS_ROUTES 2
extern const sl_route connections_routes[CONNECTIONS_ROUTES];

void connection_id(uint64_t id, char out[CONNECTION_ID_SIZE]);
bool connection_read_id(sl_str text, uint64_t *id);

/* Members of an open object: who it is, in few words; all that is known of it. */
void connection_put_who(const struct connections *all, const struct inspected *c,
                        sl_json_out *out);
void connection_put(const struct connections *all, const struct inspected *c, sl_json_out *out);

#endif
