/* SPDX-License-Identifier: MIT */
/*
 * Files that are named after what is in them: written once, never changed, the same bytes only
 * once. What files_put has returned is on the disk, so that a row may name it.
 *
 *   ROOT/3f/a9/3fa9…e1.jpg   a file: 32 hex digits of its hash, and a suffix
 *   ROOT/.part/9c4e…         being written; what a crash left here goes at the next start
 *
 * Nothing is made before the first file is. Only what lies in .part under a name of ours is
 * ever removed.
 *
 * thread   any, several at once: nothing is shared but the root's name and marks of folders
 *          that are known to be on the disk
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include "sluice/buf.h"
#include "sluice/err.h"

#include <stdatomic.h>
#include <stdint.h>

struct files;

#define FILES_SUFFIX_MAX 4  /* characters: a-z, 0-9 */
#define FILES_NAME_SIZE  38 /* 32 digits, a dot, the suffix, terminated */
#define FILES_PATH_SIZE  44 /* the same with its two folders in front */

/*
 * Look after the files below `root`, a folder that may not be there yet; its own folder is.
 *
 * returns  0, SL_E_NOMEM, -ENAMETOOLONG
 */
int files_new(const char *root, struct files **out, sl_error *err) SL_MUST_USE;
void files_free(struct files *f); /* NULL is fine */

/*
 * Keep these bytes: when it returns they are synced, and so are the names that lead to them.
 *
 * suffix   a literal
 * name     receives the file's name, without folders
 * returns  1; 0: it was there already; SL_E_INVAL (the suffix), or what the disk said, then
 *          nothing is left behind and `err` has cause and cure
 */
int files_put(struct files *f, sl_str bytes, const char *suffix, char name[FILES_NAME_SIZE],
              sl_error *err) SL_MUST_USE;

/* Below the root, to open or to serve. False: that is no name of ours. */
bool files_path(sl_str name, char path[FILES_PATH_SIZE]);

/* The size of all of them, by looking at each; ends early, with what it has, when *stop. */
uint64_t files_measure(const struct files *f, const atomic_bool *stop);

#endif
