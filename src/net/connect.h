/* SPDX-License-Identifier: MIT */
/*
 * Calling somebody over TCP: a name is looked up, its addresses are tried in turn, and there is
 * a stream. An address where nobody answers leaves time for the others.
 */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "net/stream.h"

struct connect;

/*
 * The end of it, once. `s` has no events yet: set them, or close it. rc: 0; SL_E_NOT_FOUND: the
 * name means nothing; SL_E_TIMEOUT; SL_E_NOMEM; or what the system said of the last address
 */
typedef void connect_fn(struct stream *s, int rc, void *user);

struct connect_options {
    const char *host, *port; /* for the call */
    uint32_t timeout_ms;     /* for all of it */
    struct stream_options stream;
};

/*
 * out      for connect_cancel, until `fn` is called
 * calls    fn, later, from the loop
 * returns  0 or SL_E_NOMEM
 */
int connect_open(sl_loop *loop, const struct connect_options *o, connect_fn *fn, void *user,
                 struct connect **out) SL_MUST_USE;
void connect_cancel(struct connect *c); /* `fn` is not called any more; NULL is fine */

#endif
