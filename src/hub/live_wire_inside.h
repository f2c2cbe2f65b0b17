/* SPDX-License-Identifier: MIT */
/* The inside of the live wire: live_wire.c speaks to all, live_wire_viewer.c to one of them. */
#ifndef HUB_LIVE_WIRE_INSIDE_H
#define HUB_LIVE_WIRE_INSIDE_H

#include "base/wheel.h"
#include "hub/live_wire.h"

#define LIVE_FPS_MAX 60

struct live_wire {
    sl_loop *loop;
    struct frames *frames;
    const char *version;
    sl_server *server;
    sl_room *everyone;   /* for events: nobody misses one and stays */
    struct list viewers; /* struct viewer */
    struct timer tick;   /* one for all, while there is somebody */
    uint32_t ticks;
    int64_t rated_us; /* when rates were told last */
    struct live_wire_stats stats;
    sl_json doc; /* the message in hand */
};

struct viewer {
    struct live_wire *owner;
    sl_ws *ws;
    struct list node;
    struct list viewings; /* streams whose frames it wants */
    uint32_t viewing_count;
    uint64_t conflated; /* frames that gave way */
};

/*
 * Newest-only slots. A stream's state and its frame have one each, streams have numbers from 1
 * on.
 */
enum { KEY_TIME, KEY_RATES };
static inline uint32_t key_of_state(uint32_t stream)
{
    return stream * 2;
}
static inline uint32_t key_of_frame(uint32_t stream)
{
    return stream * 2 + 1;
}

extern const sl_ws_ops live_viewer_ops; /* `user` is the struct live_wire */

/* Begin an object: {"type":"…" */
void live_open(sl_json_out *out, const char *type);

/* End it and send it, in order; out is done with. A viewer that cannot take it is cut off. */
void live_say(struct viewer *v, sl_json_out *out);

void live_cut_off(struct viewer *v);

/* live_wire.c: a viewer has come; it has gone. */
void live_add_viewer(struct live_wire *l, struct viewer *v);
void live_remove_viewer(struct viewer *v);

#endif
