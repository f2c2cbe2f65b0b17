/* SPDX-License-Identifier: MIT */
/* Every way to scan that this machine has. For tests. */
#ifndef BASE_SCAN_WAYS_H
#define BASE_SCAN_WAYS_H

#include "base/scan_inside.h"

typedef int (*feed_fn)(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n);

/* The first is the rule for the others. */
static struct {
    const char *name;
    feed_fn feed;
} ways[4];
static unsigned way_count;

static int find_ways(void **state)
{
    (void)state;
    ways[way_count].name = "scalar";
    ways[way_count++].feed = scan_feed_scalar;
    ways[way_count].name = "chosen";
    ways[way_count++].feed = scan_feed;
#if defined(__x86_64__)
    ways[way_count].name = "sse2";
    ways[way_count++].feed = scan_feed_sse2;
    if (strcmp(scan_name(), "avx512") == 0) {
        ways[way_count].name = "avx2"; /* as well as the better one */
        ways[way_count++].feed = scan_feed_avx2;
    }
#endif
    return 0;
}

#endif
