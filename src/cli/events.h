/* SPDX-License-Identifier: MIT */
/* What each system takes and tells, from the very rows that the hub runs by. */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include "hub/system.h"

#include <stdio.h>

/* Bits of sl_route.methods, or of an intake, as words: "GET", "POST". One bit at a time. */
const char *events_method(unsigned bit);

/* enum intake_class and enum field_type, as words. */
const char *events_class(enum intake_class class);
const char *events_type(enum field_type type);

void events_print(FILE *to, const struct system *sys);

/* One JSON object onto `o`. */
void events_put_json(sl_json_out *o, const struct system *sys);

#endif
