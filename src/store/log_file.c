/* SPDX-License-Identifier: MIT */
#include "store/log_file.h"

#include "base/alloc.h"

#include <sqlite3.h>

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HOLD_BYTES (64 * 1024)
#define AHEAD_MIN  (64 * 1024) /* as much again as there is, between these two */
#define AHEAD_MAX  (1024 * 1024)

/*
 *   real file  ├──── frames ────┤ held ├─── zeros, ahead ───┤
 *                               at                        size
 */
struct log_file {
    sqlite3_file base;
    sqlite3_int64 at, size; /* size: what we know to be there */
    int held;
    uint8_t *room;       /* HOLD_BYTES, from the first write on; NULL: without memory */
    sqlite3_file real[]; /* the usual VFS's */
};

static const uint8_t zeros[HOLD_BYTES];

static struct log_file *of(sqlite3_file *file)
{
    return (struct log_file *)file;
}

/* Best effort: a disk without room for zeros may have some for a frame. */
static void grow_ahead(struct log_file *f, sqlite3_int64 end)
{
    sqlite3_int64 ahead = end < AHEAD_MIN ? AHEAD_MIN : end > AHEAD_MAX ? AHEAD_MAX : end;

    f->size = end + ahead; /* or as good as: it is not tried again right away */
    for (sqlite3_int64 at = end; at < f->size; at += HOLD_BYTES) {
        int n = f->size - at < HOLD_BYTES ? (int)(f->size - at) : HOLD_BYTES;

        if (f->real->pMethods->xWrite(f->real, zeros, n, at) != SQLITE_OK) return;
    }
}

static int put(struct log_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    int rc = f->real->pMethods->xWrite(f->real, bytes, n, at);

    if (rc == SQLITE_OK && at + n > f->size) grow_ahead(f, at + n);
    return rc;
}

static int flush(struct log_file *f)
{
    int n = f->held;

    f->held = 0; /* also when it fails: the transaction does, and writes it again or never */
    return n > 0 ? put(f, f->room, n, f->at) : SQLITE_OK;
}

static int on_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    struct log_file *f = of(file);
    int rc;

    if (f->room == NULL) f->room = sl__alloc(HOLD_BYTES);
    if (f->held > 0 && (at != f->at + f->held || n > HOLD_BYTES - f->held)) {
        rc = flush(f);
        if (rc != SQLITE_OK) return rc;
    }
    if (f->room == NULL || n > HOLD_BYTES) return put(f, bytes, n, at);
    if (f->held == 0) f->at = at;
    memcpy(f->room + f->held, bytes, (size_t)n);
    f->held += n;
    return SQLITE_OK;
}

static int on_sync(sqlite3_file *file, int flags)
{
    struct log_file *f = of(file);
    int rc = flush(f);

    return rc == SQLITE_OK ? f->real->pMethods->xSync(f->real, flags) : rc;
}

static int on_read(sqlite3_file *file, void *into, int n, sqlite3_int64 at)
{
    struct log_file *f = of(file);
    int rc = flush(f);

    return rc == SQLITE_OK ? f->real->pMethods->xRead(f->real, into, n, at) : rc;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *f = of(file);
    int rc = flush(f);

    if (rc == SQLITE_OK) rc = f->real->pMethods->xTruncate(f->real, size);
    if (rc == SQLITE_OK) f->size = size;
    return rc;
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct log_file *f = of(file);
    int rc = flush(f);

    return rc == SQLITE_OK ? f->real->pMethods->xFileSize(f->real, size) : rc;
}

static int on_close(sqlite3_file *file)
{
    struct log_file *f = of(file);

    (void)flush(f); /* nobody was promised anything of it */
    sl__free(f->room);
    f->room = NULL;
    return f->real->pMethods->xClose(f->real);
}

/* The rest goes to the real file as it is. */

static int on_lock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xLock(of(f)->real, level);
}

static int on_unlock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xUnlock(of(f)->real, level);
}

static int on_check_lock(sqlite3_file *f, int *out)
{
    return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, out);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
    return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int on_sector_size(sqlite3_file *f)
{
    return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int on_traits(sqlite3_file *f)
{
    return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

/* Version 1: shared memory and mapped pages are the database file's affair. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_file_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_traits,
};

/* ---- the VFS: the usual one, but for opening a log ---- */

static sqlite3_vfs ours;
static sqlite3_vfs *usual;

static int on_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                   int *out_flags)
{
    struct log_file *f = of(file);
    int rc;

    (void)vfs;
    if ((flags & SQLITE_OPEN_WAL) == 0)
        return usual->xOpen(usual, name, file, flags, out_flags);
    memset(f, 0, sizeof *f);
    rc = usual->xOpen(usual, name, f->real, flags, out_flags);
    if (f->real->pMethods == NULL) return rc;
    f->base.pMethods = &methods; /* it is to be closed, then */
    if (rc == SQLITE_OK) rc = f->real->pMethods->xFileSize(f->real, &f->size);
    return rc;
}

static void make(void)
{
    usual = sqlite3_vfs_find("unix");
    if (usual == NULL) return;
    ours = *usual;
    ours.zName = "sluice";
    ours.pNext = NULL;
    ours.szOsFile = (int)sizeof(struct log_file) + usual->szOsFile;
    ours.xOpen = on_open;
    if (sqlite3_vfs_register(&ours, 0) != SQLITE_OK) usual = NULL;
}

const char *log_file_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make);
    return usual != NULL ? ours.zName : NULL;
}
