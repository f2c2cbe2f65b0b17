/* SPDX-License-Identifier: MIT */
/*
 * A record: one thing that happened, on its way into the store and back to whoever waits
 * for it. It carries what every kind has in common; the kind's own columns are written by
 * its apply hook.
 */
#ifndef HUB_RECORD_H
#define HUB_RECORD_H

#include "sluice/buf.h"
#include "sluice/json.h"

#include "base/clock.h"
#include "base/list.h"
#include "store/db.h"

struct record;

#define RECORD_ID_SIZE 37 /* a UUID as text, terminated */
#define OUTCOME_WHY    160

enum outcome_kind {
    OUTCOME_STORED,    /* it has a row of its own in the spine */
    OUTCOME_DUPLICATE, /* nothing was written: the original is there already */
    OUTCOME_MERGED,    /* it changed what another record had written; no row of its own */
    OUTCOME_REFUSED,   /* it asks for something that cannot be; nothing was written */
    OUTCOME_FAILED,    /* the store could not; nothing was written, the same may do later */
};

/* What became of it. */
struct outcome {
    enum outcome_kind kind;
    int64_t seq;             /* of what was stored, changed or there already; else 0 */
    char id[RECORD_ID_SIZE]; /* likewise; else "" */
    int rc;                  /* FAILED: why; else 0 */
    int status;              /* REFUSED, FAILED: as HTTP numbers it */
    char why[OUTCOME_WHY];   /* REFUSED, FAILED: one sentence, naming the field or the cause */
    sl_json_out text;        /* what the hooks have for the answer; freed with the record */
};

/* Set REFUSED with a sentence; returns 0, so that a hook can end with it. */
int outcome_refuse(struct outcome *out, int status, const char *fmt, ...) SL_PRINTF(3, 4);

/* Set DUPLICATE or MERGED, naming the record that was there before; returns 0. */
int outcome_refer(struct outcome *out, enum outcome_kind kind, int64_t seq, sl_str id);

/*
 * One kind of record and what is its own. Both hooks may be NULL. They run inside the
 * batch's transaction: on an error or a refusal all that this record wrote is undone, and
 * the others' remains. What was appended before is visible to them, even from the same batch.
 * To undo, the batch is done once more with a savepoint for each record: hooks may see a
 * record twice, and leave nothing behind but in `tx` and `out`.
 *
 * r        the hooks read it; its outcome is `out`
 * out      STORED with seq and id of the row to come; `text` is the hook's to write
 * returns  0, or an error: FAILED
 * thread   the journal's: they see no state of the loop
 */
struct record_kind {
    const char *system, *name;
    /*
     * After the journal has looked for duplicates, before the row in the spine is written:
     * look, and leave STORED or settle it otherwise with outcome_refuse or outcome_refer.
     * What it writes stays only with STORED and MERGED.
     */
    int (*decide)(struct db *tx, const struct record *r, struct outcome *out);
    /* The row is there: write the kind's own tables. May still refuse. */
    int (*apply)(struct db *tx, const struct record *r, struct outcome *out);
    /*
     * Once for a batch that holds records of this kind, behind the last of them: for sums that
     * need not be kept with each row. Kinds that share it are settled by one call.
     */
    int (*settle)(struct db *tx, int64_t last_seq);
};

/*
 * What makes two records of a kind the same. The lookup is one by an index; the content comes
 * last in it.
 *
 * key      begin it with what rises, the device's time in big-endian, and name the device
 *          behind it: then new keys lie beside each other. The other way round each device
 *          has a page of its own to write (64 devices, measured: 10 us a record, not 2)
 */
struct unique {
    sl_str key;        /* any bytes; empty: never a duplicate */
    bool same_content; /* and only if `content` is equal as well */
    uint64_t content;  /* a hash that does not change from run to run */
    int64_t window_us; /* and only within this much of the hub's time; 0: for ever */
};

struct record {
    struct list node;
    const struct record_kind *kind;
    /* UUID in version 4's form; its first 48 bits are milliseconds, its last 48 the number it
     * has in the store: zeros until the journal has given it one. */
    char id[RECORD_ID_SIZE];
    struct wall hub_at, device_at;
    bool has_device_at;   /* false: the device sent none, or nothing readable */
    sl_str device, body;  /* copies, in the same allocation */
    struct unique unique; /* its key, too */

    /* On the loop, after the commit or its failure; the record is freed afterwards. */
    void (*on_done)(struct record *r, const struct outcome *out);
    void *user;

    struct outcome outcome; /* the journal's until on_done */
    char bytes[];
};

/* With a new id, hub_at now, no device_at, no callback; NULL without memory. */
struct record *record_new(const struct record_kind *kind, sl_str device,
                          sl_str body) SL_MUST_USE;
/* The same with what tells duplicates; NULL: none. */
struct record *record_new_unique(const struct record_kind *kind, sl_str device, sl_str body,
                                 const struct unique *unique) SL_MUST_USE;
void record_free(
    struct record *r); /* NULL is fine; one that the journal took is the journal's */

/*
 * The record with this public id: its number is in it, so no index of ids is needed.
 *
 * returns  1 with its seq, 0: there is none, or an error
 */
int record_find(struct db *db, sl_str id, int64_t *seq) SL_MUST_USE;

/* For the journal: the number becomes part of the id. */
void record_set_number(struct record *r, int64_t seq);
#define RECORD_NUMBER_MAX ((INT64_C(1) << 48) - 1)

/* What the id says; 0: it is none of ours. */
int64_t record_number_in(sl_str id);

/* What it counts for in the journal's bound. */
size_t record_bytes(const struct record *r);

#endif
