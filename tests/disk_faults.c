/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a hub under test: its disk as a bad one. Each is there as long as a file is:
 *
 *   SLUICE_TEST_FAULTS/slow       fsync and fdatasync take as many milliseconds as it says
 *   SLUICE_TEST_FAULTS/readonly   regular files below SLUICE_TEST_DATA cannot be written
 *   SLUICE_TEST_FAULTS/full       nor now, for want of space
 *
 * The second stands for what a kernel does after an error of the medium (errors=remount-ro):
 * by hand no mount becomes read-only while a file on it is open for writing.
 */
#undef _FILE_OFFSET_BITS /* both names of a call are to be ours */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

static bool name_fault(const char *name, char path[PATH_MAX])
{
    const char *folder = getenv("SLUICE_TEST_FAULTS");

    return folder != NULL && snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/* ---- slow ---- */

static void be_slow(void)
{
    char path[PATH_MAX], text[16] = "";
    FILE *f;
    long ms;

    if (!name_fault("slow", path)) return;
    f = fopen(path, "re");
    if (f == NULL) return;
    ms = fgets(text, sizeof text, f) != NULL ? strtol(text, NULL, 10) : 0;
    (void)fclose(f);
    while (ms > 0 && access(path, F_OK) == 0) { /* it may be mended meanwhile */
        struct timespec t = {.tv_nsec = 10000000};

        nanosleep(&t, NULL);
        ms -= 10;
    }
}

SHOWN int fsync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

    be_slow();
    return next(fd);
}

SHOWN int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

    be_slow();
    return next(fd);
}

/* ---- read-only, full ---- */

static bool is_of_the_store(int fd)
{
    const char *data = getenv("SLUICE_TEST_DATA");
    char link[64], path[PATH_MAX];
    ssize_t n;

    if (data == NULL) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n < 0) return false;
    path[n] = '\0';
    return strncmp(path, data, strlen(data)) == 0;
}

static const struct {
    const char *name;
    int error;
} refusals[] = {
    {"readonly", EROFS },
    {"full",     ENOSPC}
};

/* Keeps errno unless it is true. */
static bool is_refused(int fd)
{
    int before = errno;
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (!name_fault(refusals[i].name, path) || access(path, F_OK) != 0) continue;
        if (!is_of_the_store(fd)) break;
        errno = refusals[i].error;
        return true;
    }
    errno = before;
    return false;
}

SHOWN ssize_t write(int fd, const void *bytes, size_t n)
{
    ssize_t (*next)(int, const void *, size_t) =
        (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");

    return is_refused(fd) ? -1 : next(fd, bytes, n);
}

SHOWN ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    ssize_t (*next)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");

    return is_refused(fd) ? -1 : next(fd, bytes, n, at);
}

SHOWN ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    ssize_t (*next)(int, const void *, size_t, off64_t) =
        (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");

    return is_refused(fd) ? -1 : next(fd, bytes, n, at);
}
