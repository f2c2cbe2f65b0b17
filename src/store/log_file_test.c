/* SPDX-License-Identifier: MIT */
#include "store/log_file.h"

#include "base/alloc.h"
#include "store/db.h"
#include "store/disk.h"

#include <sqlite3.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL_BYTES (600 * 1024)

struct fixture {
    char dir[64], path[96];
    sqlite3_file *file;
    uint8_t *model;
    int64_t len; /* of the model */
};

static int open_log(struct fixture *f)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(log_file_vfs());
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL, got;

    f->file = calloc(1, (size_t)vfs->szOsFile);
    return vfs->xOpen(vfs, f->path, f->file, flags, &got);
}

static void close_log(struct fixture *f)
{
    if (f->file == NULL) return;
    assert_int_equal(f->file->pMethods->xClose(f->file), SQLITE_OK);
    free(f->file);
    f->file = NULL;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char aligned[128] = {0}; /* SQLite looks behind a name for its parameters */

    snprintf(f->dir, sizeof f->dir, "/tmp/sluice-log-XXXXXX");
    if (mkdtemp(f->dir) == NULL) return -1;
    snprintf(aligned, sizeof aligned, "%s/a", f->dir);
    if (close(creat(aligned, 0600)) < 0) return -1; /* a log gets the mode of its database */
    snprintf(aligned, sizeof aligned, "%s/a-wal", f->dir);
    memcpy(f->path, aligned, sizeof f->path);
    f->model = calloc(1, MODEL_BYTES);
    disk_watch();
    *state = f;
    return open_log(f) == SQLITE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];

    disk_break(0, 0);
    close_log(f);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    if (system(command) != 0) return -1;
    free(f->model);
    free(f);
    return 0;
}

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % sides;
}

static int put(struct fixture *f, int64_t at, uint8_t with, int n)
{
    memset(f->model + at, with, (size_t)n);
    if (at + n > f->len) f->len = at + n;
    return f->file->pMethods->xWrite(f->file, f->model + at, n, at);
}

/* What a reader with a file of its own sees. */
static void assert_on_disk(struct fixture *f)
{
    uint8_t *got = malloc(MODEL_BYTES);
    FILE *file = fopen(f->path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(got, 1, MODEL_BYTES, file);
    fclose(file);
    assert_true((int64_t)n >= f->len);
    assert_memory_equal(got, f->model, (size_t)f->len);
    for (size_t i = (size_t)f->len; i < n; i++)
        assert_int_equal(got[i], 0); /* no frame's */
    free(got);
}

static void read_some(struct fixture *f, uint32_t *seed)
{
    static uint8_t got[8192];
    int64_t at = dice(seed, (uint32_t)f->len + 1);
    int n = f->len - at < (int64_t)sizeof got ? (int)(f->len - at) : (int)sizeof got;

    assert_int_equal(f->file->pMethods->xRead(f->file, got, n, at), SQLITE_OK);
    assert_memory_equal(got, f->model + at, (size_t)n);
}

/* Any order of writes, reads, syncs: the file holds what was written, then zeros. */
static void test_it_is_a_file(void **state)
{
    struct fixture *f = *state;
    uint32_t seed = 3;
    int64_t at = 0;

    for (int i = 0; i < 1500; i++) {
        int n = (int)(dice(&seed, 4) == 0 ? 24 : dice(&seed, 6) == 0 ? 66000 : 4096);

        if (dice(&seed, 40) == 0) at = dice(&seed, (uint32_t)f->len + 1); /* begins again */
        if (at + n > MODEL_BYTES) at = 0;
        assert_int_equal(put(f, at, (uint8_t)(1 + dice(&seed, 255)), n), SQLITE_OK);
        at += n;
        if (dice(&seed, 5) == 0) read_some(f, &seed);
        if (dice(&seed, 7) != 0) continue;
        assert_int_equal(f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL), SQLITE_OK);
        assert_on_disk(f);
    }
}

static int64_t size_on_disk(const struct fixture *f)
{
    struct stat st;

    assert_int_equal(stat(f->path, &st), 0);
    return st.st_size;
}

