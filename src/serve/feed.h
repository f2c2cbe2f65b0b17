/* SPDX-License-Identifier: MIT */
/* What the server does with the endless answers of sluice/http.h. */
#ifndef SERVE_FEED_H
#define SERVE_FEED_H

#include "serve/server.h"

/* Orderly stop: each feed ends as by sl_feed_close. */
void feed_close_all(sl_server *server);

/* ---- for inspect.c ---- */

struct feed_facts {
    const char *transport; /* by its Content-Type: "sse", "mjpeg", else "http" */
    const char *path;      /* of its row */
    uint64_t conflated;
    uint8_t agent;
};

sl_feed *feed_of(const struct stream *s); /* NULL: the stream is something else's */
bool feed_is_closing(const sl_feed *f);
void feed_look(const sl_feed *f, struct feed_facts *out);
size_t feed_waiting(const sl_feed *f); /* bytes */
void feed_end(sl_feed *f);             /* at once: what waits is dropped */

/* What it was opened with, if that was for this callback; else NULL. */
void *feed_user(const sl_feed *f, void (*on_close)(sl_feed *f, void *user));

#endif
