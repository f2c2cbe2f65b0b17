/* SPDX-License-Identifier: MIT */
/* A copy of the store beside it, before its schema changes. */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include "store/db.h"

#define SNAPSHOTS_KEPT 3

/*
 * Copy the whole store to "sluice-<version>-<time>.db" in the same folder, synced to the
 * disk before it gets that name; of several the newest three stay.
 *
 * version  the schema's, before the step
 * returns  0, also for a store in memory; SL_E_NOMEM, -ENOSPC or what else kept it from
 *          being written
 */
int snapshot_take(struct db *db, int64_t version, sl_error *err) SL_MUST_USE;

#endif
