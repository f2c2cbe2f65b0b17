/* SPDX-License-Identifier: MIT */
/*
 * The spine: the one table every record has a row in, and what a batch does to it. No
 * threads, no clock: the journal calls this on its own.
 *
 *   record  seq      one rising number for the whole store, never given twice
 *           id       public, a UUID that ends with seq: found by it, there is no index
 *           system, kind, device
 *           hub_at, device_at   microseconds since 1970
 *           body     as it was sent
 *           ukey, hash          what tells duplicates, where the kind declares it
 *   record_alias     ids of old that do not hold their number
 */
#ifndef HUB_SPINE_H
#define HUB_SPINE_H

#include "hub/record.h"

/* Its schema steps, for db_migrate(db, NULL, …). */
#define SPINE_STEPS 3
extern const char *const spine_steps[SPINE_STEPS];

/* Where numbering goes on: behind the newest row, and behind newer ones that were deleted. */
int spine_read_last_seq(struct db *db, int64_t *out) SL_MUST_USE; /* -EUCLEAN: no number */

/*
 * Write a batch in one transaction; every record's outcome gets its kind and rc.
 *
 * last_seq the newest number given; goes up with each record stored
 * returns  1: something was stored; 0: nothing had to be; else nothing was, and why, with a
 *          sentence in `err`. After an error outcomes tell only what the record itself met
 */
int spine_write(struct db *db, struct list *batch, int64_t *last_seq,
                sl_error *err) SL_MUST_USE;

#endif
