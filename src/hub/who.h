/* SPDX-License-Identifier: MIT */
/* Who is behind a connection: what the hub knows of it, to what the server knows. */
#ifndef HUB_WHO_H
#define HUB_WHO_H

#include "hub/vitals.h"
#include "serve/inspect.h"

struct who {
    const char *system; /* NULL: no system's */
    const char *role;   /* "device", "viewer", "page" or a system's own; NULL: it has none */
    sl_str device;      /* its own id, or that of the device it looks at; ptr NULL: none */
    int64_t messages;   /* that it has sent to systems; INSPECT_UNKNOWN */
    uint64_t conflated; /* besides what the server knows */
};

void who_is(const struct vitals *v, const struct inspected *c, struct who *out);

/* The connection that a message has come by. 0: it has gone */
uint64_t who_sent(const struct arrival *a);
/* The same for a sender; an inspected without id: its connection has gone. */
void who_of_sender(const struct sender *s, struct inspected *out);

#endif
