/* SPDX-License-Identifier: MIT */
/* Our own wire, /api/live: streams, frames and records for the page. See docs/live-wire.md. */
#ifndef HUB_LIVE_WIRE_H
#define HUB_LIVE_WIRE_H

#include "sluice/ws.h"

#include "hub/frames.h"

struct live_wire;

int live_wire_new(sl_loop *loop, struct frames *frames, const char *version,
             struct live_wire **out) SL_MUST_USE;
void live_wire_free(struct live_wire *l); /* NULL is fine */

/* After the server is made, before its first connection. */
int live_wire_start(struct live_wire *l, sl_server *server) SL_MUST_USE;

/*
 * Tell everyone of a record that was stored.
 *
 * record   a JSON value
 */
void live_wire_event(struct live_wire *l, const char *system, const char *kind, sl_str device,
                sl_str record);

/* Its routes: /api/live, /api/streams; `user` is the struct live_wire. */
#define LIVE_WIRE_ROUTES 2
extern const sl_route live_wire_routes[];

#endif
