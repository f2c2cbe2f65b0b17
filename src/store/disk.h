/* SPDX-License-Identifier: MIT */
/*
 * Bytes handed to the disk, by cause: what wears out an SD card. Each thread says what it
 * writes for; counters are the process's, since SQLite's system calls are.
 *
 * thread   any
 */
#ifndef STORE_DISK_H
#define STORE_DISK_H

#include "sluice/buf.h"

#include <stdint.h>

enum disk_cause {
    DISK_OTHER,      /* opening, schema steps, snapshots */
    DISK_JOURNAL,    /* records on their way to be safe */
    DISK_CHECKPOINT, /* the same, moved to where they stay */
    DISK_MEDIA,      /* pictures, as files */
    DISK_CAUSES,
};

/* Count what this thread writes from now on under `cause`; returns the cause until now. */
enum disk_cause disk_write_for(enum disk_cause cause);

/* Since the process started. */
uint64_t disk_written_bytes(enum disk_cause cause);

/* The errno of this thread's last write if that failed, else 0. SQLite's own memory of it does
 * not outlive what it does afterwards. */
int disk_last_error(void);

/* Write all of it, counted like SQLite's writes. returns 0 or -errno */
int disk_write(int fd, sl_str bytes) SL_MUST_USE;

/* Take over SQLite's writes; the first connection does it, again is fine. */
void disk_watch(void);

/* Tests: every write fails with this errno (0: none does), or takes longer. */
void disk_break(int error, uint32_t delay_us);

#endif
