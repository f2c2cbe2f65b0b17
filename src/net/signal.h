/* SPDX-License-Identifier: MIT */
/* A signal as an event of the loop. */
#ifndef NET_SIGNAL_H
#define NET_SIGNAL_H

#include "net/loop.h"

struct signal_watch;

/* Call fn(user) in a turn of the loop whenever `signo` has come. */
int signal_watch_open(sl_loop *loop, int signo, sl_post_fn *fn, void *user,
                      struct signal_watch **out) SL_MUST_USE;
void signal_watch_close(struct signal_watch *w); /* before the loop is freed; NULL is fine */

#endif
