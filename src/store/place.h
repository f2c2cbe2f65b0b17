/* SPDX-License-Identifier: MIT */
/* Whether a folder is a fit place for a store. */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include "sluice/err.h"

#include <stdint.h>

/*
 * Refuse what is not of this machine: locks and the shared memory of the write-ahead log do
 * not reach across a network, and a sync there promises nothing.
 *
 * returns  0, also where the system does not tell; SL_E_INVAL with one sentence
 */
int place_check(const char *dir, sl_error *err) SL_MUST_USE;

/* What a kind of file system is called if it is of the network, else NULL. */
const char *place_network_name(int64_t f_type);
/* The same for one that runs as a program (FUSE), by its type in /proc/self/mountinfo. */
const char *place_network_fuse(const char *type);

#endif
