/* SPDX-License-Identifier: MIT */
/*
 * Is what lies on the disk still what was written? Asked before the first change: SQLite mends
 * by itself what it can, and what it cannot read of a log it forgets without a word.
 *
 * What cannot be found: bytes inside a text that were changed on the disk, and a log that was
 * cut off between two records, which is what a power cut leaves of work nobody was told of.
 */
#ifndef STORE_INTACT_H
#define STORE_INTACT_H

#include "store/db.h"

/* Beyond this a database is not read through at each start. */
#define INTACT_PAGES_MAX_BYTES (64 * 1024 * 1024)

/*
 * The files of the store at `path`, not opened by anybody yet. Refused are
 *   - an empty database, or none, beside a log that has something, pictures or snapshots:
 *     SQLite would delete the log, and a hub begin anew;
 *   - a log that is damaged with intact transactions behind: SQLite would end before it. What
 *     a power cut tears is the last one, for each is synced before the next.
 *
 * returns  0; -EUCLEAN with cause and cure; -errno of reading
 */
int intact_files(const char *path, sl_error *err) SL_MUST_USE;

/*
 * The structure of a database, each page of it, if it is small enough.
 *
 * returns  0; -EUCLEAN with cause and cure, or what db_fail says
 */
int intact_pages(struct db *db, sl_error *err) SL_MUST_USE;

/* The sentence of a store that cannot be used as it is. returns -EUCLEAN */
int intact_refuse(const struct db *db, const char *what, sl_error *err);

#endif
