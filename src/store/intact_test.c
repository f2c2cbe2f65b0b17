/* SPDX-License-Identifier: MIT */
/* What a writer refuses to open, and that it leaves no mark on it. */
#include "store/intact.h"

#include "base/alloc.h"
#include "store/intact_log.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE     4096
#define FRAME    (24 + PAGE)
#define HEADER   32
#define COMMITS  6
#define FILE_MAX (256 * 1024)

struct bytes {
    size_t len;
    uint8_t at[FILE_MAX];
};

struct folder {
    char dir[64], path[96], log[96];
    struct bytes db, wal;    /* as they lie there now */
    size_t end[COMMITS + 1]; /* of the log, behind each commit */
};

static void read_file(const char *path, struct bytes *b)
{
    FILE *f = fopen(path, "rb");

    b->len = f != NULL ? fread(b->at, 1, sizeof b->at, f) : 0;
    if (f != NULL) fclose(f);
    assert_true(b->len < sizeof b->at);
}

static void write_file(const char *path, const struct bytes *b)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(b->at, 1, b->len, f), b->len);
    fclose(f);
}

/* Where the log's own frames end: what has grown ahead is zeros. */
static size_t log_end(const struct bytes *wal)
{
    size_t end = HEADER;

    while (end + FRAME <= wal->len && memcmp(wal->at + end + 8, wal->at + 16, 8) == 0)
        end += FRAME;
    return end;
}

