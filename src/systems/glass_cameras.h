/* SPDX-License-Identifier: MIT */
/*
 * The cameras this hub has met: one state per device id, whatever connections come and go.
 * They stay, so that OFFLINE can be told; ids are chosen by whoever sends, so who makes one
 * asks arrival_admit_device first.
 */
#ifndef SYSTEMS_GLASS_CAMERAS_H
#define SYSTEMS_GLASS_CAMERAS_H

#include "sluice/json.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/wheel.h"

#define DEVICE_ID_MAX   128                /* bytes */
#define LAST_FRAMES_MAX (64 * 1024 * 1024) /* bytes kept for newcomers, all together */

struct sender;      /* a connection */
struct live_stream; /* what the page sees of a camera */
struct shots;       /* what its detections get */
struct map;

struct camera {
    uint32_t number;     /* its newest-only slot at each viewer */
    struct sender *link; /* the newest connection, or NULL */
    bool by_http;        /* it has called by HTTP not long ago */
    struct list sockets; /* of Socket.IO: struct older, by of_camera */
    struct list feeds;   /* likewise, by of_feed: they send its pictures unnamed */
    uint64_t sights_us;  /* when the page was last told what is marked; 0: never */
    struct timer http_life;
    void *owner;                /* for that timer */
    struct live_stream *stream; /* NULL: there are too many */
    struct shots *shots;        /* of its detections; NULL: none yet */
    struct wall changed_at;
    sl_message last; /* the newest frame as it was relayed, or zeroed */
    uint16_t id_len;
    char id[DEVICE_ID_MAX];
};

struct cameras {
    struct map *by_id;
    uint32_t next_number;
    size_t last_bytes; /* of all `last` together */
};

int cameras_init(struct cameras *all) SL_MUST_USE;
void cameras_deinit(struct cameras *all);

/* The one with this id, or NULL. */
struct camera *cameras_find(const struct cameras *all, sl_str id);
uint32_t cameras_count(const struct cameras *all);

/* The one with this id, made if it is new; NULL without memory. */
struct camera *cameras_get(struct cameras *all, sl_str id);

/* for (uint32_t i = 0; (cam = cameras_next(all, &i)) != NULL;) */
struct camera *cameras_next(const struct cameras *all, uint32_t *i);

/* Keep a frame for newcomers, in place of the one before. `m` is taken. */
void cameras_keep_last(struct cameras *all, struct camera *cam, sl_message *m);

/* The answer of GET /devices/status. */
void cameras_put_status(const struct cameras *all, sl_json_out *out);

static inline sl_str camera_id(const struct camera *cam)
{
    return (sl_str){cam->id, cam->id_len};
}

static inline bool camera_is_connected(const struct camera *cam)
{
    return cam->link != NULL || cam->by_http || !list_is_empty(&cam->sockets);
}

/* For a log line in quotes; returns buf. */
const char *camera_printable(sl_str id, char buf[DEVICE_ID_MAX + 1]);

/* Contract 1.2a: {"type":"device_status", …}. NULL without memory. */
sl_buf *camera_make_status(const struct camera *cam) SL_MUST_USE;

#endif
