/* SPDX-License-Identifier: MIT */
/*
 * Prometheus' text format 0.0.4:
 *
 *   # HELP sluice_devices Devices that the hub has met.
 *   # TYPE sluice_devices gauge
 *   sluice_devices{system="glass",state="connected"} 3
 *
 * Times are given in microseconds and written in seconds.
 */
#ifndef HUB_EXPOSITION_H
#define HUB_EXPOSITION_H

#include "base/histogram.h"
#include "serve/lines.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
    struct lines text;
    const char *family; /* whose samples come now */
};

struct label {
    const char *name, *value;
};

void exposition_deinit(struct exposition *x); /* a zeroed one is ready for use */
void exposition_reset(struct exposition *x);

/* type     "counter", "gauge" or "histogram" */
void exposition_family(struct exposition *x, const char *name, const char *type,
                       const char *help);

/* One sample of the family; the labels end with one without a name; NULL: there are none. */
void exposition_count(struct exposition *x, const struct label *labels, uint64_t v);
void exposition_seconds(struct exposition *x, const struct label *labels, uint64_t us);

/* All samples of a histogram: buckets up to each bound add up, the last has none. */
void exposition_histogram(struct exposition *x, const uint64_t *bucket, const uint32_t *le_us,
                          int bounds, uint64_t sum_us);

#endif
