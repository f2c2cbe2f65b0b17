/* SPDX-License-Identifier: MIT */
/*
 * Older devices and dashboards, by Socket.IO (contract §2): the same cameras, the same
 * pictures, in other words. Only who said "dashboard" hears of anything.
 *
 *   device:frame ─┬─► stream:frame, newest only      dashboards here
 *                 ├─► frame                          dashboards on the raw WebSocket, SSE
 *                 └─► the stream, and where boxes are the page
 *   frame of a raw WebSocket ─► stream:frame         made only if a dashboard is here
 */
#ifndef SYSTEMS_GLASS_OLDER_H
#define SYSTEMS_GLASS_OLDER_H

#include "systems/glass_live.h"

/* A Socket.IO connection that has given an id, or has sent pictures: a sender's `user`. */
struct older {
    struct list of_camera, of_feed;
    struct sender *sender;
    struct camera *camera; /* as which it is there; NULL: as none */
    struct camera *feed;   /* whose pictures it sends without that; NULL: none */
    uint16_t id_len;       /* what it calls itself; 0: nothing yet */
    char id[DEVICE_ID_MAX];
};

/* The on_x of client:hello, device:register, device:frame, device:status. */
int older_on_hello(struct arrival *a);
int older_on_register(struct arrival *a);
int older_on_frame(struct arrival *a);
int older_on_status(struct arrival *a);
void older_leave(struct glass *g, struct sender *s);

/* A frame of the raw WebSocket or of HTTP: its base64 as it lies between its quotes in `buf`.
 */
void older_show_frame(struct glass *g, const struct camera *cam, sl_buf *buf, sl_str text);
void older_tell_status(struct glass *g, const struct camera *cam);

/* GET /devices, GET /devices/:id; `user` is the struct glass. */
void glass_on_devices(sl_request *r, void *user);
void glass_on_device(sl_request *r, void *user);

#endif
