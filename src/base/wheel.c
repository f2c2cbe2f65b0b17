/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

/*
 * Where a timer lies follows from the highest group of six bits in which its due time
 * differs from now:
 *
 *   due    ... | level 5 | level 4 | level 3 | level 2 | level 1 | level 0 |
 *   bits       36        30        24        18        12        6         0
 *
 * So on level L >= 1 every used slot lies behind the one that now points at, on level 0 at or
 * behind it, and all of level L is due before any of level L + 1: the next thing to happen is
 * the lowest used bit of the lowest level in use. When now enters a slot of a higher level,
 * what is in it falls to the levels below. Timers more than the top level away wait in
 * `far` until now enters the span of 2^36 ms that follows.
 */
#define SLOT_BITS 6
#define SPAN_MASK ((UINT64_C(1) << (WHEEL_LEVELS * SLOT_BITS)) - 1)

_Static_assert(WHEEL_SLOTS == 1 << SLOT_BITS, "a slot's number is one group of bits");

void wheel_init(struct wheel *w, uint64_t now_ms)
{
    w->now_ms = now_ms;
    list_init(&w->far);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        w->used[level] = 0;
        for (unsigned i = 0; i < WHEEL_SLOTS; i++)
            list_init(&w->slot[level][i]);
    }
}

void timer_init(struct timer *t, timer_fn *on_due)
{
    list_init(&t->node);
    t->due_ms = 0;
    t->on_due = on_due;
}

bool timer_is_set(const struct timer *t)
{
    return !list_is_empty(&t->node);
}

static void place(struct wheel *w, struct timer *t)
{
    uint64_t due_ms = t->due_ms > w->now_ms ? t->due_ms : w->now_ms;
    uint64_t differs = due_ms ^ w->now_ms;
    unsigned level, i;

    if (differs > SPAN_MASK) {
        list_add_last(&w->far, &t->node);
        return;
    }
    level = (63u - (unsigned)__builtin_clzll(differs | 1)) / SLOT_BITS;
    i = (due_ms >> (level * SLOT_BITS)) % WHEEL_SLOTS;
    list_add_last(&w->slot[level][i], &t->node);
    w->used[level] |= UINT64_C(1) << i;
}

void wheel_cancel(struct wheel *w, struct timer *t)
{
    /* alone in its list: then both neighbours are the list's head, which may be a slot */
    uintptr_t head = (uintptr_t)t->node.next, first = (uintptr_t)&w->slot[0][0];
    bool alone = t->node.next == t->node.prev;

    list_remove(&t->node);
    if (alone && head >= first && head - first < sizeof w->slot) {
        size_t i = (head - first) / sizeof w->slot[0][0];

        w->used[i / WHEEL_SLOTS] &= ~(UINT64_C(1) << (i % WHEEL_SLOTS));
    }
}

void wheel_set(struct wheel *w, struct timer *t, uint64_t due_ms)
{
    wheel_cancel(w, t);
    t->due_ms = due_ms;
    place(w, t);
}

/* The lowest level in use, or WHEEL_LEVELS; *at_ms is when now enters its first used slot. */
static unsigned find_first(const struct wheel *w, uint64_t *at_ms)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t bits = w->used[level];
        unsigned shift = level * SLOT_BITS;

        if (bits == 0) continue;
        *at_ms =
            (w->now_ms >> shift >> SLOT_BITS << SLOT_BITS | (unsigned)__builtin_ctzll(bits))
            << shift;
        return level;
    }
    return WHEEL_LEVELS;
}

bool wheel_next(const struct wheel *w, uint64_t *due_ms)
{
    if (find_first(w, due_ms) < WHEEL_LEVELS) return true;
    if (list_is_empty(&w->far)) return false;
    *due_ms = (w->now_ms | SPAN_MASK) + 1;
    return true;
}

/* Now enters a slot: what is due joins `due`, the rest falls to lower levels. */
static void enter_slot(struct wheel *w, unsigned level, struct list *due)
{
    unsigned i = (w->now_ms >> (level * SLOT_BITS)) % WHEEL_SLOTS;
    struct list all, *node;

    w->used[level] &= ~(UINT64_C(1) << i);
    list_move_all(&w->slot[level][i], &all);
    while ((node = list_take_first(&all)) != NULL) {
        struct timer *t = LIST_ENTRY(node, struct timer, node);

        if (t->due_ms <= w->now_ms) {
            list_add_last(due, node);
        } else {
            place(w, t);
        }
    }
}

/* All slots are empty: jump to the first span that has something in it, if it has come. */
static bool enter_far(struct wheel *w, uint64_t until_ms)
{
    uint64_t first_ms = UINT64_MAX;
    struct list all, *node;

    if (list_is_empty(&w->far)) return false;
    for (node = w->far.next; node != &w->far; node = node->next) {
        struct timer *t = LIST_ENTRY(node, struct timer, node);

        if (t->due_ms < first_ms) first_ms = t->due_ms;
    }
    first_ms &= ~SPAN_MASK;
    if (first_ms > until_ms) return false;

    w->now_ms = first_ms;
    list_move_all(&w->far, &all);
    while ((node = list_take_first(&all)) != NULL) {
        place(w, LIST_ENTRY(node, struct timer, node));
    }
    return true;
}

/* Move now to `until_ms`, collecting what is due on the way, in the order of due times. */
static void collect(struct wheel *w, uint64_t until_ms, struct list *due)
{
    for (;;) {
        uint64_t at_ms;
        unsigned level = find_first(w, &at_ms);

        if (level == WHEEL_LEVELS) {
            if (!enter_far(w, until_ms)) break;
        } else {
            if (at_ms > until_ms) break;
            w->now_ms = at_ms;
            enter_slot(w, level, due);
        }
    }
    if (until_ms > w->now_ms) w->now_ms = until_ms;
}

uint32_t wheel_advance(struct wheel *w, uint64_t now_ms)
{
    struct list due, *node;
    uint32_t n = 0;

    list_init(&due);
    collect(w, now_ms > w->now_ms ? now_ms : w->now_ms, &due);
    while ((node = list_take_first(&due)) != NULL) {
        struct timer *t = LIST_ENTRY(node, struct timer, node);

        n++;
        t->on_due(t); /* may free t */
    }
    return n;
}
