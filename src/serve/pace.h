/* SPDX-License-Identifier: MIT */
/*
 * How fast something comes that must not take for ever: a byte now and then is no silence, but
 * it holds a connection and what was begun just as well. Looked at when bytes come: that none
 * come is a deadline's affair.
 */
#ifndef SERVE_PACE_H
#define SERVE_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_WINDOW_MS 20000

struct pace {
    uint64_t since_ms; /* of the window */
    size_t bytes;      /* in it */
    uint32_t slow;     /* windows in a row with too few */
};

/* rate in bytes/s; 0: a byte will do */
static inline size_t pace_least(uint32_t rate)
{
    return rate > 0 ? (size_t)rate * (PACE_WINDOW_MS / 1000) : 1;
}

static inline void pace_begin(struct pace *p, uint64_t now_ms)
{
    *p = (struct pace){.since_ms = now_ms};
}

/*
 * So many bytes have come. The first are always quick enough.
 *
 * returns  how many windows in a row, up to this one, brought less than `rate`
 */
static inline uint32_t pace_add(struct pace *p, uint64_t now_ms, size_t n, uint32_t rate)
{
    uint64_t took_ms = now_ms - p->since_ms;

    p->bytes += n;
    if (took_ms < PACE_WINDOW_MS) return 0;
    p->slow = p->bytes < rate * took_ms / 1000 ? p->slow + 1 : 0;
    p->since_ms = now_ms;
    p->bytes = 0;
    return p->slow;
}

#endif
