/* SPDX-License-Identifier: MIT */
#include "hub/journal.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <pthread.h>
#include <stdio.h>

#define MIB (1024 * 1024)

struct journal {
    sl_loop *loop;
    struct db *db;    /* the thread's, while it runs */
    int64_t last_seq; /* likewise: the newest number given */
    struct journal_limits limits;
    struct journal_stats stats; /* the loop's */
    pthread_t thread;

    pthread_mutex_t lock; /* covers what follows */
    pthread_cond_t wake;
    struct list waiting, done;
    uint64_t batches;
    bool stopping;
};

const char *const journal_steps[JOURNAL_STEPS] = {
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
};

/* ---- the journal's thread ---- */

static int run(struct db *db, const char *sql)
{
    struct stmt *s = db_stmt(db, sql);

    return s != NULL ? stmt_run(s) : db_fail(db, NULL);
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

/* A record that does not come to stay leaves nothing, and the batch goes on without it. */
static int write_record(struct journal *j, struct record *r)
{
    struct outcome *out = &r->outcome;
    struct db *db = j->db;
    int rc = run(db, "SAVEPOINT record");

    if (rc < 0) return rc;
    out->seq = j->last_seq + 1;
    memcpy(out->id, r->id, sizeof out->id);
    rc = take_steps(db, r, out);
    if (!db_in_transaction(db)) return rc < 0 ? rc : SL_E_DB;
    if (rc < 0 || out->kind == OUTCOME_DUPLICATE || out->kind == OUTCOME_REFUSED) {
        int undone = run(db, "ROLLBACK TO record");

        if (undone < 0) return rc < 0 ? rc : undone;
    }
    if (run(db, "RELEASE record") < 0 && rc == 0) rc = SL_E_DB;
    if (rc == 0 && out->kind == OUTCOME_STORED) j->last_seq++;
    return rc;
}

/* All or nothing, but for records that were settled by themselves. */
static int write_all(struct journal *j, struct list *batch)
{
    int rc = run(j->db, "BEGIN IMMEDIATE");

    if (rc < 0) return rc;
    for (struct list *n = batch->next; n != batch; n = n->next) {
        struct record *r = LIST_ENTRY(n, struct record, node);

        r->outcome.rc = write_record(j, r);
        /* A full disk may end the whole transaction (SQLite, "Response To Errors Within A
         * Transaction"): then nothing of the batch is in it any more. */
        if (!db_in_transaction(j->db)) return r->outcome.rc;
    }
    return run(j->db, "COMMIT");
}

/* What on_done is told: the batch's failure is that of everyone who counted on it. */
static void settle(struct outcome *out, int rc, int64_t committed)
{
    if (out->rc == 0 && rc < 0 && !(out->kind == OUTCOME_DUPLICATE && out->seq <= committed)) {
        out->rc = rc;
    }
    if (out->rc < 0) {
        char text[96];

        out->kind = OUTCOME_FAILED;
        out->status = 503;
        snprintf(out->why, sizeof out->why, "the record was not stored: %s",
                 sl_strerror(out->rc, text, sizeof text));
    }
    if (out->kind < OUTCOME_REFUSED) return;
    out->seq = 0;
    out->id[0] = '\0';
}

static void write_batch(struct journal *j, struct list *batch)
{
    int64_t committed = j->last_seq;
    int rc = write_all(j, batch);

    if (rc < 0) {
        sl_error err = {0};

        (void)db_fail(j->db, &err); /* in SQLite's own words */
        SL_ERROR("journal", "msg=\"a batch was not stored\" code=%d cause=\"%s\"", rc,
                 err.text);
        if (db_in_transaction(j->db)) (void)run(j->db, "ROLLBACK");
        j->last_seq = committed;
    }
    for (struct list *n = batch->next; n != batch; n = n->next)
        settle(&LIST_ENTRY(n, struct record, node)->outcome, rc, committed);
}

static void deliver(struct journal *j)
{
    struct list batch;
    uint64_t batches;

    pthread_mutex_lock(&j->lock);
    list_move_all(&j->done, &batch);
    batches = j->batches;
    pthread_mutex_unlock(&j->lock);

    j->stats.batches = batches;
    for (struct list *n; (n = list_take_first(&batch)) != NULL;) {
        struct record *r = LIST_ENTRY(n, struct record, node);

        j->stats.bytes -= record_bytes(r);
        j->stats.records--;
        j->stats.outcome[r->outcome.kind]++;
        if (r->on_done != NULL) r->on_done(r, &r->outcome);
        record_free(r);
    }
}

static void on_batch(void *user)
{
    deliver(user);
}

static void add_all(struct list *to, struct list *from)
{
    for (struct list *n; (n = list_take_first(from)) != NULL;)
        list_add_last(to, n);
}

static void *on_thread(void *user)
{
    struct journal *j = user;
    struct list batch;

    pthread_mutex_lock(&j->lock);
    for (;;) {
        while (list_is_empty(&j->waiting) && !j->stopping)
            pthread_cond_wait(&j->wake, &j->lock);
        if (list_is_empty(&j->waiting)) break; /* stopping, and all is written */
        list_move_all(&j->waiting, &batch);
        pthread_mutex_unlock(&j->lock);
        write_batch(j, &batch);
        pthread_mutex_lock(&j->lock);
        add_all(&j->done, &batch);
        j->batches++;
        pthread_mutex_unlock(&j->lock);
        /* If this fails the batch is told together with the next one, or by journal_close. */
        (void)!sl_loop_post(j->loop, on_batch, j);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* ---- the loop's side ---- */

/* Where numbering goes on: behind the newest row, and behind newer ones that were deleted. */
static int read_last_seq(struct db *db, int64_t *out)
{
    struct stmt *s = db_stmt(db, "SELECT max(coalesce((SELECT max(seq) FROM record), 0),"
                                 " (SELECT value FROM meta WHERE name = 'last_seq'))");
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    rc = stmt_step(s);
    if (rc <= 0) return rc < 0 ? rc : SL_E_DB;
    *out = stmt_i64(s, 0);
    stmt_reset(s);
    return 0;
}

int journal_open(sl_loop *loop, struct db *db, const struct journal_limits *limits,
                 struct journal **out)
{
    struct journal *j;
    int rc;

    *out = NULL;
    j = sl__zalloc(sizeof *j);
    if (j == NULL) return SL_E_NOMEM;
    rc = read_last_seq(db, &j->last_seq);
    if (rc < 0) {
        sl__free(j);
        return rc;
    }
    j->loop = loop;
    j->db = db;
    if (limits != NULL) j->limits = *limits;
    if (j->limits.bytes == 0) j->limits.bytes = 32 * MIB;
    if (j->limits.records == 0) j->limits.records = 65536;
    list_init(&j->waiting);
    list_init(&j->done);
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->wake, NULL);
    rc = pthread_create(&j->thread, NULL, on_thread, j);
    if (rc != 0) goto failed;
    *out = j;
    return 0;

failed:
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    sl__free(j);
    return -rc;
}

int journal_append(struct journal *j, struct record *r)
{
    size_t bytes = record_bytes(r);

    /* A record larger than the whole bound may pass alone; else it could never be stored. */
    if (j->stats.records > 0
        && (j->stats.records >= j->limits.records || bytes > j->limits.bytes
            || j->stats.bytes > j->limits.bytes - bytes)) {
        j->stats.refused++;
        return SL_E_FULL;
    }
    j->stats.appended++;
    j->stats.records++;
    j->stats.bytes += bytes;
    pthread_mutex_lock(&j->lock);
    list_add_last(&j->waiting, &r->node);
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    return 0;
}

void journal_close(struct journal *j)
{
    if (j == NULL) return;
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    deliver(j);
    db_close(j->db);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    sl__free(j);
}

void journal_get_stats(const struct journal *j, struct journal_stats *out)
{
    *out = j->stats;
}
