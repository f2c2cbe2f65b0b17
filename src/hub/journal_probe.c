/* SPDX-License-Identifier: MIT */
#include "hub/journal_probe.h"

#include <errno.h>
#include <sys/statvfs.h>

#define BYTES_MIN  (64 * 1024)
#define BYTES_MAX  (4 * 1024 * 1024)
#define SPARED_MAX 30

bool probe_has_room(const char *path, int64_t bytes)
{
    struct statvfs fs;

    if (statvfs(path, &fs) < 0 || fs.f_frsize == 0) return true;
    return (uint64_t)bytes / fs.f_frsize < fs.f_bfree;
}

static bool is_spared(struct probe *p, const char *path, int64_t bytes, int trouble)
{
    if (trouble != -ENOSPC || probe_has_room(path, bytes) || ++p->spared > SPARED_MAX)
        p->spared = 0;
    return p->spared > 0;
}

/* Each is a transaction of its own: one that fails leaves nothing. */
static int write_and_remove(struct db *db, int64_t bytes)
{
    struct stmt *s =
        db_stmt(db, "INSERT OR REPLACE INTO meta(name, value) VALUES('probe', randomblob(?))");
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    stmt_bind_i64(s, 1, bytes);
    rc = stmt_run(s);
    if (rc < 0) return rc;
    s = db_stmt(db, "DELETE FROM meta WHERE name = 'probe'");
    return s == NULL ? db_fail(db, NULL) : stmt_run(s);
}

int probe_store(struct probe *p, struct db *db, int trouble, sl_error *err)
{
    int64_t bytes = 2 * p->failed_bytes; /* a row and its indexes */
    int rc;

    if (bytes < BYTES_MIN) bytes = BYTES_MIN;
    if (bytes > BYTES_MAX) bytes = BYTES_MAX;
    if (is_spared(p, db_path(db), bytes, trouble)) return 0;
    rc = write_and_remove(db, bytes);
    return rc < 0 ? db_fail_as(db, rc, err) : 1;
}
