/* SPDX-License-Identifier: MIT */
/* Names to addresses, on libuv's threads; numbers need nobody. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "net/loop.h"

struct addrinfo;
struct resolve;

/* `found` is the callee's: freeaddrinfo. rc: 0, SL_E_NOT_FOUND; then it is NULL */
typedef void resolve_fn(int rc, struct addrinfo *found, void *user);

/*
 * Look `host` up, for TCP.
 *
 * out      for resolve_cancel, until `fn` is called
 * calls    fn, later, from the loop
 * returns  0, SL_E_NOMEM or what libuv says
 */
int resolve_open(sl_loop *loop, const char *host, const char *port, resolve_fn *fn, void *user,
                 struct resolve **out) SL_MUST_USE;

/*
 * `fn` is not called any more. A lookup that is under way is left to itself, as the system
 * offers no way to end one: a loop that stops waits for it.
 */
void resolve_cancel(struct resolve *r);

/* The address if `host` is a number. NULL: it is a name */
struct addrinfo *resolve_number(const char *host, const char *port);

#endif
