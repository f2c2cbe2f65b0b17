/* SPDX-License-Identifier: MIT */
/* How many come per second, over the last four: a count for each quarter, and no timer. */
#ifndef HUB_FRAMES_RATE_H
#define HUB_FRAMES_RATE_H

#include <stdint.h>
#include <string.h>

#define RATE_QUARTERS   16
#define RATE_QUARTER_MS 250

/* Zeroed: none has come. */
struct rate {
    uint64_t quarter;  /* the one of the newest count */
    uint64_t since_ms; /* when the first came after a silence */
    uint32_t n[RATE_QUARTERS];
};

static inline uint32_t rate_count(const struct rate *r, uint64_t now_ms)
{
    uint64_t now = now_ms / RATE_QUARTER_MS;
    uint32_t sum = 0;

    for (uint64_t i = 0; i < RATE_QUARTERS && i <= r->quarter; i++) {
        if (r->quarter - i + RATE_QUARTERS > now) sum += r->n[(r->quarter - i) % RATE_QUARTERS];
    }
    return sum;
}

static inline void rate_add(struct rate *r, uint64_t now_ms)
{
    uint64_t now = now_ms / RATE_QUARTER_MS;

    if (rate_count(r, now_ms) == 0) *r = (struct rate){.quarter = now, .since_ms = now_ms};
    while (r->quarter < now)
        r->n[++r->quarter % RATE_QUARTERS] = 0;
    r->n[now % RATE_QUARTERS]++;
}

static inline double rate_per_second(const struct rate *r, uint64_t now_ms)
{
    uint64_t window_ms = (RATE_QUARTERS - 1) * RATE_QUARTER_MS + now_ms % RATE_QUARTER_MS;
    uint64_t span_ms = now_ms - r->since_ms;

    if (span_ms > window_ms) span_ms = window_ms;
    if (span_ms < RATE_QUARTER_MS) span_ms = RATE_QUARTER_MS;
    return rate_count(r, now_ms) * 1000.0 / (double)span_ms;
}

#endif
