/* SPDX-License-Identifier: MIT */
/* The table of defects: what a detection writes, what GET /defects reads. */
#ifndef SYSTEMS_GLASS_STORE_H
#define SYSTEMS_GLASS_STORE_H

#include "hub/system.h"

#define GLASS_STEPS 1
extern const char *const glass_steps[GLASS_STEPS];
extern const struct record_kind glass_detection;

/* "2026-03-01T09:30:00.120000+00:00"; returns buf */
#define TIMESTAMPTZ_SIZE 40
const char *timestamptz(struct wall at, char buf[TIMESTAMPTZ_SIZE]);

/* A query_fn; `page` is a struct defect_page. */
struct defect_page {
    int64_t limit, offset;
};
int glass_read_defects(struct db *db, sl_json_out *out, const void *page) SL_MUST_USE;

#endif