/* A table of one page with a row, and a log with COMMITS more. Then as after a kill. */
static int set_up(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    struct db *db;

    if (f == NULL) return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/sluice-intact-XXXXXX");
    if (mkdtemp(f->dir) == NULL) return -1;
    snprintf(f->path, sizeof f->path, "%s/sluice.db", f->dir);
    snprintf(f->log, sizeof f->log, "%s/sluice.db-wal", f->dir);
    if (db_open(f->path, DB_WRITE, &db, NULL) < 0) return -1;
    if (db_exec(db, "CREATE TABLE t(x); INSERT INTO t VALUES(0)", NULL) < 0) return -1;
    db_close(db);
    if (db_open(f->path, DB_WRITE, &db, NULL) < 0) return -1;
    f->end[0] = HEADER;
    for (int i = 1; i <= COMMITS; i++) {
        if (db_exec(db, "INSERT INTO t VALUES(zeroblob(3000))", NULL) < 0) return -1;
        read_file(f->log, &f->wal);
        f->end[i] = log_end(&f->wal);
    }
    db_close_as_it_is(db);
    read_file(f->path, &f->db);
    read_file(f->log, &f->wal);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const left[] = {"sluice.db", "sluice.db-wal", "sluice.db-shm",
                                       "sluice-3-20260301T093000.120Z.db"};
    struct folder *f = *state;
    char path[128];

    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, left[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/media", f->dir);
    rmdir(path);
    rmdir(f->dir);
    free(f);
    return 0;
}

/* How many rows there are, or why not. */
static int64_t rows_in(const struct folder *f, sl_error *err)
{
    struct db *db;
    struct stmt *s;
    int64_t n;
    int rc = db_open(f->path, DB_WRITE, &db, err);

    if (rc < 0) return rc;
    s = db_stmt(db, "SELECT count(*) FROM t");
    assert_non_null(s);
    assert_int_equal(stmt_step(s), 1);
    n = stmt_i64(s, 0);
    stmt_reset(s);
    db_close(db);
    return n;
}

static void assert_refused(struct folder *f, const char *told)
{
    static struct bytes now;
    sl_error err = {0};

    write_file(f->path, &f->db);
    write_file(f->log, &f->wal);
    assert_int_equal(rows_in(f, &err), -EUCLEAN);
    if (strstr(err.text, told) == NULL) fail_msg("%s", err.text);
    assert_non_null(strstr(err.where, f->path));
    assert_non_null(strstr(err.text, "nothing was changed"));
    assert_true(strlen(err.text) < sizeof err.text - 1); /* it was not cut short */
    read_file(f->path, &now);
    assert_int_equal(now.len, f->db.len);
    assert_memory_equal(now.at, f->db.at, now.len);
    read_file(f->log, &now);
    assert_int_equal(now.len, f->wal.len);
    assert_memory_equal(now.at, f->wal.at, now.len);
}

static void test_what_is_intact_opens(void **state)
{
    struct folder *f = *state;
    struct log_state log;

    assert_int_equal(intact_log_read(f->log, &log), 0);
    assert_true(log.has_something);
    assert_false(log.is_damaged);
    assert_int_equal(rows_in(f, NULL), 1 + COMMITS);
    assert_int_equal(rows_in(f, NULL), 1 + COMMITS); /* and again, without a log */
    assert_int_equal(intact_log_read(f->log, &log), 0);
    assert_false(log.has_something);
}

/* ---- the log: which byte is wrong, in which commit, and what stays ---- */

enum part { SUMS, IMAGE, MARK };
#define REFUSED -1

static const struct {
    const char *name;
    int commit;
    enum part part;
    int rows;
} flips[] = {
    {"the first commit's page",            1, IMAGE, REFUSED    },
    {"the first commit's sums",            1, SUMS,  REFUSED    },
    {"the first commit is no longer one",  1, MARK,  REFUSED    },
    {"one in the middle",                  3, IMAGE, REFUSED    },
    {"the last but one",                   5, IMAGE, REFUSED    },
    {"the last but one, its sums: torn?",  5, SUMS,  COMMITS - 1},
    {"the last one: a power cut may have", 6, IMAGE, COMMITS    },
};

static void test_damage_in_the_log(void **state)
{
    struct folder *f = *state;
    static struct bytes wal;

    wal = f->wal;
    for (size_t i = 0; i < sizeof flips / sizeof flips[0]; i++) {
        static const size_t at[] = {[SUMS] = 16, [IMAGE] = 24 + 100, [MARK] = 4 + 3};
        size_t frame = f->end[flips[i].commit] - FRAME;

        f->wal = wal;
        f->wal.at[frame + at[flips[i].part]] ^=
            flips[i].part == MARK ? f->wal.at[frame + 7] : 1;
        if (flips[i].rows == REFUSED) {
            assert_refused(f, "the log is damaged at byte ");
            continue;
        }
        write_file(f->path, &f->db);
        write_file(f->log, &f->wal);
        if (rows_in(f, NULL) != flips[i].rows) fail_msg("%s", flips[i].name);
    }
}

static void test_the_cure_that_is_told_works(void **state)
{
    struct folder *f = *state;
    sl_error err = {0};
    const char *bytes;

    f->wal.at[f->end[3] - 100] ^= 1;
    write_file(f->log, &f->wal);
    assert_int_equal(rows_in(f, &err), -EUCLEAN);
    bytes = strstr(err.text, "truncate -s ");
    assert_non_null(bytes);
    assert_int_equal(truncate(f->log, strtol(bytes + 12, NULL, 10)), 0);
    assert_int_equal(rows_in(f, NULL), 1 + 2);
}

static void test_a_log_without_its_head(void **state)
{
    struct folder *f = *state;

    f->wal.at[9] ^= 1;
    assert_refused(f, "the log is damaged at byte 0 ");
    memset(f->wal.at, 0, HEADER);
    assert_refused(f, "the log is damaged at byte 0 ");
    memset(f->wal.at, 0, f->wal.len); /* begun, and the power was cut */
    write_file(f->log, &f->wal);
    assert_int_equal(rows_in(f, NULL), 1);
}

/* What was written before the log began again is older: it is nothing that is lost. */
static void test_what_is_left_of_an_older_log(void **state)
{
    struct folder *f = *state;
    struct db *db;

    assert_int_equal(db_open(f->path, DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_checkpoint(db, DB_PASSIVE, 0, NULL), 0);
    assert_int_equal(db_exec(db, "INSERT INTO t VALUES(1)", NULL), 0); /* in front again */
    db_close_as_it_is(db);
    assert_int_equal(rows_in(f, NULL), 2 + COMMITS);
}

/* ---- the database ---- */

static void test_damage_in_the_database(void **state)
{
    static const struct {
        const char *told;
        size_t at;
        uint8_t byte;
    } rows[] = {
        {"file is not a database", 0,        'X' },
        {"damaged (",              100,      0x00}, /* no page of a table */
        {"damaged (",              PAGE + 5, 0xff}, /* the map of pages */
    };
    struct folder *f = *state;
    static struct bytes db;

    assert_int_equal(rows_in(f, NULL), 1 + COMMITS); /* moves the log */
    read_file(f->path, &f->db);
    f->wal.len = 0;
    db = f->db;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f->db = db;
        f->db.at[rows[i].at] = rows[i].byte;
        assert_refused(f, rows[i].told);
    }
    for (size_t page = PAGE; page < db.len; page += PAGE) {
        f->db = db;
        memset(f->db.at + page, 0, PAGE);
        assert_refused(f, "the database is damaged (");
    }
    f->db = db;
    f->db.len -= PAGE;
    assert_refused(f, "the database is damaged (");
}

static void test_an_empty_database_beside_something(void **state)
{
    struct folder *f = *state;
    char path[128];

    f->db.len = 1; /* to SQLite that is none, either */
    assert_refused(f, "empty or missing, but beside it are a log");
    f->db.len = 0;
    assert_refused(f, "empty or missing, but beside it are a log");
    unlink(f->path);
    assert_int_equal(rows_in(f, NULL), -EUCLEAN);
    assert_int_not_equal(access(f->path, F_OK), 0);

    f->wal.len = 0;
    snprintf(path, sizeof path, "%s/sluice-3-20260301T093000.120Z.db", f->dir);
    write_file(path, &f->wal);
    assert_refused(f, "beside it are snapshots");
    unlink(path);
    snprintf(path, sizeof path, "%s/media", f->dir);
    assert_int_equal(mkdir(path, 0750), 0);
    assert_refused(f, "beside it are pictures");
}

/* Somebody has moved all three away: that is how a store is begun anew. */
static void test_none_beside_pictures(void **state)
{
    struct folder *f = *state;
    struct db *db;
    char path[128];

    snprintf(path, sizeof path, "%s/media", f->dir);
    assert_int_equal(mkdir(path, 0750), 0);
    unlink(f->path);
    unlink(f->log);
    assert_int_equal(db_open(f->path, DB_WRITE, &db, NULL), 0);
    db_close(db);
}

static void test_a_version_that_was_never_written(void **state)
{
    static const char *const step[] = {"CREATE TABLE u(x)"};
    struct folder *f = *state;
    sl_error err = {0};
    struct db *db;

    assert_int_equal(db_open(f->path, DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_exec(db, "PRAGMA user_version=-7", NULL), 0);
    assert_int_equal(db_migrate(db, NULL, step, 1, &err), -EUCLEAN);
    assert_non_null(strstr(err.text, "damaged (a version below 0)"));
    db_close(db);
}

static void test_each_allocation_may_fail(void **state)
{
    struct folder *f = *state;
    struct log_state log;
    int rc = -ENOMEM, n = 0;

    for (; rc == -ENOMEM; n++) {
        sl__alloc_fail_after(n);
        rc = intact_log_read(f->log, &log);
        sl__alloc_fail_after(-1);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(n, 3);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_intact_opens),
        CASE(test_damage_in_the_log),
        CASE(test_the_cure_that_is_told_works),
        CASE(test_a_log_without_its_head),
        CASE(test_what_is_left_of_an_older_log),
        CASE(test_damage_in_the_database),
        CASE(test_an_empty_database_beside_something),
        CASE(test_none_beside_pictures),
        CASE(test_a_version_that_was_never_written),
        CASE(test_each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("store/intact", tests, NULL, NULL);
}
