/* SPDX-License-Identifier: MIT */
/* Tests: complaints gathered in one text, a line each. */
#ifndef CLI_REPORT_TEST_H
#define CLI_REPORT_TEST_H

#include "cli/report.h"

#include <stdio.h>
#include <string.h>

struct heard {
    struct report report;
    char text[4096];
};

static inline void hear(const char *sentence, void *user)
{
    struct heard *h = user;
    size_t n = strlen(h->text);

    snprintf(h->text + n, sizeof h->text - n, "%s\n", sentence);
}

static inline struct report *heard_init(struct heard *h)
{
    *h = (struct heard){
        .report = {.say = hear, .user = h}
    };
    return &h->report;
}

#endif
