/* SPDX-License-Identifier: MIT */
/*
 * A hierarchical timer wheel with millisecond ticks: setting, moving and cancelling a timer
 * costs the same whether there are ten or ten thousand. It reads no clock; the loop tells it.
 *
 *   level 0: 64 slots of 1 ms, level 1: 64 of 64 ms, ... level 5 (about two years at most)
 *
 * A timer never fires early and fires at the first advance at or after its due time. Timers
 * that are due together move to a private list before the first callback, so a callback may
 * set, move or cancel any of them, itself included.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_LEVELS 6
#define WHEEL_SLOTS  64

struct timer;
typedef void timer_fn(struct timer *t);

struct timer {
    struct list node;
    uint64_t due_ms;
    timer_fn *on_due;
};

struct wheel {
    uint64_t now_ms;
    uint64_t used[WHEEL_LEVELS]; /* a bit per slot that holds timers */
    struct list slot[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list far; /* due beyond the top level's reach */
};

void wheel_init(struct wheel *w, uint64_t now_ms);
void timer_init(struct timer *t, timer_fn *on_due);
bool timer_is_set(const struct timer *t);
/* Set or move; a due time that has passed fires at the next advance. */
void wheel_set(struct wheel *w, struct timer *t, uint64_t due_ms);
void wheel_cancel(struct wheel *w, struct timer *t); /* not set: fine */
/* Fire all that are due. returns how many */
uint32_t wheel_advance(struct wheel *w, uint64_t now_ms);
/* When to advance next, never later than the first due time. false: nothing is set */
bool wheel_next(const struct wheel *w, uint64_t *due_ms);

#endif
