/* SPDX-License-Identifier: MIT */
#include "store/disk.h"

#include <sqlite3.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

static _Thread_local enum disk_cause current;
static _Thread_local int last_error;
static _Atomic uint64_t written[DISK_CAUSES];
static _Atomic int broken;
static _Atomic uint32_t delay;

/* True when the test's disk lets the write through. */
static bool is_through(void)
{
    uint32_t us = atomic_load_explicit(&delay, memory_order_relaxed);
    int error = atomic_load_explicit(&broken, memory_order_relaxed);

    if (us > 0) {
        struct timespec t = {us / 1000000, (long)(us % 1000000) * 1000};

        nanosleep(&t, NULL);
    }
    if (error == 0) return true;
    errno = error;
    return false;
}

static ssize_t count(ssize_t n)
{
    last_error = n < 0 ? errno : 0;
    if (n > 0) {
        atomic_fetch_add_explicit(&written[current], (uint64_t)n, memory_order_relaxed);
    }
    return n;
}

static ssize_t on_write(int fd, const void *bytes, size_t n)
{
    return count(is_through() ? write(fd, bytes, n) : -1);
}

static ssize_t on_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return count(is_through() ? pwrite(fd, bytes, n, at) : -1);
}

static ssize_t on_pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return count(is_through() ? pwrite64(fd, bytes, n, at) : -1);
}

int disk_write(int fd, sl_str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = on_write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) return -EIO;
        bytes = (sl_str){bytes.ptr + n, bytes.len - (size_t)n};
    }
    return 0;
}

/* Which of these SQLite uses was decided when it was built; it refuses names it lacks. */
static void take_over(void)
{
    sqlite3_vfs *vfs;

    /* Its own count of memory costs a lock for each allocation. Too late once it runs. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    vfs = sqlite3_vfs_find("unix");
    if (vfs == NULL || vfs->iVersion < 3) return;
    vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)on_write);
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)on_pwrite);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)on_pwrite64);
}

void disk_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, take_over);
}

enum disk_cause disk_write_for(enum disk_cause cause)
{
    enum disk_cause before = current;

    current = cause;
    return before;
}

int disk_last_error(void)
{
    return last_error;
}

uint64_t disk_written_bytes(enum disk_cause cause)
{
    return atomic_load_explicit(&written[cause], memory_order_relaxed);
}

void disk_break(int error, uint32_t delay_us)
{
    atomic_store(&broken, error);
    atomic_store(&delay, delay_us);
}
