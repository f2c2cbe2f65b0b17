/* SPDX-License-Identifier: MIT */
/*
 * The journal: records go in on the loop, one thread writes them, one completion per batch
 * comes back. A batch is whatever waited when the thread became free; a lone record waits
 * for nobody and there is no timer.
 *
 *   append ─► waiting ─► batch: BEGIN (SAVEPOINT, known?, decide, row, apply, RELEASE)…
 *    loop                journal thread                                  COMMIT ─► done
 *                                                                                  loop:
 * on_done
 *
 * What on_done reports as stored is on the disk.
 */
#ifndef HUB_JOURNAL_H
#define HUB_JOURNAL_H

#include "sluice/loop.h"

#include "hub/record.h"

struct journal;

/* What may be under way between append and on_done. */
struct journal_limits {
    size_t bytes;     /* 0: 32 MiB */
    uint32_t records; /* 0: 65,536 */
};

struct journal_stats {
    uint64_t appended, batches;
    uint64_t outcome[OUTCOME_FAILED + 1]; /* by kind */
    uint64_t refused;                     /* at the bound */
    size_t bytes;                         /* under way now */
    uint32_t records;
};

/* The spine's schema steps, for db_migrate(db, NULL, …). */
#define JOURNAL_STEPS 2
extern const char *const journal_steps[JOURNAL_STEPS];

/*
 * Start the thread.
 *
 * db       the only writing connection, migrated; the journal's from now on if 0 is returned
 */
int journal_open(sl_loop *loop, struct db *db, const struct journal_limits *limits,
                 struct journal **out) SL_MUST_USE;

/*
 * Have a record written. Its on_done comes later, never from inside this call, in the order
 * of appending.
 *
 * returns  0: the journal owns `r`; SL_E_FULL at the bound: `r` is still the caller's
 * thread   the loop's
 */
int journal_append(struct journal *j, struct record *r) SL_MUST_USE;

/*
 * Commit what waits, end the thread, deliver what was not delivered, close the connection.
 * NULL is fine.
 *
 * calls    on_done of every record that is left
 */
void journal_close(struct journal *j);

void journal_get_stats(const struct journal *j, struct journal_stats *out); /* on the loop */

#endif
