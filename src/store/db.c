/* SPDX-License-Identifier: MIT */
#include "store/db.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "store/cure.h"
#include "store/db_inside.h"
#include "store/disk.h"
#include "store/intact.h"
#include "store/log_file.h"

#include <errno.h>
#include <stdio.h>

#define APPLICATION_ID  0x536c6365 /* "Slce" */
#define BUSY_TIMEOUT_MS 5000

/* Where SQLite only says "disk I/O error", the system's own number tells which. */
static int io_code(void)
{
    switch (disk_last_error()) {
    case ENOSPC:
    case EDQUOT: return -ENOSPC;
    case EROFS: return -EROFS;
    default: return -EIO;
    }
}

int db_code(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return 0;
    case SQLITE_NOMEM: return SL_E_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return SL_E_BUSY;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_TOOBIG: return SL_E_TOO_BIG;
    case SQLITE_READONLY: return -EROFS;
    case SQLITE_PERM: return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return -EUCLEAN;
    case SQLITE_IOERR: return io_code();
    default: return SL_E_DB;
    }
}

int db_fail_as(const struct db *db, int rc, sl_error *err)
{
    const char *path = db_path(db), *words;
    char text[sizeof err->text];

    if (!cure_is_known(rc) && db_code(sqlite3_errcode(db->raw)) == rc) {
        words = sqlite3_errmsg(db->raw);
    } else {
        words = cure_text(rc, path, text, sizeof text);
    }
    return sl_fail(err, rc, path, "%s", words);
}

int db_fail(const struct db *db, sl_error *err)
{
    int rc = db_code(sqlite3_extended_errcode(db->raw));

    return db_fail_as(db, rc ? rc : SL_E_DB, err);
}

const char *db_path(const struct db *db)
{
    const char *path = sqlite3_db_filename(db->raw, "main");

    return path != NULL ? path : "";
}

int db_exec(struct db *db, const char *sql, sl_error *err)
{
    if (sqlite3_exec(db->raw, sql, NULL, NULL, NULL) != SQLITE_OK) return db_fail(db, err);
    return 0;
}

bool db_in_transaction(const struct db *db)
{
    return sqlite3_get_autocommit(db->raw) == 0;
}

int64_t db_changes(const struct db *db)
{
    return sqlite3_total_changes64(db->raw);
}

int64_t db_last_id(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->raw);
}

/* ---- statements ---- */

struct stmt *db_stmt(struct db *db, const char *sql)
{
    struct stmt *s;

    for (int i = 0; i < db->n; i++) {
        if (db->stmt[i].sql != sql) continue;
        stmt_reset(&db->stmt[i]);
        return &db->stmt[i];
    }
    SL_ASSERT(db->n < STATEMENTS_MAX);
    s = &db->stmt[db->n];
    *s = (struct stmt){.sql = sql};
    if (sqlite3_prepare_v3(db->raw, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->raw, NULL)
        != SQLITE_OK) {
        return NULL;
    }
    db->n++;
    return s;
}

static void keep_first(struct stmt *s, int rc)
{
    if (s->rc == SQLITE_OK) s->rc = rc;
}

void stmt_bind_i64(struct stmt *s, int i, int64_t v)
{
    keep_first(s, sqlite3_bind_int64(s->raw, i, v));
}

void stmt_bind_f64(struct stmt *s, int i, double v)
{
    keep_first(s, sqlite3_bind_double(s->raw, i, v));
}

void stmt_bind_str(struct stmt *s, int i, sl_str v)
{
    if (v.ptr == NULL) {
        stmt_bind_null(s, i);
        return;
    }
    keep_first(s, sqlite3_bind_text64(s->raw, i, v.ptr, v.len, SQLITE_STATIC, SQLITE_UTF8));
}

void stmt_bind_blob(struct stmt *s, int i, sl_str v)
{
    if (v.ptr == NULL) {
        stmt_bind_null(s, i);
        return;
    }
    keep_first(s, sqlite3_bind_blob64(s->raw, i, v.ptr, v.len, SQLITE_STATIC));
}

void stmt_bind_null(struct stmt *s, int i)
{
    keep_first(s, sqlite3_bind_null(s->raw, i));
}

void stmt_reset(struct stmt *s)
{
    sqlite3_reset(s->raw);
    sqlite3_clear_bindings(s->raw);
    s->rc = SQLITE_OK;
}

int stmt_step(struct stmt *s)
{
    int rc = s->rc != SQLITE_OK ? s->rc : sqlite3_step(s->raw);

    if (rc == SQLITE_ROW) return 1;
    stmt_reset(s);
    return db_code(rc);
}

int stmt_run(struct stmt *s)
{
    int rc = stmt_step(s);

    if (rc > 0) stmt_reset(s);
    return rc < 0 ? rc : 0;
}

bool stmt_is_null(const struct stmt *s, int i)
{
    return sqlite3_column_type(s->raw, i) == SQLITE_NULL;
}

int64_t stmt_i64(const struct stmt *s, int i)
{
    return sqlite3_column_int64(s->raw, i);
}

double stmt_f64(const struct stmt *s, int i)
{
    return sqlite3_column_double(s->raw, i);
}

