/* SPDX-License-Identifier: MIT */
#include "cli/log_file.h"

#include "sluice/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int log_fd = -1; /* once open, kept: other threads may be writing */

int log_file_open(const char *path)
{
    int fd;

    if (path == NULL) {
        sl_log_to(-1);
        return 0;
    }
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0) return -errno;
    if (log_fd < 0) {
        log_fd = fd;
    } else {
        int rc = dup3(fd, log_fd, O_CLOEXEC) < 0 ? -errno : 0;

        close(fd);
        if (rc < 0) return rc;
    }
    sl_log_to(log_fd);
    return 0;
}
