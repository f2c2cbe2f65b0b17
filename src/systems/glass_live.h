/* SPDX-License-Identifier: MIT */
/* What dashboards are told: frames, detections; of presence see glass_presence.h. */
#ifndef SYSTEMS_GLASS_LIVE_H
#define SYSTEMS_GLASS_LIVE_H

#include "hub/system.h"
#include "systems/glass_cameras.h"
#include "systems/glass_stream.h"

enum role { ROLE_NONE, ROLE_DEVICE, ROLE_VIEWER };

struct glass {
    struct hub *hub;
    sl_room *dashboards;
    struct cameras cameras;
    size_t picture_bytes; /* of frames held for glass_pictures.c */
    struct glass_stream stream;
    char room[FIELD_ROOM(DEVICE_ID_MAX)]; /* the id in hand */
};

/* The camera of this id, made if need be; NULL: `a` has been refused. */
struct camera *live_get_camera(struct arrival *a, sl_str id);

/* To the dashboards; it gets the states and the last frames first. */
void live_join(struct glass *g, struct sender *s);

/* Contract 1.2b, to all dashboards, the newest one only. */
void live_relay_frame(struct glass *g, struct camera *cam, const struct arrival *a);

/* For frames of any wire: with DEBUG_FRAMES its lines; to the dashboards of the raw WebSocket
 * and of /stream/frames, kept for newcomers. `m` is taken. */
void live_log_frame(const struct glass *g, const struct camera *cam);
void live_publish_frame(struct glass *g, struct camera *cam, sl_message *m);

/*
 * An intake's announce_x. Detections go to the dashboards, contract 1.2c and, of a list, 1.4;
 * they and the rest to the page.
 */
void live_announce_detection(const struct done *d);
void live_announce_row(const struct done *d); /* of a defect that was inserted or edited */
void live_announce_removal(const struct done *d);

#endif
