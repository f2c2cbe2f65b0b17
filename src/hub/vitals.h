/* SPDX-License-Identifier: MIT */
/* The parts of a running hub that its health and its metrics look at. */
#ifndef HUB_VITALS_H
#define HUB_VITALS_H

#include "hub/access.h"
#include "hub/backlog.h"
#include "hub/intake.h"
#include "hub/journal.h"
#include "hub/knock.h"
#include "hub/limits.h"
#include "hub/live_wire.h"
#include "hub/media.h"
#include "hub/sockets.h"

#define SYSTEMS_MAX 16

/* A system that this hub carries. */
struct vital_system {
    const struct system *system;
    const void *state;
    const struct intakes *intakes;
};

/* All borrowed, complete before the first request. */
struct vitals {
    const char *version, *store; /* store: the database's path */
    sl_loop *loop;
    const sl_server *server;
    const struct journal *journal;
    const struct limits *limits;
    const struct access *access; /* may change between two requests */
    const struct backlog *backlog;
    const struct frames *frames;
    const struct live_wire *live;
    const struct media *media;
    const struct knocks *knocks;
    const struct sockets *sockets; /* NULL in tests without any */
    size_t system_count;
    struct vital_system system[SYSTEMS_MAX];
};

#endif
