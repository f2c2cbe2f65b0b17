/* SPDX-License-Identifier: MIT */
/*
 * The journal: records go in on the loop, one thread writes them, one completion per batch
 * comes back. A batch is whatever waited when the thread became free; it is handed over at the
 * end of each turn of the loop, and there is no timer.
 *
 *   append ─► waiting ─► batch: BEGIN (known?, decide, row, apply)… COMMIT ─► done
 *    loop                journal thread                             loop: on_done
 *
 * What on_done reports as stored is on the disk. When the disk does not take a batch, all of
 * it has failed, and until it takes something again the others are told so without trying, but
 * for one attempt in a second. When nothing comes that could try, the thread writes something
 * of its own: who keeps senders away while we refuse hears of the end in any case.
 *
 * A damaged database is not tried again: it takes some records and loses others. It is left as
 * it is, with its log, and refuses until the hub is started on a better one.
 */
#ifndef HUB_JOURNAL_H
#define HUB_JOURNAL_H

#include "sluice/loop.h"

#include "base/histogram.h"
#include "hub/record.h"
#include "hub/spine.h"

#include <stdbool.h>

struct journal;

/* 0 stands for what is given behind it. */
struct journal_limits {
    size_t bytes;           /* under way between append and on_done; 32 MiB */
    uint32_t records;       /* likewise; 65,536 */
    uint32_t retry_ms;      /* in trouble, between two attempts; 1,000 */
    int64_t log_step_bytes; /* the log grows this much between two checkpoints; 4 MiB */
    int64_t log_cap_bytes;  /* and never beyond this for long; 64 MiB */
};

/* Why records are refused now, if they are: see cure.h. */
struct journal_trouble {
    int rc; /* 0: there is none */
    struct wall since;
    char cause[192]; /* and what helps; names no folder: anybody may read it */
};

struct journal_stats {
    uint64_t appended, batches;
    uint64_t probes;                      /* attempts without a record, in trouble */
    uint64_t outcome[OUTCOME_FAILED + 1]; /* by kind */
    uint64_t refused;                     /* at the bound */
    size_t bytes;                         /* under way now */
    uint32_t records;
    bool is_high;
    struct journal_trouble trouble;
    struct histogram commits; /* of all batches that were tried */
    uint64_t commit_max_us;
    uint64_t checkpoints, checkpoints_failed, checkpoint_max_us;
    uint64_t truncations;                     /* the log had reached its cap */
    uint64_t journal_bytes, checkpoint_bytes; /* handed to the disk by this process */
};

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
 * Back-pressure. High from three quarters of a bound on, until half of it is left; on_low is
 * called when that is reached. Whoever reads records from somewhere pauses between the two,
 * and refuses when that takes too long. append itself refuses only at the bound.
 *
 * thread   the loop's
 */
bool journal_is_high(const struct journal *j);
void journal_set_on_low(struct journal *j, void (*on_low)(void *user), void *user);

/*
 * Somebody who reads has met damage: records are refused from now on.
 *
 * thread   the loop's
 */
void journal_tell_damage(struct journal *j);

/*
 * Commit what waits, end the thread, deliver what was not delivered, close the connection.
 * NULL is fine.
 *
 * calls    on_done of every record that is left
 */
void journal_close(struct journal *j);

void journal_get_stats(const struct journal *j, struct journal_stats *out); /* on the loop */

#endif
