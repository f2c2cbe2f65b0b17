/* SPDX-License-Identifier: MIT */
#include "hub/process.h"

#include "base/clock.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void test_this_process(void **state)
{
    struct process_sample before, after;
    struct rlimit files;
    int fd;

    (void)state;
    process_read("/", &before);
    fd = open("/", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    process_read("/", &after);
    close(fd);
    assert_int_equal(after.open_files, before.open_files + 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(after.open_files_max, files.rlim_cur);
    assert_in_range(before.resident_bytes, 65536, before.virtual_bytes);
    assert_true(after.cpu_us >= before.cpu_us);
    assert_true(after.cpu_us > 0);
}

static void test_the_store_s_files(void **state)
{
    char path[] = "/tmp/sluice-process-XXXXXX", log[sizeof path + 4];
    struct process_sample s;
    int fd = mkstemp(path), log_fd;

    (void)state;
    assert_true(fd >= 0);
    process_read(path, &s);
    assert_int_equal(s.database_bytes, 0);
    assert_int_equal(s.log_bytes, 0);
    assert_true(s.free_bytes > 0);

    snprintf(log, sizeof log, "%s-wal", path);
    log_fd = open(log, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(log_fd >= 0);
    assert_int_equal(ftruncate(fd, 12345), 0);
    assert_int_equal(ftruncate(log_fd, 678), 0);
    process_read(path, &s);
    assert_int_equal(s.database_bytes, 12345);
    assert_int_equal(s.log_bytes, 678);
    close(fd);
    close(log_fd);
    unlink(path);
    unlink(log);
}

static void test_a_store_that_is_not_there(void **state)
{
    static char long_name[PATH_MAX + 1];
    struct process_sample s;

    (void)state;
    process_read("/nowhere/at/all", &s);
    assert_int_equal(s.database_bytes, 0);
    assert_int_equal(s.free_bytes, 0);
    assert_true(s.resident_bytes > 0);
    memset(long_name, 'x', sizeof long_name - 1);
    process_read(long_name, &s);
    assert_int_equal(s.log_bytes, 0);
}

static void test_when_it_was_started(void **state)
{
    int64_t at = (int64_t)process_started_at(), now = wall_now().us;

    (void)state;
    /* ticks are 10 ms, and both clocks are read one after the other */
    assert_in_range(at, now - 3600 * 1000000ll, now + 20000);
    assert_in_range(process_started_at(), at - 20000, at + 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_this_process),
        cmocka_unit_test(test_the_store_s_files),
        cmocka_unit_test(test_a_store_that_is_not_there),
        cmocka_unit_test(test_when_it_was_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
