/* SPDX-License-Identifier: MIT */
/*
 * The checkpoint thread: moves what the journal has written from the log to where it stays,
 * on a connection of its own, so that no commit waits for it.
 */
#ifndef HUB_CHECKPOINT_H
#define HUB_CHECKPOINT_H

#include "sluice/err.h"

#include <stdbool.h>
#include <stdint.h>

struct checkpoint;

struct checkpoint_stats {
    uint64_t runs, failed;
    uint64_t max_us; /* the longest run */
};

/* Start the thread. path: the store, which is open for writing already. */
int checkpoint_open(const char *path, struct checkpoint **out, sl_error *err) SL_MUST_USE;

/* Have it run once more; while it runs, once after that. any thread */
void checkpoint_wake(struct checkpoint *c);

/*
 * True once after each run: what is left in the log is what was written during it, so little
 * that the writer may move it by itself. The log then begins again from its front, instead of
 * growing for as long as there is always somebody who writes. any thread
 */
bool checkpoint_take_finished(struct checkpoint *c);

void checkpoint_get_stats(struct checkpoint *c, struct checkpoint_stats *out); /* any thread */

/* Waits for the run that is under way. NULL is fine. */
void checkpoint_close(struct checkpoint *c);

#endif
