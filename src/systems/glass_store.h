/* SPDX-License-Identifier: MIT */
/*
 * The table of defects: what records write on the journal's thread, what GET reads on a
 * query's.
 *
 *   glass_defect  a row for each detection or inserted defect, seq of its record
 *   glass_count   how many of each device, type and status: kept with each row,
 *                 so that totals and statistics never count rows
 */
#ifndef SYSTEMS_GLASS_STORE_H
#define SYSTEMS_GLASS_STORE_H

#include "hub/system.h"

#define GLASS_STEPS 2
extern const char *const glass_steps[GLASS_STEPS];

/* The answer's row, where there is one, is the outcome's text. */
extern const struct record_kind glass_detection; /* a message, or an item of a list */
extern const struct record_kind glass_defect;    /* an inserted row; may complete a detection */
extern const struct record_kind glass_edit;      /* "id" and columns */
extern const struct record_kind glass_removal;   /* "id" */

/* GET /defects, GET /defects/:id, GET /defects/stats/summary */
#define GLASS_QUERIES 3
extern const struct query glass_queries[GLASS_QUERIES];

/* "2026-03-01T09:30:00.120000+00:00"; returns buf */
#define TIMESTAMPTZ_SIZE 40
const char *timestamptz(struct wall at, char buf[TIMESTAMPTZ_SIZE]);

/* For the two files of the store: the columns of a row in an answer. */
#define DEFECT_COLUMNS                                                                    \
    "id, device_id, defect_type, detected_at, image_url, image_path, status, confidence," \
    " notes, created_at, coalesce(updated_at, created_at)"
void glass_put_row(sl_json_out *out, const struct stmt *s);

#endif
