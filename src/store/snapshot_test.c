/* SPDX-License-Identifier: MIT */
#include "store/snapshot.h"

#include "store/cure.h"
#include "store/disk.h"
#include "store/place.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
    char dir[64], path[96];
};

static int set_up(void **state)
{
    struct folder *f = calloc(1, sizeof *f);

    disk_break(0, 0);
    if (f == NULL) return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/sluice-snapshot-XXXXXX");
    if (mkdtemp(f->dir) == NULL) return -1;
    snprintf(f->path, sizeof f->path, "%s/sluice.db", f->dir);
    *state = f;
    return 0;
}

/* Whatever is in the folder, by name; `visit` may be NULL: remove it. */
static int walk(struct folder *f, void (*visit)(struct folder *f, const char *name))
{
    DIR *dir = opendir(f->dir);
    char path[400];
    int n = 0;

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", f->dir, e->d_name);
        if (visit == NULL) unlink(path);
        if (visit != NULL && strncmp(e->d_name, "sluice-", 7) == 0) visit(f, e->d_name);
        if (strncmp(e->d_name, "sluice-", 7) == 0) n++;
    }
    closedir(dir);
    return n;
}

static int tear_down(void **state)
{
    struct folder *f = *state;

    disk_break(0, 0);
    walk(f, NULL);
    rmdir(f->dir);
    free(f);
    return 0;
}

static void ignore(struct folder *f, const char *name)
{
    (void)f;
    (void)name;
}

static int count_copies(struct folder *f)
{
    return walk(f, ignore);
}

static const char *const steps[] = {
    ("CREATE TABLE schema(system TEXT PRIMARY KEY, version INTEGER NOT NULL);"
     "CREATE TABLE a(x); INSERT INTO a VALUES(41)"),
    "UPDATE a SET x = 42",
    "UPDATE a SET x = 43",
};

static struct db *open_at(struct folder *f, int step_count)
{
    struct db *db = NULL;

    assert_int_equal(db_open(f->path, DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_migrate(db, NULL, steps, step_count, NULL), 0);
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

static void test_a_new_store_is_not_copied(void **state)
{
    struct folder *f = *state;

    db_close(open_at(f, 2));
    assert_int_equal(count_copies(f), 0);
    db_close(open_at(f, 2)); /* nor one that needs no step */
    assert_int_equal(count_copies(f), 0);
}

static void assert_holds_41(struct folder *f, const char *name)
{
    char path[400];
    struct db *db;

    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    assert_non_null(strstr(name, "sluice-1-2")); /* the version before, and the time */
    assert_int_equal(db_open(path, DB_READ, &db, NULL), 0);
    assert_int_equal(number(db, "SELECT x FROM a"), 41);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    db_close(db);
}

static void test_before_a_step_the_store_is_copied_once(void **state)
{
    static const char *const other[] = {"CREATE TABLE b(x)"};
    struct folder *f = *state;
    struct db *db;

    db_close(open_at(f, 1));
    db = open_at(f, 3);
    assert_int_equal(number(db, "SELECT x FROM a"), 43);
    assert_int_equal(db_migrate(db, "other", other, 1, NULL), 0);
    db_close(db);
    assert_int_equal(walk(f, assert_holds_41), 1);
}

static void test_the_newest_three_stay(void **state)
{
    struct folder *f = *state;
    struct db *db = open_at(f, 1);

    for (int64_t version = 8; version < 13; version++) {
        assert_int_equal(snapshot_take(db, version, NULL), 0);
        usleep(2000); /* names go by the millisecond */
    }
    db_close(db);
    assert_int_equal(count_copies(f), SNAPSHOTS_KEPT);
    assert_int_equal(walk(f, NULL), SNAPSHOTS_KEPT);
}

static void test_without_space_the_schema_stays_as_it_was(void **state)
{
    struct folder *f = *state;
    sl_error err = {0};
    struct db *db;

    db_close(open_at(f, 1));
    assert_int_equal(db_open(f->path, DB_WRITE, &db, NULL), 0);
    disk_break(ENOSPC, 0);
    assert_int_equal(db_migrate(db, NULL, steps, 2, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "no snapshot"));
    assert_non_null(strstr(err.text, "the disk is full: free space in "));
    disk_break(0, 0);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(count_copies(f), 0);
    assert_int_equal(db_migrate(db, NULL, steps, 2, &err), 0);
    assert_int_equal(count_copies(f), 1);
    db_close(db);
}

static void test_a_store_in_memory_has_no_copy(void **state)
{
    struct db *db;

    (void)state;
    assert_int_equal(db_open(":memory:", DB_WRITE, &db, NULL), 0);
    assert_int_equal(snapshot_take(db, 1, NULL), 0);
    db_close(db);
}

/* ---- what stands beside it: places, causes, bytes ---- */

static const struct {
    int64_t f_type;
    const char *name;
} places[] = {
    {0x6969,              "NFS"   },
    {0xff534d42,          "SMB"   },
    {(int32_t)0xff534d42, "SMB"   }, /* f_type is signed on some machines */
    {0xfe534d42,          "SMB"   },
    {0x01021997,          "9P"    },
    {0x0bd00bd0,          "Lustre"},
    {0xef53,              NULL    }, /* ext4 */
    {0x9123683e,          NULL    }, /* btrfs */
    {0x01021994,          NULL    }, /* tmpfs */
    {0x794c7630,          NULL    }, /* overlay */
    {0xf2f52010,          NULL    }, /* F2FS: SD cards */
};

static void test_places_by_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *name = place_network_name(places[i].f_type);

        if (places[i].name == NULL) {
            assert_null(name);
        } else {
            assert_string_equal(name, places[i].name);
        }
    }
    assert_string_equal(place_network_fuse("fuse.sshfs"), "sshfs");
    assert_null(place_network_fuse("fuse.gocryptfs"));
    assert_null(place_network_fuse("fuseblk"));
    assert_int_equal(place_check("/tmp", NULL), 0);
    assert_int_equal(place_check("/no/such/place", NULL), 0);
}

