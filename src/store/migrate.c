/* SPDX-License-Identifier: MIT */
/* Schema steps. The store's own count in user_version; a system's in its row of `schema`. */
#include "store/db.h"
#include "store/db_inside.h"
#include "store/intact.h"
#include "store/snapshot.h"

#include <stdio.h>

static int read_version(struct db *db, const char *system, int64_t *out, sl_error *err)
{
    struct stmt *s = db_stmt(db, system ? "SELECT version FROM schema WHERE system = ?"
                                        : "PRAGMA user_version");
    int rc;

    *out = 0;
    if (s == NULL) return db_fail(db, err);
    if (system != NULL) stmt_bind_str(s, 1, sl_str_of(system));
    rc = stmt_step(s);
    if (rc < 0) return db_fail(db, err);
    if (rc > 0) *out = stmt_i64(s, 0);
    stmt_reset(s);
    return 0;
}

static int write_version(struct db *db, const char *system, int version, sl_error *err)
{
    struct stmt *s;
    char sql[48];

    if (system == NULL) {
        snprintf(sql, sizeof sql, "PRAGMA user_version=%d", version); /* takes no parameter */
        return db_exec(db, sql, err);
    }
    s = db_stmt(db, "INSERT INTO schema(system, version) VALUES(?, ?)"
                    " ON CONFLICT(system) DO UPDATE SET version = excluded.version");
    if (s == NULL) return db_fail(db, err);
    stmt_bind_str(s, 1, sl_str_of(system));
    stmt_bind_i64(s, 2, version);
    return stmt_run(s) < 0 ? db_fail(db, err) : 0;
}

static int take_step(struct db *db, const char *system, const char *sql, int version,
                     sl_error *err)
{
    int rc = db_exec(db, "BEGIN IMMEDIATE", err);

    if (rc < 0) return rc;
    rc = db_exec(db, sql, err);
    if (rc == 0) rc = write_version(db, system, version, err);
    if (rc == 0) rc = db_exec(db, "COMMIT", err);
    if (rc < 0 && db_in_transaction(db)) {
        int ignored = db_exec(db, "ROLLBACK", NULL); /* `err` already tells the cause */

        (void)ignored;
    }
    return rc;
}

/* Before the first change to what somebody may need back. */
static int keep_copy(struct db *db, sl_error *err)
{
    int64_t version = 0;
    int rc;

    if (!db->was_there || db->is_snapped) return 0;
    rc = read_version(db, NULL, &version, err);
    if (rc == 0) rc = snapshot_take(db, version, err);
    db->is_snapped = rc == 0;
    return rc;
}

static int migrate(struct db *db, const char *system, const char *const *step, int step_count,
                   sl_error *err)
{
    int64_t have = 0;
    int rc = read_version(db, system, &have, err);

    if (rc < 0) return rc;
    if (have < 0) return intact_refuse(db, "a version below 0", err);
    if (have > step_count) {
        return sl_fail(err, SL_E_DB_NEWER, system ? system : "store",
                       "written by a newer Sluice (schema %lld, this program knows %d): "
                       "start the newer program, or restore a backup",
                       (long long)have, step_count);
    }
    if (have < step_count) rc = keep_copy(db, err);
    for (int v = (int)have; v < step_count && rc == 0; v++)
        rc = take_step(db, system, step[v], v + 1, err);
    return rc;
}

/* On a store that is not new nothing but damage, or somebody's hand, lets SQL of ours fail. */
int db_migrate(struct db *db, const char *system, const char *const *step, int step_count,
               sl_error *err)
{
    sl_error why = {0};
    int rc = migrate(db, system, step, step_count, &why);

    if (rc == 0) return 0;
    if (rc == SL_E_DB && db->was_there) return intact_refuse(db, why.text, err);
    return sl_fail(err, rc, why.where, "%s", why.text);
}
