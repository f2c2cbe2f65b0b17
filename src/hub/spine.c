/* SPDX-License-Identifier: MIT */
#include "hub/spine.h"

#include "base/assert.h"
#include "store/cure.h"
#include "store/intact.h"

#include <errno.h>

const char *const spine_steps[SPINE_STEPS] = {
    "CREATE TABLE schema(system TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE record("
    "  seq INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL,"
    "  system TEXT NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  device TEXT NOT NULL,"
    "  hub_at INTEGER NOT NULL," /* microseconds since 1970 */
    "  device_at INTEGER,"
    "  body TEXT NOT NULL);",

    /* What tells duplicates, only where a kind declares it: other rows cost the index
     * nothing. A deleted newest row leaves its number behind, so that none is given twice. */
    "ALTER TABLE record ADD COLUMN ukey BLOB;"
    "ALTER TABLE record ADD COLUMN hash INTEGER;"
    "CREATE INDEX record_ukey ON record(system, kind, ukey, hash) WHERE ukey IS NOT NULL;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('last_seq', 0);"
    "CREATE TRIGGER record_last_seq AFTER DELETE ON record"
    "  WHEN OLD.seq > coalesce((SELECT max(seq) FROM record), 0)"
    "  BEGIN"
    "    UPDATE meta SET value = max(value, OLD.seq) WHERE name = 'last_seq';"
    "  END;",

    /* An index of ids cost each record a page and 2 us; now the id names its row. */
    "CREATE TABLE record_alias(id TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO record_alias SELECT id, seq FROM record"
    "  WHERE substr(id, 25) <> printf('%012x', seq);",
};

static int run(struct db *db, const char *sql)
{
    struct stmt *s = db_stmt(db, sql);

    return s != NULL ? stmt_run(s) : db_fail(db, NULL);
}

int record_find(struct db *db, sl_str id, int64_t *seq)
{
    struct stmt *s = db_stmt(db, "SELECT seq FROM record WHERE seq = ?2 AND id = lower(?1)"
                                 " UNION ALL SELECT seq FROM record_alias WHERE id = ?1");
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    stmt_bind_str(s, 1, id);
    stmt_bind_i64(s, 2, record_number_in(id));
    rc = stmt_step(s);
    if (rc > 0) *seq = stmt_i64(s, 0);
    stmt_reset(s);
    return rc;
}

/* NULL where the kind or the record declares none: IS finds that, too. */
static void bind_hash(struct stmt *s, int i, const struct unique *u)
{
    if (u->same_content) stmt_bind_i64(s, i, (int64_t)u->content);
}

