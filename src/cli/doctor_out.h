/* SPDX-License-Identifier: MIT */
/* What the doctor says, for people and for machines. */
#ifndef CLI_DOCTOR_OUT_H
#define CLI_DOCTOR_OUT_H

#include "cli/doctor.h"

#include <stdio.h>

/*
 * Make text harmless for a terminal: control characters (C0, DEL, C1), what turns the
 * direction of writing, and bytes that are no UTF-8 become '?'. In place, never longer.
 */
void printable(char *text);

/* One row, as soon as it is known. */
void out_finding(FILE *to, bool colour, const struct step *s, const struct finding *f);

/* The last lines: notes, and how many rows went how. */
void out_end(FILE *to, const struct doctor *d, const int count[FOUND_SKIP + 1]);

/* The same as members of one JSON object: begin, a row each, end. `out->rc` tells. */
void out_json_begin(sl_json_out *out, const struct doctor *d);
void out_json_finding(sl_json_out *out, const char *part, const struct step *s,
                      const struct finding *f);
void out_json_end(sl_json_out *out, const struct doctor *d, const int count[FOUND_SKIP + 1],
                  int exit_code);

#endif
