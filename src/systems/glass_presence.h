/* SPDX-License-Identifier: MIT */
/*
 * Which devices are there: one truth for each, whatever wires its connections use. Told when it
 * changes: to dashboards by WebSocket and by Socket.IO, to the page, to the log.
 */
#ifndef SYSTEMS_GLASS_PRESENCE_H
#define SYSTEMS_GLASS_PRESENCE_H

#include "systems/glass_live.h"

struct older; /* a Socket.IO connection, glass_older.h */

#define HTTP_LIFE_MS                                                        \
    60000 /* a device that calls by HTTP is there for so long, contract 1.4 \
           */

/* Its state, to one dashboard or to the device itself. */
void presence_tell(sl_ws *ws, const struct camera *cam);

/* This connection is this camera's from now on: the newest wins. The device is told, too. */
void presence_register(struct glass *g, struct sender *s, struct camera *cam);
/* The newest one has gone, and an older one lives. */
void presence_link(struct glass *g, struct camera *cam, struct sender *s);
void presence_leave(struct glass *g, struct sender *s);

void presence_by_http(struct glass *g, struct camera *cam, const char *peer);

/* Of Socket.IO each counts: the camera is there while one of them is. */
void presence_join_socket(struct glass *g, struct older *o, struct camera *cam);
/* It sends this camera's pictures, and has never said to be one: nobody is told but the page.
 */
void presence_feed_socket(struct older *o, struct camera *cam);
void presence_leave_socket(struct glass *g, struct older *o, sl_str end);

void presence_stop(struct glass *g);

#endif