static int insert(struct db *db, const struct record *r, int64_t seq)
{
    struct stmt *s = db_stmt(db, "INSERT INTO record(seq, id, system, kind, device, hub_at,"
                                 " device_at, body, ukey, hash)"
                                 " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

    if (s == NULL) return db_fail(db, NULL);
    stmt_bind_i64(s, 1, seq);
    stmt_bind_str(s, 2, (sl_str){r->id, RECORD_ID_SIZE - 1});
    stmt_bind_str(s, 3, sl_str_of(r->kind->system));
    stmt_bind_str(s, 4, sl_str_of(r->kind->name));
    stmt_bind_str(s, 5, r->device);
    stmt_bind_i64(s, 6, r->hub_at.us);
    if (r->has_device_at) stmt_bind_i64(s, 7, r->device_at.us);
    stmt_bind_str(s, 8, r->body);
    if (r->unique.key.len > 0) {
        stmt_bind_blob(s, 9, r->unique.key);
        bind_hash(s, 10, &r->unique);
    }
    return stmt_run(s);
}

/* Is the newest record of this key (and content) near enough to be the same? */
static int find_original(struct db *db, const struct record *r, struct outcome *out)
{
    struct stmt *s = db_stmt(db, "SELECT seq, id, hub_at FROM record WHERE system = ?"
                                 " AND kind = ? AND ukey = ? AND hash IS ?"
                                 " ORDER BY seq DESC LIMIT 1");
    int64_t window = r->unique.window_us;
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    stmt_bind_str(s, 1, sl_str_of(r->kind->system));
    stmt_bind_str(s, 2, sl_str_of(r->kind->name));
    stmt_bind_blob(s, 3, r->unique.key);
    bind_hash(s, 4, &r->unique);
    rc = stmt_step(s);
    if (rc <= 0) return rc;
    if (window == 0 || r->hub_at.us - stmt_i64(s, 2) <= window) {
        outcome_refer(out, OUTCOME_DUPLICATE, stmt_i64(s, 0), stmt_str(s, 1));
    }
    stmt_reset(s);
    return 0;
}

/* The steps of one record; whoever settles it otherwise ends them. */
static int take_steps(struct db *db, const struct record *r, struct outcome *out)
{
    int rc = 0;

    if (r->unique.key.len > 0) rc = find_original(db, r, out);
    if (rc < 0 || out->kind != OUTCOME_STORED) return rc;
    if (r->kind->decide != NULL) rc = r->kind->decide(db, r, out);
    if (rc < 0 || out->kind != OUTCOME_STORED) return rc;
    rc = insert(db, r, out->seq);
    if (rc < 0 || r->kind->apply == NULL) return rc;
    rc = r->kind->apply(db, r, out);
    SL_ASSERT(out->kind != OUTCOME_MERGED); /* decide's to say: the row is there by now */
    return rc;
}

/* Not an error: this batch needs a savepoint for each record. */
#define SPINE_AGAIN 2

static void begin_outcome(struct record *r, int64_t seq)
{
    struct outcome *out = &r->outcome;

    record_set_number(r, seq);
    out->kind = OUTCOME_STORED;
    out->seq = seq;
    memcpy(out->id, r->id, sizeof out->id);
    out->status = 0;
    out->why[0] = '\0';
    sl_out_reset(&out->text);
}

/*
 * A record that does not come to stay leaves nothing, and the batch goes on without it. Most
 * of those have written nothing when that is decided, so a savepoint is not taken until one
 * is missed: it costs a copy of every page the record touches (measured: 2 to 3 us of 15).
 */
static int write_record(struct db *db, struct record *r, int64_t seq, bool careful)
{
    struct outcome *out = &r->outcome;
    int64_t before = db_changes(db);
    bool undo;
    int rc = careful ? run(db, "SAVEPOINT record") : 0;

    if (rc < 0) return rc;
    begin_outcome(r, seq);
    rc = take_steps(db, r, out);
    if (!db_in_transaction(db)) return rc < 0 ? rc : SL_E_DB;
    undo = rc < 0 || out->kind == OUTCOME_DUPLICATE || out->kind == OUTCOME_REFUSED;
    if (undo && db_changes(db) != before) {
        int undone = careful ? run(db, "ROLLBACK TO record") : SPINE_AGAIN;

        if (undone == SPINE_AGAIN) return undone;
        if (undone < 0) return rc < 0 ? rc : undone;
    }
    if (careful && run(db, "RELEASE record") < 0 && rc == 0) rc = SL_E_DB;
    return rc;
}

typedef int settle_fn(struct db *tx, int64_t last_seq);

#define SETTLES_MAX 16 /* more kinds than that in a batch are settled more than once */

static int settle_kinds(struct db *db, struct list *batch, int64_t last_seq)
{
    settle_fn *done[SETTLES_MAX];
    int count = 0, rc = 0;

    for (struct list *n = batch->next; rc == 0 && n != batch; n = n->next) {
        settle_fn *fn = LIST_ENTRY(n, struct record, node)->kind->settle;
        int i = 0;

        while (i < count && done[i] != fn)
            i++;
        if (fn == NULL || i < count) continue;
        if (count < SETTLES_MAX) done[count++] = fn;
        rc = fn(db, last_seq);
    }
    return rc;
}

/* All or nothing, but for records that were settled by themselves. */
static int write_all(struct db *db, struct list *batch, int64_t *last_seq, bool careful,
                     sl_error *err)
{
    bool written = false;
    int rc = run(db, "BEGIN IMMEDIATE"), first = 0;

    for (struct list *n = batch->next; rc == 0 && n != batch; n = n->next) {
        struct record *r = LIST_ENTRY(n, struct record, node);
        struct outcome *out = &r->outcome;

        out->rc = write_record(db, r, *last_seq + 1, careful);
        if (out->rc == SPINE_AGAIN) return SPINE_AGAIN;
        if (out->rc == 0 && out->kind == OUTCOME_STORED) ++*last_seq;
        written |= out->rc == 0 && (out->kind == OUTCOME_STORED || out->kind == OUTCOME_MERGED);
        if (out->rc == -EUCLEAN) return db_fail_as(db, out->rc, err); /* nor the others */
        if (first == 0 && cure_is_known(out->rc)) first = db_fail_as(db, out->rc, err);
        /* A full disk may end the whole transaction (SQLite, "Response To Errors Within A
         * Transaction"): then nothing of the batch is in it any more. */
        if (!db_in_transaction(db)) return db_fail_as(db, out->rc, err);
    }
    if (rc == 0) rc = settle_kinds(db, batch, *last_seq);
    if (rc == 0) rc = run(db, "COMMIT");
    if (rc < 0) return db_fail_as(db, rc, err);
    return written ? 1 : first;
}

int spine_write(struct db *db, struct list *batch, int64_t *last_seq, sl_error *err)
{
    int64_t committed = *last_seq;
    int rc = write_all(db, batch, last_seq, false, err);

    if (rc == SPINE_AGAIN) {
        *last_seq = committed;
        rc = run(db, "ROLLBACK");
        if (rc == 0) rc = write_all(db, batch, last_seq, true, err);
    }
    if (rc >= 0) return rc;
    if (db_in_transaction(db)) (void)run(db, "ROLLBACK");
    *last_seq = committed;
    return rc;
}

int spine_read_last_seq(struct db *db, int64_t *out)
{
    struct stmt *s = db_stmt(db, "SELECT max(coalesce((SELECT max(seq) FROM record), 0),"
                                 " (SELECT value FROM meta WHERE name = 'last_seq'))");
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    rc = stmt_step(s);
    if (rc <= 0) return rc < 0 ? rc : SL_E_DB;
    *out = stmt_is_null(s, 0) ? -1 : stmt_i64(s, 0);
    stmt_reset(s);
    return *out < 0 || *out > RECORD_NUMBER_MAX ? -EUCLEAN : 0;
}