sl_str stmt_str(const struct stmt *s, int i)
{
    const char *text = (const char *)sqlite3_column_text(s->raw, i);

    return (sl_str){text, text ? (size_t)sqlite3_column_bytes(s->raw, i) : 0};
}

/* ---- opening ---- */

/* One number from a pragma or a count. */
static int read_number(struct db *db, const char *sql, int64_t *out, sl_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db->raw, sql, -1, &s, NULL);

    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(s, 0);
    rc = rc == SQLITE_ROW ? 0 : db_fail(db, err); /* before finalize forgets the reason */
    sqlite3_finalize(s);
    return rc;
}

/*
 * auto_vacuum counts only before the first page is written. Writing our mark writes that
 * page, in one transaction: a process killed here leaves an empty file or a store of ours.
 */
static int prepare_new(struct db *db, sl_error *err)
{
    char sql[96];

    snprintf(sql, sizeof sql, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA application_id=%d;",
             APPLICATION_ID);
    return db_exec(db, sql, err);
}

static int check_ours(struct db *db, enum db_mode mode, sl_error *err)
{
    int64_t pages = 0, id = 0;
    int rc = read_number(db, "PRAGMA page_count", &pages, err);

    if (rc == -EUCLEAN) return intact_refuse(db, sqlite3_errmsg(db->raw), err);
    if (rc < 0) return rc;
    db->was_there = pages > 0;
    if (pages == 0 && mode != DB_READ) return prepare_new(db, err);
    rc = read_number(db, "PRAGMA application_id", &id, err);
    if (rc < 0) return rc;
    if (id != APPLICATION_ID) {
        return sl_fail(
            err, SL_E_DB, db_path(db),
            "this is a database, but not one of Sluice's: choose another --data folder");
    }
    return mode == DB_WRITE ? intact_pages(db, err) : 0;
}

static const char writer_pragmas[] = "PRAGMA journal_mode=WAL;"
                                     "PRAGMA synchronous=FULL;"
                                     "PRAGMA foreign_keys=ON;"
                                     "PRAGMA wal_autocheckpoint=0;" /* see db_checkpoint */
                                     "PRAGMA journal_size_limit=67108864;";
static const char reader_pragmas[] = "PRAGMA query_only=ON;";

static int on_wal(void *user, sqlite3 *raw, const char *schema, int pages)
{
    struct db *db = user;

    (void)raw;
    (void)schema;
    db->wal_pages = pages;
    return SQLITE_OK;
}

int64_t db_wal_bytes(const struct db *db)
{
    return db->wal_pages * db->page_size;
}

int db_checkpoint(struct db *db, enum db_checkpoint how, int wait_ms, sl_error *err)
{
    enum disk_cause before = disk_write_for(DISK_CHECKPOINT);
    int mode = how == DB_PASSIVE ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE;
    int rc;

    sqlite3_busy_timeout(db->raw, wait_ms);
    rc = sqlite3_wal_checkpoint_v2(db->raw, "main", mode, NULL, NULL);
    if (rc != SQLITE_OK) {
        rc = db_fail(db, err);
    } else if (how == DB_TRUNCATE) {
        db->wal_pages = 0;
    }
    sqlite3_busy_timeout(db->raw, BUSY_TIMEOUT_MS);
    disk_write_for(before);
    return rc;
}

int db_open(const char *path, enum db_mode mode, struct db **out, sl_error *err)
{
    int flags =
        SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        | (mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    struct db *db;
    int rc;

    *out = NULL;
    if (mode == DB_WRITE) {
        rc = intact_files(path, err);
        if (rc < 0) return rc;
    }
    disk_watch();
    db = sl__zalloc(sizeof *db);
    if (db == NULL) return sl_fail(err, SL_E_NOMEM, path, "out of memory");
    rc = sqlite3_open_v2(path, &db->raw, flags, log_file_vfs());
    if (rc != SQLITE_OK) {
        rc = db_code(rc);
        sl_fail(err, rc, path, "%s", db->raw ? sqlite3_errmsg(db->raw) : "out of memory");
        goto failed;
    }
    sqlite3_busy_timeout(db->raw, BUSY_TIMEOUT_MS);
    rc = check_ours(db, mode, err);
    if (rc < 0) goto failed;
    rc = db_exec(db, mode == DB_READ ? reader_pragmas : writer_pragmas, err);
    if (rc == 0) rc = read_number(db, "PRAGMA page_size", &db->page_size, err);
    if (rc < 0) goto failed;
    sqlite3_wal_hook(db->raw, on_wal, db);
    *out = db;
    return 0;

failed:
    db_close_as_it_is(db);
    return rc;
}

void db_close_as_it_is(struct db *db)
{
    if (db == NULL) return;
    /* else the last one to close moves the log and deletes it */
    if (db->raw != NULL) sqlite3_db_config(db->raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    db_close(db);
}

void db_close(struct db *db)
{
    if (db == NULL) return;
    for (int i = 0; i < db->n; i++)
        sqlite3_finalize(db->stmt[i].raw);
    sqlite3_close(db->raw);
    sl__free(db);
}
