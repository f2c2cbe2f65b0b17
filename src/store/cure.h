/* SPDX-License-Identifier: MIT */
/* What keeps a store from writing, for people: the cause, and what helps. */
#ifndef STORE_CURE_H
#define STORE_CURE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True for what lies outside of us and can go away: no space, read-only, no right, an I/O
 * error, another program's lock, a damaged file. Trying again at once is of no use.
 */
bool cure_is_known(int rc);

/*
 * One sentence: "the disk is full: free space in /var/lib/sluice".
 *
 * path     of what is written, the database for one; its folder is named. "": it is not, for
 *          those who need not know
 * returns  buf; for codes without a cure what sl_strerror says
 */
const char *cure_text(int rc, const char *path, char *buf, size_t size);

/* The HTTP status that says it: 507 for a full disk, else 503. */
int cure_status(int rc);

#endif
