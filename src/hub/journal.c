/* SPDX-License-Identifier: MIT */
#include "hub/journal.h"

#include "sluice/log.h"

#include "base/alloc.h"

#include <pthread.h>

#define MIB (1024 * 1024)

struct journal {
    sl_loop *loop;
    struct db *db; /* the thread's, while it runs */
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
};

/* ---- the journal's thread ---- */

static int run(struct db *db, const char *sql)
{
    struct stmt *s = db_stmt(db, sql);

    return s != NULL ? stmt_run(s) : db_fail(db, NULL);
}

static int insert(struct db *db, const struct record *r)
{
    struct stmt *s = db_stmt(db, "INSERT INTO record(id, system, kind, device, hub_at,"
                                 " device_at, body) VALUES(?, ?, ?, ?, ?, ?, ?)");

    if (s == NULL) return db_fail(db, NULL);
    stmt_bind_str(s, 1, (sl_str){r->id, RECORD_ID_SIZE - 1});
    stmt_bind_str(s, 2, sl_str_of(r->kind->system));
    stmt_bind_str(s, 3, sl_str_of(r->kind->name));
    stmt_bind_str(s, 4, r->device);
    stmt_bind_i64(s, 5, r->hub_at.us);
    if (r->has_device_at) stmt_bind_i64(s, 6, r->device_at.us);
    stmt_bind_str(s, 7, r->body);
    return stmt_run(s);
}

/* A record that fails leaves nothing behind, and the batch goes on without it. */
static int write_record(struct db *db, struct record *r)
{
    struct outcome *out = &r->outcome;
    int rc = run(db, "SAVEPOINT record");

    if (rc < 0) return rc;
    rc = insert(db, r);
    if (rc == 0) {
        out->seq = db_last_id(db);
        if (r->kind->apply != NULL) rc = r->kind->apply(db, r, out);
    }
    if (rc < 0 && db_in_transaction(db) && run(db, "ROLLBACK TO record") < 0) return rc;
    if (!db_in_transaction(db)) return rc < 0 ? rc : SL_E_DB;
    return run(db, "RELEASE record") < 0 && rc == 0 ? SL_E_DB : rc;
}

/* All or nothing, but for records that failed by themselves. */
static int write_all(struct db *db, struct list *batch)
{
    int rc = run(db, "BEGIN IMMEDIATE");

    if (rc < 0) return rc;
    for (struct list *n = batch->next; n != batch; n = n->next) {
        struct record *r = LIST_ENTRY(n, struct record, node);

        r->outcome.rc = write_record(db, r);
        /* A full disk may end the whole transaction (SQLite, "Response To Errors Within A
         * Transaction"): then nothing of the batch is in it any more. */
        if (!db_in_transaction(db)) return r->outcome.rc;
    }
    return run(db, "COMMIT");
}

static void write_batch(struct db *db, struct list *batch)
{
    int rc = write_all(db, batch);

    if (rc < 0) {
        sl_error err = {0};

        (void)db_fail(db, &err); /* in SQLite's own words */
        SL_ERROR("journal", "msg=\"a batch was not stored\" code=%d cause=\"%s\"", rc,
                 err.text);
        if (db_in_transaction(db)) (void)run(db, "ROLLBACK");
    }
    for (struct list *n = batch->next; n != batch; n = n->next) {
        struct outcome *out = &LIST_ENTRY(n, struct record, node)->outcome;

        if (out->rc == 0) out->rc = rc;
        if (out->rc < 0) out->seq = 0;
    }
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
        if (r->outcome.rc == 0) {
            j->stats.stored++;
        } else {
            j->stats.failed++;
        }
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
        write_batch(j->db, &batch);
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

int journal_open(sl_loop *loop, struct db *db, const struct journal_limits *limits,
                 struct journal **out)
{
    struct journal *j;
    int rc;

    *out = NULL;
    j = sl__zalloc(sizeof *j);
    if (j == NULL) return SL_E_NOMEM;
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
