/* SPDX-License-Identifier: MIT */
/* Who is there now, and what dashboards are told: presence, frames, detections. */
#ifndef SYSTEMS_GLASS_LIVE_H
#define SYSTEMS_GLASS_LIVE_H

#include "hub/system.h"
#include "systems/glass_cameras.h"
#include "systems/glass_stream.h"

#define HTTP_LIFE_MS                                                        \
    60000 /* a device that calls by HTTP is there for so long, contract 1.4 \
           */

enum role { ROLE_NONE, ROLE_DEVICE, ROLE_VIEWER };

struct glass {
    struct hub *hub;
    sl_room *dashboards;
    struct cameras cameras;
    size_t picture_bytes; /* of frames held for glass_pictures.c */
    struct glass_stream stream;
    char room[FIELD_ROOM(DEVICE_ID_MAX)]; /* the id in hand */
};

/* This connection is this camera's from now on: the newest wins. The device is told, too. */
void live_register(struct glass *g, struct sender *s, struct camera *cam);
void live_called_by_http(struct glass *g, struct camera *cam, const char *peer);
void live_leave(struct glass *g, struct sender *s);

/* To the dashboards; it gets the states and the last frames first. */
void live_join(struct glass *g, struct sender *s);

/* Contract 1.2b, to all dashboards, the newest one only. */
void live_relay_frame(struct glass *g, struct camera *cam, const struct arrival *a);

/*
 * An intake's announce_x. Detections go to the dashboards, contract 1.2c and, of a list, 1.4;
 * they and the rest to the page.
 */
void live_announce_detection(const struct done *d);
void live_announce_row(const struct done *d); /* of a defect that was inserted or edited */
void live_announce_removal(const struct done *d);

void live_stop(struct glass *g);

#endif
