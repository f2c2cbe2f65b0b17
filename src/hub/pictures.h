/* SPDX-License-Identifier: MIT */
/*
 * Pictures by plain HTTP, for programs without WebSocket and for <img>: docs/live-wire.md.
 *
 *   GET /live/<device>.jpg     the newest one
 *   GET /live/<device>.mjpg    each new one, for as long as somebody looks
 */
#ifndef HUB_PICTURES_H
#define HUB_PICTURES_H

#include "sluice/http.h"

#include "hub/frames.h"

struct pictures;

/* frames: borrowed for its life */
int pictures_new(sl_loop *loop, struct frames *frames, struct pictures **out) SL_MUST_USE;
/* After the loop has returned, before frames_free; NULL is fine. */
void pictures_free(struct pictures *p);

/* What this feed shows, or NULL if it is none of ours. */
const struct live_stream *pictures_watched(const sl_feed *f);

/* Its route; `user` is the struct pictures. */
#define PICTURES_ROUTES 1
extern const sl_route pictures_routes[];

#endif
