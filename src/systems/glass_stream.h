/* SPDX-License-Identifier: MIT */
/*
 * Frames for who has no WebSocket: GET /stream/frames as Server-Sent Events, contract 1.4. Each
 * viewer gets the last frame of every camera at once, then the newest one of each as it comes.
 */
#ifndef SYSTEMS_GLASS_STREAM_H
#define SYSTEMS_GLASS_STREAM_H

#include "hub/system.h"
#include "systems/glass_cameras.h"

struct glass_stream {
    struct hub *hub;
    const struct cameras *cameras;
    struct list viewers; /* as many as the server lets in */
    struct timer keep; /* a line now and then, so that proxies do not take silence for an end */
};

void glass_stream_init(struct glass_stream *gs, struct hub *hub, const struct cameras *cameras);
void glass_stream_deinit(struct glass_stream *gs); /* viewers must have gone; zeroed is fine */

/* Answer this request. */
void glass_stream_join(struct glass_stream *gs, sl_request *r);

/* To every viewer; `m` is borrowed, and not copied unless it holds line ends. */
void glass_stream_send(struct glass_stream *gs, uint32_t camera, const sl_message *m);

#endif
