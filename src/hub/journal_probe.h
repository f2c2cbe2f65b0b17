/* SPDX-License-Identifier: MIT */
/* Does the store take what is written now? Asked while records are refused and none comes. */
#ifndef HUB_JOURNAL_PROBE_H
#define HUB_JOURNAL_PROBE_H

#include "store/db.h"

/*
 * Commit so many bytes to `meta`, and take them out again. They are random and new pages of
 * the log each time: what is there already could be written again on a full disk.
 *
 * returns  0: the store takes records; else why not, with a sentence in `err`
 * thread   the one that owns `db`
 */
int journal_probe(struct db *db, int64_t bytes, sl_error *err) SL_MUST_USE;

#endif
