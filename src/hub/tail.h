/* SPDX-License-Identifier: MIT */
/*
 * What goes on, as it happens: GET /api/events, Server-Sent Events of one JSON object each.
 *
 *   at once             opened, ended, identified, joined: a connection each
 *   once a second       in, out, stored: counted by system, event, device and connection
 *   when it happens     dropped: how many of these this viewer has missed
 *
 * Nothing is looked at, let alone built, while nobody listens. A viewer that takes too little
 * loses what does not fit, not its connection. All on the loop.
 */
#ifndef HUB_TAIL_H
#define HUB_TAIL_H

#include "base/wheel.h"
#include "hub/connections.h"

#define TAIL_VIEWERS_MAX 32
#define TAIL_QUEUE       (256 * 1024) /* bytes that wait for one viewer */
#define TAIL_ROWS        256          /* counted in a second; the rest together */

enum tail_what { TAIL_IN, TAIL_OUT, TAIL_STORED, TAIL_COUNTED };

struct tail;
struct tail_row;

/* Behind these, so that who tells of something needs no more than this header. */
struct tail_hooks {
    void (*count)(struct tail *t, enum tail_what what, const char *system, sl_str event,
                  sl_str device, uint64_t connection, size_t bytes, uint32_t to);
    void (*arrived)(struct tail *t, const struct system *sys, const struct arrival *a,
                    const char *kind);
    void (*identified)(struct tail *t, const struct sender *s);
};

struct tail {
    const struct tail_hooks *hooks;
    sl_loop *loop;
    const struct connections *connections;
    struct list viewers;
    uint32_t viewer_count;
    uint64_t dropped; /* since the start, for all viewers */
    struct timer tick;
    struct tail_row *row; /* TAIL_ROWS of them, while there are viewers */
    uint32_t rows, ticks;
    uint64_t others[TAIL_COUNTED]; /* that had no row */
    struct observer observer;
};

/* all: borrowed for its life */
void tail_init(struct tail *t, sl_loop *loop, const struct connections *all);
void tail_deinit(struct tail *t); /* after the server's last connection; zeroed is fine */

/* Its route; `user` is the struct tail. */
#define TAIL_ROUTES 1
extern const sl_route tail_routes[TAIL_ROUTES];

static inline bool tail_is_heard(const struct tail *t)
{
    return t != NULL && t->row != NULL;
}

/*
 * Count one. NULL, and a tail that nobody hears, are fine.
 *
 * system      a literal; NULL: none
 * connection  0: none
 * to          who got it, of TAIL_OUT
 */
static inline void tail_count(struct tail *t, enum tail_what what, const char *system,
                              sl_str event, sl_str device, uint64_t connection, size_t bytes,
                              uint32_t to)
{
    if (tail_is_heard(t))
        t->hooks->count(t, what, system, event, device, connection, bytes, to);
}

/* A message has come to this system; `kind` names it where it was no event. */
static inline void tail_arrived(struct tail *t, const struct system *sys,
                                const struct arrival *a, const char *kind)
{
    if (tail_is_heard(t)) t->hooks->arrived(t, sys, a, kind);
}

/* This sender has a role from now on, or another. */
static inline void tail_identified(struct tail *t, const struct sender *s)
{
    if (tail_is_heard(t)) t->hooks->identified(t, s);
}

#endif
