/* SPDX-License-Identifier: MIT */
/* A write-ahead log, read as SQLite does, and on behind the place where SQLite would stop. */
#ifndef STORE_INTACT_LOG_H
#define STORE_INTACT_LOG_H

#include "sluice/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct log_state {
    bool has_something; /* a header, or any byte that is not 0 */
    bool is_damaged;    /* with something behind that is not */
    int64_t at;         /* the first byte that cannot be used, if so */
};

/* returns 0 or -errno; a log that is not there has nothing */
int intact_log_read(const char *path, struct log_state *out) SL_MUST_USE;

#endif
