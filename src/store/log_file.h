/* SPDX-License-Identifier: MIT */
/*
 * The write-ahead log's file, between SQLite and its usual VFS. Two things are done to it:
 *
 *   - SQLite writes a frame as 24 bytes and a page, each by a system call of its own. What
 *     follows on what came before is held and leaves in one write, at the latest before the
 *     sync that makes a commit of it.
 *   - A file that grows makes each sync a change of the file system as well. It grows ahead,
 *     by zeros that are really written, so that the syncs after it are of data alone.
 *
 * Measured, four pages and fdatasync on ext4: 263 us with 108 of CPU before, 140 with 45 after.
 * Zeros are no frames: recovery ends there (SQLite's file format, §4.3, "checksums").
 *
 * thread   a connection's; the VFS is registered once
 */
#ifndef STORE_LOG_FILE_H
#define STORE_LOG_FILE_H

/* The VFS to open stores with; registered on first use. NULL: SQLite's own must do. */
const char *log_file_vfs(void);

#endif
