/* SPDX-License-Identifier: MIT */
/*
 * The contract between the hub and a system: what a system is, and what the hub does for it.
 * A system sees this header, base and the public ones.
 */
#ifndef HUB_SYSTEM_H
#define HUB_SYSTEM_H

#include "sluice/http.h"
#include "sluice/json.h"
#include "sluice/sio.h"
#include "sluice/ws.h"

#include "base/wheel.h"
#include "hub/frames.h"
#include "hub/intake.h"
#include "hub/media.h"
#include "hub/query.h"
#include "hub/record.h"
#include "store/db.h"

struct hub;

struct system {
    const char *name;
    const char *const *step; /* its tables, version by version; see db_migrate */
    int step_count;
    const char *const *roles;     /* names of roles from 1 on; ends with NULL; NULL: none */
    const char *const *ws_paths;  /* raw WebSocket here; ends with NULL; NULL: nowhere */
    const struct intake *intakes; /* what it takes */
    size_t intake_count;
    const struct query *queries; /* what it tells of the past */
    size_t query_count;
    const sl_route *routes; /* the rest; `user` is filled in by the hub: the state */
    size_t route_count;
    size_t state_size; /* the hub makes it, zeroed, before the routes can be called */

    /* Before the first connection; an error ends the start of the hub. */
    int (*start)(void *state, struct hub *hub, sl_error *err);
    /* After the last connection and the last record; also when start failed. */
    void (*stop)(void *state);
    /* A raw WebSocket connection has ended, or a Socket.IO one. NULL: nothing to do */
    void (*on_leave)(void *state, struct sender *s);
    /* Whose connection it is; borrowed, ptr NULL: no device's. NULL: it cannot tell */
    sl_str (*device_of)(const void *state, const struct sender *s);
    /* How many devices are there now, and how many were. NULL: it knows none */
    void (*count_devices)(const void *state, uint32_t *connected, uint32_t *disconnected);
};

sl_server *hub_server(struct hub *hub);

/*
 * ---- Socket.IO: events are rows of intakes; see there for answers ----
 *
 * The server, for rooms and broadcasts in "/". Rooms are shared with other systems: begin their
 * names with the system's, as "glass:dashboards", unless clients choose them.
 */
sl_sio *hub_sio(struct hub *hub);
/*
 * What the originals send to everyone: to all but those who are another system's, which they
 * are once they have a role there. key 0: in order; else the newest under it.
 */
int hub_sio_tell_all(struct hub *hub, const char *system, uint32_t key, sl_sio_packet *p);

/*
 * Have a record written; its on_done runs after the commit, or when the hub gives up.
 *
 * s        who sent it: by WebSocket it is not read from while the disk is behind; or NULL
 * returns  0: the hub owns it; SL_E_FULL: it is still yours, tell the sender
 */
int hub_append(struct hub *hub, struct record *r, struct sender *s) SL_MUST_USE;

/* Deadlines in milliseconds from now; `t` as in wheel.h. */
void hub_set_timer(struct hub *hub, struct timer *t, uint64_t in_ms);
void hub_cancel_timer(struct hub *hub, struct timer *t);

/*
 * ---- what people watch: the page, and whoever speaks docs/live-wire.md ----
 *
 * The stream of one of its devices: as frames_get. Tell it of its link and its frames by
 * stream_set_link and stream_take_frame.
 */
struct live_stream *hub_live_stream(struct hub *hub, const char *system, sl_str device);

/* A record was stored, or changed: `record` is a JSON value, as its dashboards get it. */
bool hub_has_live_viewers(const struct hub *hub); /* nobody is told what nobody hears */
void hub_live_event(struct hub *hub, const char *system, const char *kind, sl_str device,
                    sl_str record);

/*
 * ---- pictures that records keep ----
 *
 * As media_keep; the record that names the URL is appended in on_kept, not before: there is
 * never a row without its file.
 */
int hub_keep_picture(struct hub *hub, sl_buf *buf, sl_str text, media_fn *on_kept,
                     void *user) SL_MUST_USE;
/* As media_leave_out: so many records stay without their picture. */
void hub_leave_out_pictures(struct hub *hub, int rc, uint32_t records);

/* By the loop's clock: the birth of a message whose age is to be measured. */
uint64_t hub_now_us(const struct hub *hub);

/* Whether each frame is to have its line in the log (DEBUG_FRAMES). */
bool hub_shows_frames(const struct hub *hub);

/* True once connections are gone: on_done has nobody left to tell. */
bool hub_is_stopping(const struct hub *hub);

#endif
