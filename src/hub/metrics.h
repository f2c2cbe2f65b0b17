/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics: what has been counted where it happened, put into words when somebody asks.
 * Files are looked at on a thread of its own; who asks meanwhile gets the same answer.
 */
#ifndef HUB_METRICS_H
#define HUB_METRICS_H

#include "hub/exposition.h"
#include "hub/process.h"
#include "hub/vitals.h"

struct metrics;

/* v        borrowed */
int metrics_new(sl_loop *loop, const struct vitals *v, struct metrics **out) SL_MUST_USE;
void metrics_free(struct metrics *m); /* answers who still waits; NULL is fine */

/* `user` of each is the struct metrics. */
#define METRICS_ROUTES 1
extern const sl_route metrics_routes[METRICS_ROUTES];

/* All of them, as they are now. On the loop. */
void metrics_put(struct exposition *x, const struct vitals *v, const struct process_sample *p,
                 uint64_t started_at_us);

#endif
