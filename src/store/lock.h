/* SPDX-License-Identifier: MIT */
/* One process per data folder: a lock the kernel gives back whenever the holder dies. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "sluice/err.h"

/*
 * Make the folder if it is missing and take it for this process.
 *
 * fd       receives what to hand to lock_release
 * returns  0, SL_E_BUSY when another process has it, SL_E_INVAL on a network file
 *          system (place.h), or what the system said
 */
int lock_take(const char *dir, int *fd, sl_error *err) SL_MUST_USE;
void lock_release(int fd); /* -1 is fine */

#endif