static void test_causes_name_the_folder(void **state)
{
    char text[160];

    (void)state;
    assert_string_equal(cure_text(-ENOSPC, "/data/sluice.db", text, sizeof text),
                        "the disk is full: free space in /data");
    assert_string_equal(cure_text(-ENOSPC, "/sluice.db", text, sizeof text),
                        "the disk is full: free space in /");
    assert_string_equal(cure_text(-EROFS, "", text, sizeof text),
                        "the disk is read-only: make it writable: the hub's data folder");
    assert_string_equal(cure_text(SL_E_NOMEM, "/data/x", text, sizeof text), "out of memory");
    assert_int_equal(strlen(cure_text(-EIO, "/data/sluice.db", text, 10)), 9);
    assert_int_equal(cure_status(-ENOSPC), 507);
    assert_int_equal(cure_status(SL_E_DB), 503);
    assert_false(cure_is_known(0));
    assert_true(cure_is_known(SL_E_BUSY));
}

static void test_bytes_are_counted_by_cause(void **state)
{
    struct folder *f = *state;
    struct db *db = open_at(f, 1);
    uint64_t journal = disk_written_bytes(DISK_JOURNAL);
    uint64_t other = disk_written_bytes(DISK_OTHER);
    uint64_t moved = disk_written_bytes(DISK_CHECKPOINT);

    assert_int_equal(disk_write_for(DISK_JOURNAL), DISK_OTHER);
    assert_int_equal(db_exec(db, "INSERT INTO a VALUES(zeroblob(100000))", NULL), 0);
    assert_true(disk_written_bytes(DISK_JOURNAL) - journal >= 100000);
    assert_true(db_wal_bytes(db) >= 100000);
    assert_int_equal(disk_written_bytes(DISK_OTHER), other);
    assert_int_equal(db_checkpoint(db, DB_PASSIVE, 0, NULL), 0);
    assert_true(disk_written_bytes(DISK_CHECKPOINT) - moved >= 100000);
    assert_int_equal(db_checkpoint(db, DB_TRUNCATE, 0, NULL), 0);
    assert_int_equal(db_wal_bytes(db), 0);
    assert_int_equal(disk_write_for(DISK_OTHER), DISK_JOURNAL);
    db_close(db);
}

static void test_truncating_waits_for_a_reader_no_longer_than_told(void **state)
{
    struct folder *f = *state;
    struct db *db = open_at(f, 1), *reader;

    assert_int_equal(db_open(f->path, DB_READ, &reader, NULL), 0);
    assert_int_equal(db_exec(reader, "BEGIN", NULL), 0);
    assert_int_equal(number(reader, "SELECT x FROM a"), 41);
    assert_int_equal(db_exec(db, "UPDATE a SET x = 7", NULL), 0);
    assert_int_equal(db_checkpoint(db, DB_TRUNCATE, 10, NULL), SL_E_BUSY);
    assert_int_equal(db_exec(reader, "COMMIT", NULL), 0);
    assert_int_equal(db_checkpoint(db, DB_TRUNCATE, 10, NULL), 0);
    db_close(reader);
    db_close(db);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_new_store_is_not_copied),
        CASE(test_before_a_step_the_store_is_copied_once),
        CASE(test_the_newest_three_stay),
        CASE(test_without_space_the_schema_stays_as_it_was),
        CASE(test_a_store_in_memory_has_no_copy),
        CASE(test_places_by_kind),
        CASE(test_causes_name_the_folder),
        CASE(test_bytes_are_counted_by_cause),
        CASE(test_truncating_waits_for_a_reader_no_longer_than_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
