/* SPDX-License-Identifier: MIT */
/* Does the store take what is written now? Asked while records are refused and none comes. */
#ifndef HUB_JOURNAL_PROBE_H
#define HUB_JOURNAL_PROBE_H

#include "store/db.h"

struct probe {
    int64_t failed_bytes; /* of the last batch that the disk did not take */
    int spared;           /* attempts in a row; its own */
};

/*
 * Commit not less than what failed to `meta`, and take it out again: a few bytes find room on a
 * full disk. It is random, and new pages of the log each time: what is there already could be
 * written again.
 *
 * A full disk that says so itself is not written to each time: a little room, filled and given
 * back once a second, would wear it out. Now and then it is: the log may have room in itself.
 *
 * trouble  the code of what ails the disk
 * returns  1: the store takes records; 0: not asked; else why not, with a sentence in `err`
 * thread   the one that owns `db`
 */
int probe_store(struct probe *p, struct db *db, int trouble, sl_error *err) SL_MUST_USE;

/* False when the file system says that it has less left. */
bool probe_has_room(const char *path, int64_t bytes);

#endif
