/* SPDX-License-Identifier: MIT */
#include "store/snapshot.h"

#include "base/clock.h"
#include "store/cure.h"
#include "store/db_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGES_AT_ONCE 4096
#define PATTERN       "sluice-*-????????T??????.???Z.db"

/* SQLite's own online copy: what this connection sees, in one read transaction. */
static int copy(struct db *db, const char *path)
{
    sqlite3_backup *backup = NULL;
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    if (rc == SQLITE_OK) {
        /* it has no name yet: if we die, it is nobody's and the next one overwrites it */
        rc = sqlite3_exec(to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL,
                          NULL);
    }
    if (rc == SQLITE_OK) {
        backup = sqlite3_backup_init(to, "main", db->raw, "main");
        rc = backup != NULL ? SQLITE_OK : sqlite3_errcode(to);
    }
    while (backup != NULL && rc == SQLITE_OK)
        rc = sqlite3_backup_step(backup, PAGES_AT_ONCE);
    if (backup != NULL) sqlite3_backup_finish(backup);
    rc = db_code(rc);
    sqlite3_close(to);
    return rc;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC), rc = 0;

    if (fd < 0) return -errno;
    if (fsync(fd) < 0) rc = -errno;
    close(fd);
    return rc;
}

/* "20260301T093000.120Z": sorts as text. */
static void format_now(char out[32])
{
    struct wall now = wall_now();
    time_t s = (time_t)(now.us / 1000000);
    struct tm tm;
    size_t n;

    gmtime_r(&s, &tm);
    n = strftime(out, 32, "%Y%m%dT%H%M%S", &tm);
    snprintf(out + n, 32 - n, ".%03dZ", (int)(now.us / 1000 % 1000));
}

/* The time in the name: "sluice-9-…" may be older than "sluice-10-…". */
static const char *time_in(const char *name)
{
    return strrchr(name, '-');
}

/* How many copies there are, and the name of the oldest. */
static int find_oldest(const char *folder, char oldest[NAME_MAX + 1])
{
    DIR *dir = opendir(folder);
    int n = 0;

    if (dir == NULL) return 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (fnmatch(PATTERN, e->d_name, 0) != 0) continue;
        if (n++ == 0 || strcmp(time_in(e->d_name), time_in(oldest)) < 0) {
            snprintf(oldest, NAME_MAX + 1, "%s", e->d_name);
        }
    }
    closedir(dir);
    return n;
}

static void drop_oldest(const char *folder)
{
    char oldest[NAME_MAX + 1], path[PATH_MAX];

    while (find_oldest(folder, oldest) > SNAPSHOTS_KEPT) {
        int n = snprintf(path, sizeof path, "%s/%s", folder, oldest);

        if (n >= (int)sizeof path || unlink(path) < 0) return; /* it only takes space */
    }
}

int snapshot_take(struct db *db, int64_t version, sl_error *err)
{
    const char *from = sqlite3_db_filename(db->raw, "main"), *slash;
    char dir[PATH_MAX], part[PATH_MAX], path[PATH_MAX], now[32], text[160];
    int rc, n;

    if (from == NULL || from[0] == '\0') return 0;
    slash = strrchr(from, '/'); /* SQLite makes names absolute */
    n = snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - from) : 1, slash ? from : ".");
    format_now(now);
    if (n >= PATH_MAX || snprintf(part, sizeof part, "%s/sluice-part.db", dir) >= PATH_MAX
        || snprintf(path, sizeof path, "%s/sluice-%lld-%s.db", dir, (long long)version, now)
               >= PATH_MAX) {
        return sl_fail(err, -ENAMETOOLONG, "", "the name of the data folder is too long");
    }
    unlink(part);
    rc = copy(db, part);
    if (rc == 0) rc = sync_path(part, O_RDWR);
    if (rc == 0 && rename(part, path) < 0) rc = -errno;
    if (rc == 0) rc = sync_path(dir, O_RDONLY | O_DIRECTORY);
    if (rc < 0) {
        unlink(part);
        return sl_fail(err, rc, dir, "no snapshot before the schema changes: %s",
                       cure_text(rc, from, text, sizeof text));
    }
    drop_oldest(dir);
    return 0;
}
