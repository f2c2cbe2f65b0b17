/* SPDX-License-Identifier: MIT */
/*
 * The one home of SQLite: opening a store the way we want it, schema steps, prepared
 * statements with typed binds and columns.
 *
 * A connection belongs to one thread at a time; handing it over needs a lock or a join
 * between the two, nothing else.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "sluice/buf.h"
#include "sluice/err.h"

#include <stdbool.h>
#include <stdint.h>

struct db;
struct stmt;

/* How to open: the writer creates the file and asks whether it is intact; one more writer
 * beside it need not; a reader never changes it. */
enum db_mode { DB_WRITE, DB_WRITE_BESIDE, DB_READ };

/*
 * Open the store at `path`.
 *
 * A new file gets auto_vacuum=INCREMENTAL before its first table, WAL, our application id;
 * a writer runs with synchronous=FULL: what is committed survives a power cut. What is not
 * intact (see intact.h) is refused, and no byte of the database or its log changes.
 *
 * returns  0, SL_E_NOMEM, SL_E_BUSY, -EUCLEAN, SL_E_DB (also: a store of another program)
 */
int db_open(const char *path, enum db_mode mode, struct db **out, sl_error *err) SL_MUST_USE;
void db_close(struct db *db); /* statements go with it; NULL is fine */

/* The same, but what is in the log stays there, as evidence or for a repair. */
void db_close_as_it_is(struct db *db);

/*
 * Bring a schema up to date: step[i] takes version i to i + 1, each in one transaction
 * together with the new number. A store that was there before this connection opened it is
 * copied first, once; see snapshot.h.
 *
 * system   NULL: the store's own tables, numbered by user_version; else a row of `schema`
 * returns  0, SL_E_DB_NEWER when the file has more steps than we know, SL_E_DB,
 *          or what kept the copy from being made
 */
int db_migrate(struct db *db, const char *system, const char *const *step, int step_count,
               sl_error *err) SL_MUST_USE;

/* As it was opened, absolute; "" in memory. */
const char *db_path(const struct db *db);

/*
 * Move what is in the write-ahead log to where it stays. Writers never do so by themselves.
 *
 * how      PASSIVE: as much as is possible beside readers and the writer, waiting for nobody;
 *          TRUNCATE: all of it, and the log is empty again; writer only
 * wait_ms  for others to let go
 * returns  0; SL_E_BUSY: not all could be moved
 */
enum db_checkpoint { DB_PASSIVE, DB_TRUNCATE };
int db_checkpoint(struct db *db, enum db_checkpoint how, int wait_ms,
                  sl_error *err) SL_MUST_USE;

/* How long the write-ahead log was after the last commit of this connection. */
int64_t db_wal_bytes(const struct db *db);

/* One or more statements without results. */
int db_exec(struct db *db, const char *sql, sl_error *err) SL_MUST_USE;

/* False after SQLite has rolled back by itself, as it may when the disk is full. */
bool db_in_transaction(const struct db *db);

/* Rows inserted, updated and deleted since it was opened, those of undone work included. */
int64_t db_changes(const struct db *db);

/* The rowid of the last insert. */
int64_t db_last_id(const struct db *db);

/* The last failure of this connection as a code; the sentence goes to `err`: cause and cure
 * where we know one (cure.h), else SQLite's words. */
int db_fail(const struct db *db, sl_error *err);
/* The same for a code that a call has returned already. Returns it. */
int db_fail_as(const struct db *db, int rc, sl_error *err);

/*
 * The statement for `sql`, prepared on first use and kept by the connection, reset and
 * without bindings.
 *
 * sql      a string literal: statements are found again by its address
 * returns  borrowed; NULL when it does not compile or memory ran out, see db_fail
 */
struct stmt *db_stmt(struct db *db, const char *sql);

/* Binds count from 1. A failed one sticks and comes back from the next step. */
void stmt_bind_i64(struct stmt *s, int i, int64_t v);
void stmt_bind_f64(struct stmt *s, int i, double v);
void stmt_bind_str(struct stmt *s, int i,
                   sl_str v); /* borrowed until the reset; ptr NULL: NULL */
void stmt_bind_blob(struct stmt *s, int i, sl_str v); /* likewise, of any bytes */
void stmt_bind_null(struct stmt *s, int i);

/* returns 1 with a row, 0 at the end, or an error; without a row the statement is reset */
int stmt_step(struct stmt *s) SL_MUST_USE;
/* For statements without rows. returns 0 or an error */
int stmt_run(struct stmt *s) SL_MUST_USE;
void stmt_reset(struct stmt *s);

/* Columns count from 0; texts are borrowed until the next step or reset. */
bool stmt_is_null(const struct stmt *s, int i);
int64_t stmt_i64(const struct stmt *s, int i);
double stmt_f64(const struct stmt *s, int i);
sl_str stmt_str(const struct stmt *s, int i);

#endif
