/* SPDX-License-Identifier: MIT */
/* Where complaints about the configuration go: stderr at the start, the log on a reload. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "sluice/err.h"

struct report {
    void (*say)(const char *sentence, void *user);
    void *user;
    int count;
};

void report(struct report *r, const char *fmt, ...) SL_PRINTF(2, 3);

#endif
