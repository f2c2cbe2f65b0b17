/* SPDX-License-Identifier: MIT */
/* The inside of the tail: tail.c counts and tells, tail_viewer.c is one who listens. */
#ifndef HUB_TAIL_INSIDE_H
#define HUB_TAIL_INSIDE_H

#include "hub/tail.h"

/* What filters look at; texts with ptr NULL are none. */
struct tail_key {
    const char *system; /* NULL: none */
    sl_str event;       /* of what is counted its name, else the word: "opened" */
    sl_str device;
    uint64_t connection;
};

/* To all whose filters let it through; `out` is one JSON object, and is done with. */
void tail_tell(struct tail *t, const struct tail_key *key, sl_json_out *out);
void tail_keep(struct tail *t); /* a comment, so that no proxy takes silence for an end */

/* tail.c: the first has come; the last has gone. SL_E_NOMEM: there is no memory for rows */
int tail_start(struct tail *t) SL_MUST_USE;
void tail_stop(struct tail *t);

#endif
