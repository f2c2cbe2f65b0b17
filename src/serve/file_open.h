/* SPDX-License-Identifier: MIT */
/* Opening what a stranger names, and nothing outside the folder it may see. */
#ifndef SERVE_FILE_OPEN_H
#define SERVE_FILE_OPEN_H

#include "sluice/buf.h"

#include <stdbool.h>
#include <sys/stat.h>

/* A path that may be tried at all: relative, no hidden or dot segment, no odd bytes. */
bool file_path_is_safe(sl_str path);

/*
 * Open a file or folder below `root` for reading. "" is the root itself.
 *
 * Symbolic links are followed as long as they stay below the root (openat2, Linux 5.6); where
 * the kernel does not have that, none is followed at all.
 *
 * returns  a descriptor and its `st`, or -errno
 * thread   any; it blocks on the disk
 */
int file_open(const char *root, const char *path, struct stat *st);

/* The second way alone, for tests. */
int file_open_stepwise(int root_fd, const char *path);

#endif
