/* SPDX-License-Identifier: MIT */
/*
 * The inside of sl_loop: one turn is
 *
 *   poll -> callbacks (read, dispatch, queue) -> turn hooks -> flush what is dirty -> deadlines
 *
 * Whatever was queued during a turn leaves with one system call per stream at its end.
 *
 * thread   the loop's own, unless a call says "any thread"
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/loop.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/scan.h"
#include "base/wheel.h"

#include <uv.h>

#define LOOP_SCRATCH_BYTES 65536

/* Called at the end of each turn, before streams are flushed. */
struct turn_hook {
    struct list node;
    void (*on_turn)(struct turn_hook *h);
};

/* Called once when the stop begins: close listeners, say goodbye. */
struct stop_hook {
    struct list node;
    void (*on_stop)(struct stop_hook *h);
};

/* How long turns take, from the end of the poll to the next one. */
struct loop_lag {
    uint64_t turns, busy_us, max_us;
    uint64_t over_10ms, over_100ms;
};

struct sl_loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t ticker; /* the wheel's next due time */
    uv_async_t inbox_async;
    uv_signal_t on_term, on_int;
    uv_mutex_t inbox_lock;
    struct list inbox; /* posts from any thread */
    struct mono now;   /* refreshed at the start of each turn */
    struct wheel wheel;
    uint64_t ticker_due_ms;
    struct list turn_hooks, stop_hooks;
    struct list streams; /* all that are open */
    struct list dirty;   /* streams with something to flush at the end of this turn */
    struct list held;    /* corked streams, the one due first in front */
    struct list gone;    /* streams whose last callback is due */
    uint32_t stream_count;
    struct timer held_timer, grace_timer;
    struct mono poll_end;
    struct loop_lag lag;
    sl_json_index index;  /* for messages that arrive in one piece */
    uint32_t grace_ms;
    uint32_t worker_count; /* jobs that will still come back */
    bool stopping, ended, signals, in_turn;
    uint8_t scratch[LOOP_SCRATCH_BYTES]; /* what is read where nothing is partial */
};

/* Refresh and return the loop's idea of now. */
struct mono sl__loop_now(sl_loop *l);

void sl__loop_add_turn_hook(sl_loop *l, struct turn_hook *h);
void sl__loop_remove_turn_hook(struct turn_hook *h);
void sl__loop_add_stop_hook(sl_loop *l, struct stop_hook *h);
void sl__loop_remove_stop_hook(struct stop_hook *h);
bool sl__loop_is_stopping(const sl_loop *l);

/* Deadlines on the wheel, in milliseconds from now. */
void sl__loop_set_timer(sl_loop *l, struct timer *t, uint64_t in_ms);
void sl__loop_cancel_timer(sl_loop *l, struct timer *t);

/*
 * One turn without waiting in the kernel longer than `wait_ms`: for tests and for programs
 * that drive the loop themselves.
 */
int sl__loop_turn(sl_loop *l, uint32_t wait_ms);

/* What the turn's end does (hooks, flush, goodbyes); tests with a hand-cranked clock call it. */
void sl__loop_finish_turn(sl_loop *l);

#endif
