/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a hub under test: its wall clock is off by as many seconds as the file
 * SLUICE_TEST_CLOCK says, an int64_t in the machine's order, which may be changed at any time.
 * The monotonic clock goes on: that is how clocks are set.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

static const volatile int64_t *offset_s;

__attribute__((constructor)) static void open_offset(void)
{
    const char *path = getenv("SLUICE_TEST_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *p;

    if (fd < 0) return;
    p = mmap(NULL, sizeof *offset_s, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (p != MAP_FAILED) offset_s = p;
}

static int64_t off_by(clockid_t clock)
{
    bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;

    return is_wall && offset_s != NULL ? *offset_s : 0;
}

SHOWN int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, t);

    if (rc == 0) t->tv_sec += off_by(clock);
    return rc;
}

SHOWN int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    int rc = clock_gettime(CLOCK_REALTIME, &now);

    (void)zone;
    if (rc == 0) *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return rc;
}

SHOWN time_t time(time_t *out)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) < 0) return -1;
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}
