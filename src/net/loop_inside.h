/* SPDX-License-Identifier: MIT */
/* What loop.c and loop_life.c share: the callbacks of its handles, and the moment it ends. */
#ifndef NET_LOOP_INSIDE_H
#define NET_LOOP_INSIDE_H

#include "net/loop.h"

void sl__loop_on_prepare(uv_prepare_t *p);
void sl__loop_on_check(uv_check_t *c);
void sl__loop_on_inbox(uv_async_t *a);
void sl__loop_on_grace_over(struct timer *t); /* cuts every stream that is left */

/*
 * It is done: a uv_run of ours returns; on a loop of the caller's the handles close, which is
 * all that kept it alive. Twice is fine.
 */
void sl__loop_let_go(sl_loop *l);

#endif
