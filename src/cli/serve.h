/* SPDX-License-Identifier: MIT */
/* What the start, the stop and the reload of `sluice serve` share. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "cli/config.h"
#include "hub/hub.h"
#include "net/notify.h"
#include "net/signal.h"

#define READY_SIZE 96
#define READY_MAX  (VALUE_ITEMS_MAX + 64) /* as many as systemd may pass, and ours */

struct serve {
    int argc;
    char **argv;
    struct config *first; /* what the hub was started with, and borrows for its life */
    struct config *now;   /* what its live settings are; may be the same */
    struct access access; /* the hub looks at it with each request */

    sl_loop *loop;
    struct hub *hub;
    struct notify *notify;
    struct signal_watch *hangup;
    struct stop_hook stop;
    struct timer status;
    char ready[READY_MAX][READY_SIZE]; /* "HOST:PORT" as it was taken */
    int ready_count;
};

void serve_say_ready(struct serve *s);

/* Put the live settings of `c` in force, but for the log's file. */
void serve_apply(struct serve *s, const struct config *c);

/* SIGHUP: read everything again; what is wrong leaves all as it was. */
void serve_reload(struct serve *s);

#endif
