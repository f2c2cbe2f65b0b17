/* SPDX-License-Identifier: MIT */
/*
 * Calling somebody over TCP from a thread that may wait: every call has a deadline, and a
 * descriptor that ends all waiting at once. For the simulator and the doctor.
 */
#ifndef CLI_DIAL_H
#define CLI_DIAL_H

#include "sluice/buf.h"
#include "sluice/err.h"

#include "proto/dial_url.h"

#include <stdbool.h>
#include <stdint.h>

/* A zeroed one is not ready: begin with DIAL_NONE. */
struct dial {
    int fd;            /* -1: not connected; it never blocks by itself */
    int stop_fd;       /* borrowed: once it is readable all waiting ends; -1: none */
    uint64_t until_ms; /* the deadline of whatever is called next, see dial_limit */
};
#define DIAL_NONE               \
    {                           \
        .fd = -1, .stop_fd = -1 \
    }

uint64_t dial_now_ms(void);                   /* monotonic */
void dial_limit(struct dial *d, uint64_t ms); /* the calls from now on end within `ms` */

/*
 * Look the name up and connect, to one of its addresses after the other until the deadline.
 *
 * returns  0; SL_E_NOT_FOUND: the name means nothing; SL_E_TIMEOUT; -ECANCELED: stop_fd;
 *          or what the system said of the last address
 */
int dial_open(struct dial *d, const struct dial_url *to) SL_MUST_USE;

/* All of `rest`, which is shortened by what has left; or an error as above. */
int dial_send(struct dial *d, sl_str *rest) SL_MUST_USE;

/* returns  how many came, 0 when the peer has ended, or an error as above */
int64_t dial_recv(struct dial *d, void *into, size_t size) SL_MUST_USE;

/* Nothing for so long; ends early with -ECANCELED. */
int dial_pause(const struct dial *d, uint64_t ms);

void dial_close(struct dial *d); /* twice is fine */

/* ---- names ---- */

struct addrinfo;

/*
 * As getaddrinfo, for TCP, within d's deadline. A lookup that takes longer is left to itself:
 * the system offers no way to end one.
 *
 * out      free it with freeaddrinfo
 * returns  0, SL_E_NOT_FOUND, SL_E_TIMEOUT, -ECANCELED, SL_E_NOMEM
 */
int dial_lookup(const struct dial *d, const char *host, const char *port,
                struct addrinfo **out) SL_MUST_USE;

/* Until `fd` shows one of poll's `events`. returns 0, SL_E_TIMEOUT, -ECANCELED or -errno */
int dial_wait(const struct dial *d, int fd, short events) SL_MUST_USE;

#endif
