/* SPDX-License-Identifier: MIT */
#include "store/lock.h"

#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int lock_take(const char *dir, int *fd, sl_error *err)
{
    char path[PATH_MAX];
    int f, n, code;

    *fd = -1;
    n = snprintf(path, sizeof path, "%s/lock", dir);
    if (n < 0 || (size_t)n >= sizeof path) {
        return sl_fail(err, -ENAMETOOLONG, "", "the name of the data folder is too long");
    }
    if (mkdir(dir, 0750) < 0 && errno != EEXIST) {
        code = errno;
        return sl_fail(err, -code, dir, "cannot make the data folder: %s", strerror(code));
    }
    if (place_check(dir, err) < 0) return SL_E_INVAL;
    f = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (f < 0) {
        code = errno;
        return sl_fail(err, -code, path, "cannot open the lock file: %s", strerror(code));
    }
    if (flock(f, LOCK_EX | LOCK_NB) < 0) {
        code = errno;
        close(f);
        if (code != EWOULDBLOCK) {
            return sl_fail(err, -code, path, "cannot lock: %s", strerror(code));
        }
        return sl_fail(err, SL_E_BUSY, dir, "another sluice already uses %s", dir);
    }
    *fd = f;
    return 0;
}

void lock_release(int fd)
{
    if (fd >= 0) close(fd); /* the file stays: removing it would race with the next taker */
}
