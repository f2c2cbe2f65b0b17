/* SPDX-License-Identifier: MIT */
/*
 * The least a device needs to speak WebSocket: a blocking socket that sends text and never
 * answers, like the scripts it stands in for.
 */
#ifndef CLI_SIM_LINK_H
#define CLI_SIM_LINK_H

#include "sluice/buf.h"

#include <stdbool.h>

struct sim_link {
    int fd; /* -1: not connected */
    char *out;
    size_t cap;
};

/* "ws://HOST:PORT/PATH" taken apart. */
struct sim_url {
    char host[128], port[8], path[256];
};

bool sim_url_parse(const char *text, struct sim_url *out);

/* returns 0 or a negative errno; -EPROTO when the answer is not 101 */
int sim_link_open(struct sim_link *l, const struct sim_url *url);
/* A text message. returns 0; on an error the link is closed */
int sim_link_send(struct sim_link *l, sl_str text);
void sim_link_close(struct sim_link *l); /* says goodbye if it can; twice is fine */
void sim_link_deinit(struct sim_link *l);

#endif
