/* SPDX-License-Identifier: MIT */
/*
 * Who calls: an address becomes a stream. A table, so that tests put streams without a network
 * in its place, and so that TLS will be another row.
 */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include "net/stream.h"
#include "proto/dial_url.h"

/* `s` has no events yet; NULL: `rc` says why, as connect_fn */
typedef void dial_fn(struct stream *s, int rc, void *user);

struct dialer {
    /*
     * to       borrowed for the call
     * call     for `cancel`, until `fn` is called
     * calls    fn, later
     * returns  0 or SL_E_NOMEM
     */
    int (*begin)(sl_loop *loop, const struct dial_url *to, uint32_t timeout_ms, dial_fn *fn,
                 void *user, void **call);
    void (*cancel)(void *call);
};

extern const struct dialer dial_tcp;

/*
 * Let go of a stream: nobody hears of it any more, and its user may be freed at once. What is
 * queued leaves, if that takes no longer than a stream's end may; or `now`: nothing leaves.
 */
void dial_let_go(struct stream *s, bool now);

/* The sentence about a call that failed. returns buf */
const char *dial_why(int rc, const struct dial_url *to, char *buf, size_t size);

#endif
