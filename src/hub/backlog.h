/* SPDX-License-Identifier: MIT */
/*
 * In front of the journal: where records wait when it is full, and who is not read from
 * meanwhile. After two seconds what waits is refused and everybody is read from again.
 *
 *   high water: its sender is paused      full: records are held, in order
 *   low water:  what is held goes in, all are read from again
 */
#ifndef HUB_BACKLOG_H
#define HUB_BACKLOG_H

#include "hub/intake.h"
#include "hub/journal.h"

#define BACKLOG_WAIT_MS   2000
#define BACKLOG_BYTES_MAX (32 * 1024 * 1024)

struct backlog;

int backlog_new(sl_loop *loop, struct journal *j, struct backlog **out) SL_MUST_USE;
/* Before the journal is closed: what is held is refused. NULL is fine. */
void backlog_free(struct backlog *b);

/*
 * Have it written; its on_done comes later, or after two seconds with SL_E_FULL.
 *
 * s        who sent it by WebSocket or Socket.IO, NULL for one whose next word waits for the
 *          answer anyway
 * returns  0: it is the backlog's; SL_E_FULL: it is still the caller's
 */
int backlog_append(struct backlog *b, struct record *r, struct sender *s) SL_MUST_USE;

/* Records that found no place: refused at once, or after two seconds. */
uint64_t backlog_refused(const struct backlog *b);

#endif
