/* SPDX-License-Identifier: MIT */
/* What the kernel says of this process and of the store's files. It reads files: not on the
 * loop. */
#ifndef HUB_PROCESS_H
#define HUB_PROCESS_H

#include <stdint.h>

struct process_sample {
    uint64_t cpu_us; /* of all threads */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_files, open_files_max;
    uint64_t database_bytes, log_bytes; /* of the store and its write-ahead log */
    uint64_t free_bytes;                /* what its file system has left for us */
};

/* store    the database's path; what can not be read stays 0 */
void process_read(const char *store, struct process_sample *out);

/* When the process was started, in microseconds since 1970; 0: it can not be told. */
uint64_t process_started_at(void);

#endif
