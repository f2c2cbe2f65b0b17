/* SPDX-License-Identifier: MIT */
/*
 * A record: one thing that happened, on its way into the store and back to whoever waits
 * for it. It carries what every kind has in common; the kind's own columns are written by
 * its apply hook.
 */
#ifndef HUB_RECORD_H
#define HUB_RECORD_H

#include "sluice/buf.h"

#include "base/clock.h"
#include "base/list.h"
#include "store/db.h"

struct record;

/* What became of it; seq is 0 unless it is stored. */
struct outcome {
    int64_t seq; /* one rising number for the whole store */
    int rc;
};

struct record_kind {
    const char *system, *name;
    /*
     * Write the kind's own tables, inside the batch's transaction and a savepoint of its own:
     * on an error everything this record wrote is undone, and the others' remains.
     *
     * out      its seq is set already
     * thread   the journal's: it sees no state of the loop
     */
    int (*apply)(struct db *tx, const struct record *r, const struct outcome *out);
};

#define RECORD_ID_SIZE 37 /* a UUID as text, terminated */

struct record {
    struct list node;
    const struct record_kind *kind;
    char id[RECORD_ID_SIZE]; /* UUID in version 4's form, its first 48 bits are milliseconds */
    struct wall hub_at, device_at;
    bool has_device_at;  /* false: the device sent none, or nothing readable */
    sl_str device, body; /* copies, in the same allocation */

    /* On the loop, after the commit or its failure; the record is freed afterwards. */
    void (*on_done)(struct record *r, const struct outcome *out);
    void *user;

    struct outcome outcome; /* the journal's until on_done */
    char bytes[];
};

/* With a new id, hub_at now, no device_at, no callback; NULL without memory. */
struct record *record_new(const struct record_kind *kind, sl_str device,
                          sl_str body) SL_MUST_USE;
void record_free(
    struct record *r); /* NULL is fine; one that the journal took is the journal's */

/* What it counts for in the journal's bound. */
size_t record_bytes(const struct record *r);

#endif
