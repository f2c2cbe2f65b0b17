/* SPDX-License-Identifier: MIT */
#include "hub/process.h"

#include "base/clock.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static bool read_line(const char *path, char *line, size_t size)
{
    FILE *f = fopen(path, "re");
    bool is_read;

    if (f == NULL) return false;
    is_read = fgets(line, (int)size, f) != NULL;
    fclose(f);
    return is_read;
}

static uint64_t size_of(const char *store, const char *suffix)
{
    char path[PATH_MAX];
    struct stat st;

    if (snprintf(path, sizeof path, "%s%s", store, suffix) >= (int)sizeof path) return 0;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* One of them is the folder that is being read. */
static uint64_t count_open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (d == NULL) return 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n > 0 ? n - 1 : 0;
}

static void read_memory(struct process_sample *out)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    char line[128], *end;

    if (!read_line("/proc/self/statm", line, sizeof line)) return;
    out->virtual_bytes = strtoull(line, &end, 10) * page;
    out->resident_bytes = strtoull(end, NULL, 10) * page;
}

static uint64_t us_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

void process_read(const char *store, struct process_sample *out)
{
    struct statvfs fs;
    struct rusage used;
    struct rlimit files;

    *out = (struct process_sample){0};
    if (getrusage(RUSAGE_SELF, &used) == 0)
        out->cpu_us = us_of(used.ru_utime) + us_of(used.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) out->open_files_max = files.rlim_cur;
    read_memory(out);
    out->open_files = count_open_files();
    out->database_bytes = size_of(store, "");
    out->log_bytes = size_of(store, "-wal");
    if (statvfs(store, &fs) == 0) out->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* proc(5): the 22nd field, in ticks since boot; the second is a name that may hold anything. */
uint64_t process_started_at(void)
{
    int64_t ticks_s = sysconf(_SC_CLK_TCK);
    struct timespec boot;
    char line[1024], *at;
    uint64_t up_us, ticks;

    if (!read_line("/proc/self/stat", line, sizeof line)) return 0;
    at = strrchr(line, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL || ticks_s <= 0 || clock_gettime(CLOCK_BOOTTIME, &boot) != 0) return 0;
    ticks = strtoull(at, NULL, 10);
    up_us = (uint64_t)boot.tv_sec * 1000000 + (uint64_t)boot.tv_nsec / 1000;
    return (uint64_t)wall_now().us - up_us + ticks * 1000000 / (uint64_t)ticks_s;
}
