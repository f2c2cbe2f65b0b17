/* SPDX-License-Identifier: MIT */
/* A journal on a store of its own, for its tests: what was told, in order. */
#ifndef HUB_JOURNAL_TEST_H
#define HUB_JOURNAL_TEST_H

#include "hub/journal.h"
#include "net/loop.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DONE_MAX 20000

struct fixture {
    char dir[64], path[96];
    sl_loop *loop;
    struct journal *journal;
    struct db *reader; /* sees what is committed, nothing else */
    int wanted, done;  /* the loop stops when done reaches wanted */
    int rc[DONE_MAX];
    int64_t seq[DONE_MAX];
    int64_t visible[DONE_MAX]; /* rows a reader saw when the completion ran */
    bool watch;
};

/* The thread is held up in a first record, so that all others wait and become one batch. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static sem_t at_gate; /* one for each record that the thread has come to */

static struct db *open_store(struct fixture *f)
{
    struct db *db = NULL;

    assert_int_equal(db_open(f->path, DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_migrate(db, NULL, spine_steps, SPINE_STEPS, NULL), 0);
    return db;
}

static inline void start(struct fixture *f, const struct journal_limits *limits,
                         const char *sql)
{
    struct db *db = open_store(f);

    if (sql != NULL) assert_int_equal(db_exec(db, sql, NULL), 0);
    assert_int_equal(db_open(f->path, DB_READ, &f->reader, NULL), 0);
    assert_int_equal(journal_open(f->loop, db, limits, &f->journal), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (f == NULL) return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/sluice-journal-XXXXXX");
    if (mkdtemp(f->dir) == NULL) return -1;
    snprintf(f->path, sizeof f->path, "%s/sluice.db", f->dir);
    if (sl_loop_new(&f->loop) < 0) return -1;
    sem_init(&at_gate, 0, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const suffix[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;
    char path[128];

    journal_close(f->journal);
    db_close(f->reader);
    sl_loop_free(f->loop);
    for (size_t i = 0; i < sizeof suffix / sizeof suffix[0]; i++) {
        snprintf(path, sizeof path, "%s%s", f->path, suffix[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

static int64_t number(struct db *db, const char *sql)
{
    struct stmt *s = db_stmt(db, sql);
    int64_t v;

    assert_non_null(s);
    assert_int_equal(stmt_step(s), 1);
    v = stmt_i64(s, 0);
    stmt_reset(s);
    return v;
}

static const char count_sql[] = "SELECT count(*) FROM record";

static void on_done(struct record *r, const struct outcome *out)
{
    struct fixture *f = r->user;

    assert_in_range(f->done, 0, DONE_MAX - 1);
    f->rc[f->done] = out->rc;
    f->seq[f->done] = out->seq;
    if (f->watch) f->visible[f->done] = number(f->reader, count_sql);
    if (++f->done == f->wanted) sl_loop_stop(f->loop, 0);
}

static const struct record_kind plain = {.system = "test", .name = "plain"};

static struct record *make(struct fixture *f, const struct record_kind *kind, sl_str body)
{
    struct record *r = record_new(kind, SL_STR("cam-1"), body);

    assert_non_null(r);
    r->on_done = on_done;
    r->user = f;
    return r;
}

static inline void append(struct fixture *f, const struct record_kind *kind, sl_str body)
{
    assert_int_equal(journal_append(f->journal, make(f, kind, body)), 0);
}

static inline void run_until(struct fixture *f, int wanted)
{
    f->wanted = wanted;
    assert_int_equal(sl_loop_run(f->loop), 0);
    assert_int_equal(f->done, wanted);
}

static int apply_waiting(struct db *tx, const struct record *r, struct outcome *out)
{
    (void)tx;
    (void)r;
    (void)out;
    sem_post(&at_gate);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return 0;
}

/* The turn in which it was appended is over: the thread comes to it. */
static inline void wait_at_gate(struct fixture *f)
{
    struct timespec until;

    sl__loop_finish_turn(f->loop);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    assert_int_equal(sem_timedwait(&at_gate, &until), 0);
}

static const struct record_kind slow = {"test", "slow", .apply = apply_waiting};

#endif
