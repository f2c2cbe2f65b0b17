/* SPDX-License-Identifier: MIT */
/* How many spans took how long: buckets for disks and for pictures on their way, from
 * 0.1 ms to 5 s. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 15

static const uint32_t histogram_le_us[HISTOGRAM_BUCKETS] = {
    100,   250,    500,    1000,   2500,    5000,    10000,  25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 5000000};

struct histogram {
    uint64_t bucket[HISTOGRAM_BUCKETS + 1]; /* each its own only; the last one above all */
    uint64_t sum_us;
};

static inline void histogram_add(struct histogram *h, uint64_t us)
{
    int i = 0;

    while (i < HISTOGRAM_BUCKETS && us > histogram_le_us[i])
        i++;
    h->bucket[i]++;
    h->sum_us += us;
}

#endif
