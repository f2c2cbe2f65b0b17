/* SPDX-License-Identifier: MIT */
/* Our own wire, /api/live: streams, frames and records for the page. See docs/live-wire.md. */
#ifndef HUB_LIVE_WIRE_H
#define HUB_LIVE_WIRE_H

#include "sluice/ws.h"

#include "hub/frames.h"

struct live_wire;

struct live_wire_stats {
    uint32_t viewers;
    uint64_t frames_sent;      /* handed to a viewer's slot, where none waited */
    uint64_t frames_conflated; /* an older one gave way */
    uint64_t events;           /* passed on, counted for each viewer */
    uint64_t cut_off; /* viewers whose queue was full; those of events are the room's */
};

/*
 * frames   borrowed; its on_change is this one's from now on
 * version  borrowed: the hub's
 */
int live_wire_new(sl_loop *loop, struct frames *frames, const char *version,
                  struct live_wire **out) SL_MUST_USE;
/* After the loop has returned, before the server is freed; NULL is fine. */
void live_wire_free(struct live_wire *l);

/* After the server is made, before its first connection. */
int live_wire_start(struct live_wire *l, sl_server *server) SL_MUST_USE;

bool live_wire_has_viewers(const struct live_wire *l);

/*
 * Tell everyone of a record that was stored.
 *
 * record   a JSON value
 */
void live_wire_event(struct live_wire *l, const char *system, const char *kind, sl_str device,
                     sl_str record);

void live_wire_get_stats(const struct live_wire *l, struct live_wire_stats *out);

/* Its routes: /api/live, /api/streams; `user` is the struct live_wire. */
#define LIVE_WIRE_ROUTES 2
extern const sl_route live_wire_routes[LIVE_WIRE_ROUTES];

#endif
