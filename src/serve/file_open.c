/* SPDX-License-Identifier: MIT */
#include "serve/file_open.h"

#include "base/str.h"
#include "proto/url.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not blocking, or a pipe without a writer would hold a worker for ever. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

bool file_path_is_safe(sl_str path)
{
    return url_is_file_path(path);
}

static int open_beneath(int root_fd, const char *path)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);

    return fd < 0 ? -errno : (int)fd;
}

int file_open_stepwise(int root_fd, const char *path)
{
    sl_str rest = sl_str_of(path), segment;
    char name[NAME_MAX + 1];
    int at = root_fd, rc;

    while (str_split(&rest, '/', &segment)) {
        bool last = rest.ptr == NULL;
        if (!str_to_cstr(segment, name, sizeof name))
            rc = -ENAMETOOLONG;
        else if (segment.len == 0 || segment.ptr[0] == '.')
            rc = -ENOENT;
        else {
            rc = openat(at, name, OPEN_FLAGS | O_NOFOLLOW | (last ? 0 : O_DIRECTORY));
            if (rc < 0) rc = -errno;
        }
        if (at != root_fd) close(at);
        if (rc < 0) return rc;
        at = rc;
    }
    return at;
}

/* A sandbox may answer EPERM to calls it does not know. */
static bool is_unknown_call(int rc)
{
    return rc == -ENOSYS || rc == -EPERM;
}

int file_open(const char *root, const char *path, struct stat *st)
{
    int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

    if (root_fd < 0) return -errno;
    if (path[0] == '\0') {
        fd = openat(root_fd, ".", OPEN_FLAGS | O_DIRECTORY);
        if (fd < 0) fd = -errno;
    } else {
        fd = open_beneath(root_fd, path);
        if (is_unknown_call(fd)) fd = file_open_stepwise(root_fd, path);
    }
    close(root_fd);
    if (fd < 0 || fstat(fd, st) == 0) return fd;
    int rc = -errno;
    close(fd);
    return rc;
}
