/* SPDX-License-Identifier: MIT */
#include "store/intact.h"

#include "store/db_inside.h"
#include "store/intact_log.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RESTORE \
    "nothing was changed; move sluice.db, -wal and -shm away and put a backup in their place"

/* SQLite takes a file of one byte for an empty one (its ticket 3260). */
#define EMPTY_MAX 1

static int64_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
}

/* What only a store that had records leaves in its folder; NULL: nothing. */
static const char *find_trace(const char *path)
{
    const char *slash = strrchr(path, '/'), *found = NULL;
    char folder[PATH_MAX];
    DIR *dir;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    dir = opendir(folder);
    if (dir == NULL) return NULL;
    for (struct dirent *e; found == NULL && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, "media") == 0) found = "pictures (media)";
        if (fnmatch("sluice-*-*Z.db", e->d_name, 0) == 0) found = "snapshots";
    }
    closedir(dir);
    return found;
}

static int check_empty(const char *path, const struct log_state *log, sl_error *err)
{
    const char *trace = log->has_something ? "a log (-wal)" : NULL;
    struct stat st;

    /* without a database and without a log somebody begins anew, pictures or not */
    if (trace == NULL && stat(path, &st) == 0) trace = find_trace(path);
    if (trace == NULL) return 0;
    return sl_fail(err, -EUCLEAN, path,
                   "the database is empty or missing, but beside it are %s: " RESTORE, trace);
}

int intact_files(const char *path, sl_error *err)
{
    char real[PATH_MAX], wal[PATH_MAX + 8];
    struct log_state log;
    int rc;

    if (path[0] == '\0' || path[0] == ':') return 0;
    if (realpath(path, real) == NULL) snprintf(real, sizeof real, "%s", path);
    snprintf(wal, sizeof wal, "%s-wal", real); /* SQLite follows links before it adds this */
    rc = intact_log_read(wal, &log);
    if (rc < 0) return sl_fail(err, rc, wal, "the log cannot be read: %s", strerror(-rc));
    if (size_of(real) <= EMPTY_MAX) return check_empty(real, &log, err);
    if (!log.is_damaged) return 0;
    return sl_fail(
        err, -EUCLEAN, wal,
        "the log is damaged at byte %lld and goes on behind it: nothing was changed; "
        "restore a backup, or lose what is behind with truncate -s %lld",
        (long long)log.at, (long long)log.at);
}

int intact_refuse(const struct db *db, const char *what, sl_error *err)
{
    return sl_fail(err, -EUCLEAN, db_path(db), "the database is damaged (%.60s): " RESTORE,
                   what);
}

int intact_pages(struct db *db, sl_error *err)
{
    int64_t bytes = size_of(db_path(db));
    sqlite3_stmt *s = NULL;
    const char *said;
    int rc;

    if (bytes > INTACT_PAGES_MAX_BYTES) return 0;
    rc = sqlite3_prepare_v2(db->raw, "PRAGMA quick_check(1)", -1, &s, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (said != NULL && strcmp(said, "ok") == 0) {
        rc = 0;
    } else if (said != NULL) {
        if (strncmp(said, "*** in database main ***\n", 25) == 0) said += 25;
        rc = intact_refuse(db, said, err);
    } else if (db_code(rc) == -EUCLEAN) {
        rc = intact_refuse(db, sqlite3_errmsg(db->raw), err);
    } else {
        rc = db_fail(db, err);
    }
    sqlite3_finalize(s);
    return rc;
}
