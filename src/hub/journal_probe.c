/* SPDX-License-Identifier: MIT */
#include "hub/journal_probe.h"

static int fail(struct db *db, int rc, sl_error *err)
{
    return rc < 0 ? db_fail_as(db, rc, err) : rc;
}

/* Each is a transaction of its own: one that fails leaves nothing. */
int journal_probe(struct db *db, int64_t bytes, sl_error *err)
{
    struct stmt *s =
        db_stmt(db, "INSERT OR REPLACE INTO meta(name, value) VALUES('probe', randomblob(?))");
    int rc;

    if (s == NULL) return db_fail(db, err);
    stmt_bind_i64(s, 1, bytes);
    rc = stmt_run(s);
    if (rc < 0) return fail(db, rc, err);
    s = db_stmt(db, "DELETE FROM meta WHERE name = 'probe'");
    return s == NULL ? db_fail(db, err) : fail(db, stmt_run(s), err);
}
