/* SPDX-License-Identifier: MIT */
/*
 * Two clocks, two C types, so that they cannot be mixed up: spans and deadlines are measured
 * with the monotonic one, people and devices are told the wall clock.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "sluice/buf.h"

#include <stddef.h>
#include <stdint.h>

struct mono {
    uint64_t us; /* since some moment before the process started */
};
struct wall {
    int64_t us; /* since 1970-01-01T00:00:00Z */
};

struct mono mono_now(void);
struct wall wall_now(void);

#define WALL_TEXT_SIZE 32
/* "2026-03-01T09:30:00.120Z"; returns buf */
const char *wall_format(struct wall w, char buf[WALL_TEXT_SIZE]);
/* ISO 8601 with or without zone (none: UTC), 0-9 digits of a second; false if unreadable */
bool wall_parse(sl_str text, struct wall *out);

#endif
