/* SPDX-License-Identifier: MIT */
/*
 * Files of lines KEY=VALUE, as shells and Docker's people write them:
 *
 *   # a comment            export KEY=VALUE        KEY='kept as it is # too'
 *   KEY=VALUE # comment    KEY=                    KEY="with \" and \n"
 *
 * Nothing is expanded, and a value never goes on in the next line.
 */
#ifndef CLI_ENV_FILE_H
#define CLI_ENV_FILE_H

#include "base/arena.h"
#include "cli/report.h"

#define ENV_FILE_BYTES_MAX (64 * 1024)

/* Names and values are terminated and live in the arena. */
typedef int env_file_fn(const char *name, sl_str value, int line, void *user);

/*
 * Call `fn` for each line, in order; a result that is not 0 ends it and is returned.
 *
 * returns  0; SL_E_INVAL after complaints "FILE:LINE: sentence", which never show a value; all
 *          lines are read before it; SL_E_NOMEM
 */
int env_file_read(const char *file, sl_str text, struct arena *a, struct report *r,
                  env_file_fn *fn, void *user) SL_MUST_USE;

#endif
