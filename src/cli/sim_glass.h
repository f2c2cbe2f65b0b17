/* SPDX-License-Identifier: MIT */
/*
 * A glass camera: takes pictures from a source, tells of them as the original device does, and
 * comes back when it is cut off. One thread each: who blocks, blocks nobody else.
 */
#ifndef CLI_SIM_GLASS_H
#define CLI_SIM_GLASS_H

#include "cli/dial_ws.h"
#include "cli/sim_words.h"

#include <stdatomic.h>

struct camera;

/* How it speaks: with c->link open; each returns 0 or an error, with which the link ends. */
struct wire {
    const char *name, *path,
        *size; /* path on the hub, size of a picture, unless others are asked for */
    int (*greet)(struct camera *c);
    /* A picture was taken: tell of it and of what is in it, and keep the link alive. */
    int (*tell)(struct camera *c, const struct view *v, uint64_t now_ms);
};

extern const struct wire wire_ws, wire_socketio; /* newer cameras, older ones */

struct camera {
    /* set before it runs */
    const char *id;
    const struct dial_url *url;
    const struct wire *wire;
    const char *path;      /* on the hub */
    struct source *source; /* shared with other cameras */
    int fps;
    uint64_t phase_ms; /* how far ahead of the source's beginning it is */
    int stop_fd;       /* readable: end */

    /* read by others while it runs */
    atomic_uint_least64_t frames, bytes, detections;
    atomic_bool is_connected, was_connected;

    /* its own */
    struct dial_ws link;
    struct words_room room;
    sl_json_out out;
    struct cooldown cooldown;
    uint64_t began_ms, ping_ms;
};

/* Play until stop_fd says so. For pthread_create; returns NULL. */
void *camera_run(void *camera);

/* ---- for wires ---- */

void camera_say(const struct camera *c, const char *fmt, ...) SL_PRINTF(2, 3);
int camera_send(struct camera *c, sl_str text) SL_MUST_USE;
int camera_send_out(struct camera *c) SL_MUST_USE; /* what c->out holds, which is reset */

#endif
