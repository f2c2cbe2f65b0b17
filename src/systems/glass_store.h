/* SPDX-License-Identifier: MIT */
/*
 * The table of defects: what records write on the journal's thread, what GET reads on a
 * query's.
 *
 *   glass_defect   a row for each detection or inserted defect, by seq; its id is the record's
 *   glass_count    how many of each device, type and status among the settled rows
 *   glass_by_device, glass_by_status   their keys, newest last
 *   glass_settled  through which seq rows are settled: counted, and among the keys
 *
 * Rows are settled some hundreds at a time. Those behind are looked through when somebody asks:
 * answers are the same at any moment, and a row costs two pages when it comes, not nine.
 */
#ifndef SYSTEMS_GLASS_STORE_H
#define SYSTEMS_GLASS_STORE_H

#include "hub/system.h"

#define GLASS_STEPS 4
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

/* For the two files of the store: the rows that no key and no count has yet. */
#define UNSETTLED "seq > (SELECT through FROM glass_settled)"

/* And the columns of a row in an answer, and where they are. */
#define DEFECT_COLUMNS                                                                      \
    "r.id, d.device_id, d.defect_type, d.detected_at, d.image_url, d.image_path,"           \
    " d.status, d.confidence, d.notes, d.created_at, coalesce(d.updated_at, d.created_at)," \
    " d.image_source"
#define DEFECT_TABLES "glass_defect d JOIN record r USING(seq)"
/* base_url: as in struct ask, in front of the path of a picture that is ours; may be empty */
void glass_put_row(sl_json_out *out, const struct stmt *s, sl_str base_url);
/* The member image_url of a picture that is ours. */
void glass_put_place(sl_json_out *out, sl_str base_url, sl_str path);
/* One of them, if it is there; with paths. */
int glass_put_row_of(struct db *tx, int64_t seq, sl_json_out *out);

#endif
