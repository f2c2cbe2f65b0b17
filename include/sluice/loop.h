/* SPDX-License-Identifier: MIT */
/*
 * The event loop. One thread owns it and everything that hangs on it; only the calls marked
 * "any thread" may come from elsewhere.
 */
#ifndef SLUICE_LOOP_H
#define SLUICE_LOOP_H

#include "sluice/err.h"

#include <stdint.h>

typedef struct sl_loop sl_loop;
typedef void sl_post_fn(void *user);

SL_API int sl_loop_new(sl_loop **out) SL_MUST_USE;

/* Run until stopped and drained. returns 0 */
SL_API int sl_loop_run(sl_loop *loop);

/* The loop's clock: microseconds since some moment, read once in each turn. */
SL_API uint64_t sl_loop_now_us(const sl_loop *loop);

/*
 * Begin an orderly stop: listeners close, sessions are told, queues leave; after `grace_ms`
 * whatever is left is cut. Calling it again shortens the grace to nothing.
 *
 * thread   any
 */
SL_API void sl_loop_stop(sl_loop *loop, uint32_t grace_ms);

/* SIGTERM and SIGINT stop the loop with this grace. */
SL_API int sl_loop_stop_on_signals(sl_loop *loop, uint32_t grace_ms) SL_MUST_USE;

/*
 * Have `fn(user)` called on the loop's thread, in the order of posting.
 *
 * returns  0 or SL_E_NOMEM; after the loop has ended SL_E_CLOSED
 * thread   any
 */
SL_API int sl_loop_post(sl_loop *loop, sl_post_fn *fn, void *user) SL_MUST_USE;

SL_API void sl_loop_free(sl_loop *loop); /* after run has returned; NULL is fine */

#endif
