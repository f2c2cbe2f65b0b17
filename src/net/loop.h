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

#include "sluice/loop.h"

#include "base/clock.h"
#include "base/histogram.h"
#include "base/list.h"
#include "base/scan.h"
#include "base/wheel.h"

#include <uv.h>

#include <stdbool.h>
#include <stdint.h>

#define LOOP_SCRATCH_BYTES 65536
#define TICKER_IDLE        UINT64_MAX

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

/* Something to be called on the loop's thread; embed it to post without allocating. */
struct post {
    struct list node;
    sl_post_fn *fn;
    void *user;
    bool owned; /* freed by the loop after the call */
};

/* How long turns take, from the end of the poll to the next one. */
struct loop_lag {
    uint64_t turns, busy_us, max_us;
    uint64_t over_10ms, over_100ms;
};

/* What waits for all streams together: relief.h. */
struct relief {
    size_t max;     /* 0: no bound */
    size_t waiting; /* bytes of packets, each once */
    uint64_t cut;   /* streams */
};

struct sl_loop {
    uv_loop_t *uv; /* own_uv, or the caller's */
    uv_loop_t own_uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t ticker; /* the wheel's next due time */
    uv_async_t inbox_async;
    uv_signal_t on_term, on_int;
    uv_mutex_t inbox_lock;
    struct list inbox;      /* posts from any thread; under the lock, like the next two */
    uint32_t stop_grace_ms; /* what sl_loop_stop asked for */
    uint32_t stop_asked;    /* how often since the loop last looked */
    bool ended;             /* posts are refused; no handle is touched any more */
    uint8_t open_handles;   /* of the six above */
    bool is_freed;          /* as soon as they have closed */
    struct mono now;        /* refreshed at the start of each turn */
    struct wheel wheel;
    uint64_t ticker_due_ms;
    struct list turn_hooks, stop_hooks;
    struct list streams; /* all that are open */
    struct list dirty;   /* streams with something to flush at the end of this turn */
    struct list held;    /* corked streams, the one due first in front */
    struct list gone;    /* streams whose last callback is due */
    uint32_t stream_count;
    uint64_t last_id;     /* of a stream */
    size_t waiting_bytes; /* in all their outboxes */
    struct relief relief;
    struct timer held_timer, grace_timer;
    struct loop_lag lag;
    struct histogram ages; /* of messages with a birth, as they leave */
    uint64_t leaving_us;   /* the time for them: nearer than that of the turn's beginning */
    sl_json_index index;   /* for messages that arrive in one piece */
    uint32_t signal_grace_ms;
    uint32_t pending; /* what else must come back before the loop may end: jobs, listeners */
    bool stopping, in_turn, finishing;
    bool hooks_due;                      /* something waits for the turn hooks */
    bool cranked;                        /* a test turns the clock */
    uint8_t scratch[LOOP_SCRATCH_BYTES]; /* what is read where nothing is partial */
};

/* Every callback out of the kernel begins with this: the first of a turn reads the clock. */
void sl__loop_begin_turn(sl_loop *l);

static inline uint64_t sl__loop_now_ms(const sl_loop *l)
{
    return l->now.us / 1000;
}

/* Like sl_loop_post, without allocating: `p` must stay until fn is called. any thread */
int sl__loop_post_node(sl_loop *l, struct post *p) SL_MUST_USE;

void sl__loop_add_turn_hook(sl_loop *l, struct turn_hook *h);
void sl__loop_remove_turn_hook(struct turn_hook *h);
/* There is something for the hooks, even if they have run already: no poll before they have. */
static inline void sl__loop_want_hooks(sl_loop *l)
{
    l->hooks_due = true;
}
void sl__loop_add_stop_hook(sl_loop *l, struct stop_hook *h);
void sl__loop_remove_stop_hook(struct stop_hook *h);
bool sl__loop_is_stopping(const sl_loop *l);
/* It was stopped and all that hung on it has gone. */
static inline bool sl__loop_is_done(const sl_loop *l)
{
    return l->stopping && l->stream_count == 0 && l->pending == 0;
}

/* Deadlines on the wheel, in milliseconds from now. */
void sl__loop_set_timer(sl_loop *l, struct timer *t, uint64_t in_ms);
void sl__loop_cancel_timer(sl_loop *l, struct timer *t);

/* What the turn's end does: hooks, flush, goodbyes. */
void sl__loop_finish_turn(sl_loop *l);

/*
 * For tests with a hand-cranked clock: pretend that `ms` more have passed, fire what is due
 * and finish the turn. Never mixed with sl_loop_run on the same loop.
 */
void sl__loop_crank(sl_loop *l, uint64_t ms);

#endif
