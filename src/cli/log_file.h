/* SPDX-License-Identifier: MIT */
/* The log's file: opened at the start, opened anew on SIGHUP after somebody has moved it. */
#ifndef CLI_LOG_FILE_H
#define CLI_LOG_FILE_H

#include "sluice/err.h"

/*
 * Send the log to `path`, NULL for stderr. The new file takes the old one's descriptor, so that
 * a thread in the middle of a line writes to one of the two.
 *
 * returns  0, or what the system said: the log then stays where it was
 */
int log_file_open(const char *path) SL_MUST_USE;

#endif