static void test_frames_leave_in_one_write_before_the_sync(void **state)
{
    struct fixture *f = *state;
    uint64_t before;

    disk_write_for(DISK_JOURNAL);
    before = disk_written_bytes(DISK_JOURNAL);
    for (int i = 0; i < 8; i++)
        assert_int_equal(put(f, i * 4120, 7, 4120), SQLITE_OK);
    assert_int_equal(disk_written_bytes(DISK_JOURNAL), before);
    assert_int_equal(f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_on_disk(f);
    disk_write_for(DISK_OTHER);
}

static void test_it_grows_ahead_and_then_not(void **state)
{
    struct fixture *f = *state;
    int64_t grown;

    assert_int_equal(put(f, 0, 1, 4096), SQLITE_OK);
    assert_int_equal(f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    grown = size_on_disk(f);
    assert_true(grown >= 64 * 1024);
    for (int64_t at = 4096; at + 4096 <= grown; at += 4096) {
        assert_int_equal(put(f, at, 2, 4096), SQLITE_OK);
        assert_int_equal(f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL), SQLITE_OK);
        assert_int_equal(size_on_disk(f), grown);
    }
    assert_int_equal(put(f, grown, 3, 1), SQLITE_OK);
    assert_int_equal(f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_true(size_on_disk(f) >= 2 * grown);
}

static void test_a_size_is_what_was_written_at_least(void **state)
{
    struct fixture *f = *state;
    sqlite3_int64 size = 0;

    assert_int_equal(put(f, 0, 1, 4096), SQLITE_OK);
    assert_int_equal(f->file->pMethods->xFileSize(f->file, &size), SQLITE_OK);
    assert_true(size >= 4096);
    assert_int_equal(f->file->pMethods->xTruncate(f->file, 100), SQLITE_OK);
    assert_int_equal(size_on_disk(f), 100);
    assert_int_equal(put(f, 100, 1, 10), SQLITE_OK);
    close_log(f);
    f->len = 110;
    memset(f->model, 1, 110);
    memset(f->model + 110, 0, MODEL_BYTES - 110);
    assert_on_disk(f);
}

static void test_a_write_that_fails_is_told_by_the_sync_at_the_latest(void **state)
{
    struct fixture *f = *state;
    int rc;

    disk_break(ENOSPC, 0);
    rc = put(f, 0, 1, 4096);
    if (rc == SQLITE_OK) rc = f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL);
    assert_int_equal(rc & 0xff, SQLITE_FULL);
    disk_break(0, 0);
    assert_int_equal(put(f, 0, 2, 4096), SQLITE_OK);
    assert_int_equal(f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_on_disk(f);
}

static void test_without_memory_it_writes_at_once(void **state)
{
    struct fixture *f = *state;

    sl__alloc_fail_after(0);
    assert_int_equal(put(f, 0, 9, 4096), SQLITE_OK);
    sl__alloc_fail_after(-1);
    assert_on_disk(f);
}

/* ---- with SQLite: what a crash leaves is read again, zeros and all ---- */

static void copy_as_it_is(const struct fixture *f, const char *from, const char *to)
{
    char command[300];

    snprintf(command, sizeof command, "cp %s/%s %s/%s && cp %s/%s-wal %s/%s-wal", f->dir, from,
             f->dir, to, f->dir, from, f->dir, to);
    assert_int_equal(system(command), 0);
}

static int64_t count_rows(struct db *db)
{
    struct stmt *s = db_stmt(db, "SELECT count(*) FROM t");
    int64_t n;

    assert_non_null(s);
    assert_int_equal(stmt_step(s), 1);
    n = stmt_i64(s, 0);
    stmt_reset(s);
    return n;
}

static void test_what_a_crash_leaves_holds_every_commit(void **state)
{
    struct fixture *f = *state;
    char path[96], copy[96];
    struct db *db, *again;

    snprintf(path, sizeof path, "%s/s.db", f->dir);
    snprintf(copy, sizeof copy, "%s/c.db", f->dir);
    assert_int_equal(db_open(path, DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_exec(db, "CREATE TABLE t(x)", NULL), 0);
    for (int i = 1; i <= 60; i++) {
        assert_int_equal(db_exec(db, "INSERT INTO t VALUES(randomblob(9000))", NULL), 0);
        if (i % 20 == 0) assert_int_equal(db_checkpoint(db, DB_PASSIVE, 0, NULL), 0);
        if (i % 7 != 0) continue;
        copy_as_it_is(f, "s.db", "c.db");
        assert_int_equal(db_open(copy, DB_WRITE, &again, NULL), 0);
        assert_int_equal(count_rows(again), i);
        db_close(again);
    }
    db_close(db);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_it_is_a_file),
        CASE(test_frames_leave_in_one_write_before_the_sync),
        CASE(test_it_grows_ahead_and_then_not),
        CASE(test_a_size_is_what_was_written_at_least),
        CASE(test_a_write_that_fails_is_told_by_the_sync_at_the_latest),
        CASE(test_without_memory_it_writes_at_once),
        CASE(test_what_a_crash_leaves_holds_every_commit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
