/* SPDX-License-Identifier: MIT */
/* The store, as a hub opens it at its start. */
#ifndef HUB_STORE_OPEN_H
#define HUB_STORE_OPEN_H

#include "hub/system.h"
#include "store/db.h"

/*
 * The writing connection, intact and brought up to date.
 *
 * returns  0; else no connection, `err` has cause and cure, and no record was touched
 */
int store_open(const char *path, const struct system *const *systems, size_t count,
               struct db **out, sl_error *err) SL_MUST_USE;

#endif
