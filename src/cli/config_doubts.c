/* SPDX-License-Identifier: MIT */
/* Settings that are right one by one and make no sense together. */
#include "cli/config.h"

#include <stdio.h>

/* One full queue would be cut by the bound of all of them, and who reads slowly sooner. */
static bool is_queue_above_total(const struct config *c)
{
    return config_number(c, SET_DELIVERY_QUEUE) > config_number(c, SET_LIMITS_QUEUE_TOTAL);
}

/* two settings, when they are doubtful, and the sentence between their names and the cure */
static const struct doubt {
    enum setting_id id, other;
    bool (*is)(const struct config *c);
    const char *text;
} doubts[] = {
    {SET_DELIVERY_QUEUE, SET_LIMITS_QUEUE_TOTAL, is_queue_above_total,
     "one connection may have more waiting than all together, so it is cut before its own "
     "bound: make the first smaller or the second larger"},
};

void config_report_doubts(const struct config *c, struct report *r)
{
    for (size_t i = 0; i < sizeof doubts / sizeof doubts[0]; i++) {
        const struct doubt *d = &doubts[i];
        char name[SETTING_NAME_SIZE], other[SETTING_NAME_SIZE];

        if (!d->is(c)) continue;
        report(r, "%s (%s) and %s (%s): %s", setting_name(&settings[d->id], name),
               config_text(c, d->id), setting_name(&settings[d->other], other),
               config_text(c, d->other), d->text);
    }
}
