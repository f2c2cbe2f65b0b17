/* SPDX-License-Identifier: MIT */
#include "store/db.h"

#include "base/alloc.h"
#include "store/lock.h"

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
#include <sys/wait.h>
#include <unistd.h>

struct folder {
    char dir[64], path[96];
};

static int set_up(void **state)
{
    struct folder *f = calloc(1, sizeof *f);

    if (f == NULL) return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/sluice-db-XXXXXX");
    if (mkdtemp(f->dir) == NULL) return -1;
    snprintf(f->path, sizeof f->path, "%s/sluice.db", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const left[] = {"sluice.db", "sluice.db-wal", "sluice.db-shm", "lock"};
    struct folder *f = *state;
    char path[128];

    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, left[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

static struct db *open_ok(const char *path, enum db_mode mode)
{
    struct db *db = NULL;
    sl_error err = {0};

    if (db_open(path, mode, &db, &err) < 0) fail_msg("%s: %s", err.where, err.text);
    return db;
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

static void test_pragmas_of_a_writer(void **state)
{
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    struct stmt *s;

    assert_int_equal(number(db, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(number(db, "PRAGMA synchronous"), 2);
    assert_int_equal(number(db, "PRAGMA application_id"), 0x536c6365);
    s = db_stmt(db, "PRAGMA journal_mode");
    assert_int_equal(stmt_step(s), 1);
    assert_true(sl_str_eq(stmt_str(s, 0), SL_STR("wal")));
    db_close(db);

    db = open_ok(f->path, DB_WRITE); /* and they hold when the file is there already */
    assert_int_equal(number(db, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(number(db, "PRAGMA synchronous"), 2);
    db_close(db);
}

static void test_values_come_back_as_they_went(void **state)
{
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    struct stmt *s;

    assert_int_equal(db_exec(db, "CREATE TABLE t(a, b, c, d, e)", NULL), 0);
    s = db_stmt(db, "INSERT INTO t VALUES(?, ?, ?, ?, ?)");
    assert_non_null(s);
    stmt_bind_i64(s, 1, INT64_MIN);
    stmt_bind_f64(s, 2, 0.1);
    stmt_bind_str(s, 3, (sl_str){"a\0b", 3});
    stmt_bind_str(s, 4, (sl_str){NULL, 0});
    stmt_bind_str(s, 5, SL_STR(""));
    assert_int_equal(stmt_run(s), 0);
    assert_int_equal(db_last_id(db), 1);

    s = db_stmt(db, "SELECT a, b, c, d, e FROM t");
    assert_int_equal(stmt_step(s), 1);
    assert_true(stmt_i64(s, 0) == INT64_MIN);
    assert_true(stmt_f64(s, 1) == 0.1);
    assert_true(sl_str_eq(stmt_str(s, 2), ((sl_str){"a\0b", 3})));
    assert_true(stmt_is_null(s, 3));
    assert_false(stmt_is_null(s, 4));
    assert_int_equal(stmt_str(s, 4).len, 0);
    assert_int_equal(stmt_step(s), 0);
    db_close(db);
}

static void test_a_statement_is_prepared_once_and_comes_back_clean(void **state)
{
    static const char sql[] = "SELECT ?";
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    struct stmt *s = db_stmt(db, sql);

    stmt_bind_i64(s, 1, 7);
    assert_int_equal(stmt_step(s), 1);
    assert_ptr_equal(db_stmt(db, sql), s);
    assert_int_equal(stmt_step(s), 1);
    assert_true(stmt_is_null(s, 0));
    db_close(db);
}

static void test_a_failed_bind_comes_back_from_the_step(void **state)
{
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    struct stmt *s = db_stmt(db, "SELECT ?");

    stmt_bind_i64(s, 2, 1); /* there is no second */
    stmt_bind_i64(s, 1, 1);
    assert_int_equal(stmt_step(s), SL_E_DB);
    stmt_bind_i64(s, 1, 1);
    assert_int_equal(stmt_step(s), 1);
    db_close(db);
}

static void test_sql_that_does_not_compile(void **state)
{
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    sl_error err = {0};

    assert_null(db_stmt(db, "SELECT x FROM nowhere"));
    assert_int_equal(db_fail(db, &err), SL_E_DB);
    assert_non_null(strstr(err.text, "nowhere"));
    assert_int_equal(number(db, "SELECT 1"), 1);
    db_close(db);
}

static void test_steps_are_taken_once_each(void **state)
{
    static const char *const step[] = {"CREATE TABLE a(x)", "INSERT INTO a VALUES(1)"};
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);

    assert_int_equal(db_migrate(db, NULL, step, 1, NULL), 0);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(db_migrate(db, NULL, step, 2, NULL), 0);
    assert_int_equal(db_migrate(db, NULL, step, 2, NULL), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM a"), 1);
    db_close(db);
}

static void test_a_step_that_fails_leaves_nothing(void **state)
{
    static const char *const step[] = {"CREATE TABLE a(x)",
                                       "INSERT INTO a VALUES(1); INSERT INTO no VALUES(1)"};
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    sl_error err = {0};

    assert_int_equal(db_migrate(db, NULL, step, 2, &err), SL_E_DB);
    assert_non_null(strstr(err.text, "no such table"));
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM a"), 0);
    assert_false(db_in_transaction(db));
    db_close(db);
}

static void test_a_newer_store_is_refused(void **state)
{
    static const char *const own[] = {
        "CREATE TABLE schema(system TEXT PRIMARY KEY, version INTEGER NOT NULL)"};
    static const char *const step[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x)"};
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    sl_error err = {0};

    assert_int_equal(db_migrate(db, NULL, own, 1, NULL), 0);
    assert_int_equal(db_migrate(db, "glass", step, 2, NULL), 0);
    assert_int_equal(db_migrate(db, "glass", step, 1, &err), SL_E_DB_NEWER);
    assert_string_equal(err.where, "glass");
    assert_int_equal(db_exec(db, "PRAGMA user_version=7", NULL), 0);
    assert_int_equal(db_migrate(db, NULL, own, 1, &err), SL_E_DB_NEWER);
    assert_non_null(strstr(err.text, "newer"));
    db_close(db);
}

static void test_a_foreign_database_is_refused(void **state)
{
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    sl_error err = {0};

    assert_int_equal(db_exec(db, "CREATE TABLE a(x); PRAGMA application_id=1", NULL), 0);
    db_close(db);
    assert_int_equal(db_open(f->path, DB_WRITE, &db, &err), SL_E_DB);
    assert_null(db);
    assert_non_null(strstr(err.text, "not one of Sluice's"));
}

static void test_a_text_file_is_refused(void **state)
{
    struct folder *f = *state;
    FILE *file = fopen(f->path, "w");
    struct db *db;

    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_int_equal(db_open(f->path, DB_WRITE, &db, NULL), -EUCLEAN);
    assert_null(db);
}

static void test_a_reader_cannot_write_and_needs_the_file(void **state)
{
    struct folder *f = *state;
    struct db *db, *reader;

    assert_true(db_open(f->path, DB_READ, &reader, NULL) < 0);
    db = open_ok(f->path, DB_WRITE);
    assert_int_equal(db_exec(db, "CREATE TABLE a(x); INSERT INTO a VALUES(1)", NULL), 0);
    reader = open_ok(f->path, DB_READ);
    assert_int_equal(number(reader, "SELECT count(*) FROM a"), 1);
    assert_true(db_exec(reader, "INSERT INTO a VALUES(2)", NULL) < 0);
    db_close(reader);
    db_close(db);
}

static void test_a_full_disk_has_its_own_code(void **state)
{
    struct folder *f = *state;
    struct db *db = open_ok(f->path, DB_WRITE);
    sl_error err = {0};

    assert_int_equal(db_exec(db, "CREATE TABLE a(x); PRAGMA max_page_count=10", NULL), 0);
    assert_int_equal(db_exec(db, "INSERT INTO a VALUES(zeroblob(1000000))", &err), -28);
    db_close(db);
}

static void test_open_without_memory(void **state)
{
    struct folder *f = *state;
    struct db *db;

    sl__alloc_fail_after(0);
    assert_int_equal(db_open(f->path, DB_WRITE, &db, NULL), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_null(db);
}

static void test_a_folder_has_one_holder(void **state)
{
    struct folder *f = *state;
    sl_error err = {0};
    int first, second;

    assert_int_equal(lock_take(f->dir, &first, NULL), 0);
    assert_int_equal(lock_take(f->dir, &second, &err), SL_E_BUSY);
    assert_int_equal(second, -1);
    assert_non_null(strstr(err.text, "another sluice already uses"));
    assert_non_null(strstr(err.text, f->dir));
    lock_release(first);
    assert_int_equal(lock_take(f->dir, &second, NULL), 0);
    lock_release(second);
}

static void test_the_kernel_frees_the_lock_of_a_dead_holder(void **state)
{
    struct folder *f = *state;
    int fd, status;
    pid_t pid = fork();

    if (pid == 0) _exit(lock_take(f->dir, &fd, NULL) == 0 ? 0 : 1); /* never released */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(lock_take(f->dir, &fd, NULL), 0);
    lock_release(fd);
}

static void test_a_folder_that_cannot_be_made(void **state)
{
    sl_error err = {0};
    int fd;

    (void)state;
    assert_true(lock_take("/proc/no/where", &fd, &err) < 0);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(err.text, "cannot make"));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_pragmas_of_a_writer),
        CASE(test_values_come_back_as_they_went),
        CASE(test_a_statement_is_prepared_once_and_comes_back_clean),
        CASE(test_a_failed_bind_comes_back_from_the_step),
        CASE(test_sql_that_does_not_compile),
        CASE(test_steps_are_taken_once_each),
        CASE(test_a_step_that_fails_leaves_nothing),
        CASE(test_a_newer_store_is_refused),
        CASE(test_a_foreign_database_is_refused),
        CASE(test_a_text_file_is_refused),
        CASE(test_a_reader_cannot_write_and_needs_the_file),
        CASE(test_a_full_disk_has_its_own_code),
        CASE(test_open_without_memory),
        CASE(test_a_folder_has_one_holder),
        CASE(test_the_kernel_frees_the_lock_of_a_dead_holder),
        CASE(test_a_folder_that_cannot_be_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
