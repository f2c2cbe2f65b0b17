/* SPDX-License-Identifier: MIT */
#include "sluice/log.h"

#include "base/clock.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int pipe_fds[2];
static char text[131072]; /* what read_all found */

static int set_up(void **state)
{
    (void)state;
    if (pipe2(pipe_fds, O_NONBLOCK) < 0) return -1;
    sl_log_to(pipe_fds[1]);
    sl_log_set_level(SL_LOG_INFO);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_log_to(-1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

static const char *read_all(void)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(pipe_fds[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return text;
}

/* What stands behind "ts=... " of the only line there is. */
static const char *read_line(void)
{
    char *line = (char *)read_all(), *end = strchr(line, '\n');
    struct wall w;

    assert_non_null(end);
    assert_string_equal(end, "\n");
    *end = '\0';
    assert_memory_equal(line, "ts=", 3);
    assert_true(wall_parse((sl_str){line + 3, 24}, &w));
    assert_int_equal(line[27], ' ');
    return line + 28;
}

static unsigned count_lines(const char *s)
{
    unsigned n = 0;

    for (; *s != '\0'; s++)
        n += *s == '\n';
    return n;
}

static void test_one_line_per_event(void **state)
{
    (void)state;
    SL_INFO("ws", "peer=%s code=%d", "127.0.0.1:4711", 1002);
    assert_string_equal(read_line(), "level=info topic=ws peer=127.0.0.1:4711 code=1002");
    SL_ERROR("db", "why=full");
    assert_string_equal(read_line(), "level=error topic=db why=full");
    SL_WARN("ws", "%s", "");
    assert_string_equal(read_line(), "level=warn topic=ws ");
}

static void test_levels(void **state)
{
    (void)state;
    for (int limit = SL_LOG_ERROR; limit <= SL_LOG_DEBUG; limit++) {
        sl_log_set_level((sl_log_level)limit);
        assert_int_equal(sl_log_get_level(), limit);
        SL_ERROR("t", "x");
        SL_WARN("t", "x");
        SL_INFO("t", "x");
        SL_DEBUG("t", "x");
        sl_log(NULL, SL_LOG_DEBUG, "t", "x"); /* without the macro as well */
        assert_int_equal(count_lines(read_all()), limit + 1 + (limit == SL_LOG_DEBUG));
    }
    sl_log(NULL, (sl_log_level)4, "t", "x");
    sl_log(NULL, (sl_log_level)-1, "t", "x");
    assert_string_equal(read_all(), "");
}

/* A peer's bytes end no line of ours and begin none of theirs. */
static void test_control_bytes_are_spelled_out(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"a\nts=2026 level=error",        "a\\nts=2026 level=error"      },
        {"\r\t",                          "\\r\\t"                       },
        {"\x1b[2J\x07\x7f",               "\\x1b[2J\\x07\\x7f"           },
        {"\xc2\x9b"
         "2J",                   "\\xc2\\x9b2J"                 }, /* C1: a terminal's CSI */
        {"\xc2\xa0\xc3\xa9",              "\xc2\xa0\xc3\xa9"             },
        {"\x9b"
         "2J\xff",               "\\x9b2J\\xff"                 }, /* not UTF-8 */
        {"\xe2\x82",                      "\\xe2\\x82"                   },
        {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[64];

        snprintf(expected, sizeof expected, "level=info topic=t %s", rows[i].out);
        sl_log(NULL, SL_LOG_INFO, "t", "%s", rows[i].in);
        assert_string_equal(read_line(), expected);
    }
}

/* Of every length around the limit: one line, and an ellipsis exactly if something is missing.
 */
static void test_long_lines_are_cut(void **state)
{
    static char message[8192];
    const size_t head = strlen("level=info topic=t ");

    (void)state;
    for (size_t len = 1900; len < 2100; len++) {
        const char *line;
        size_t got;

        memset(message, 'a', len);
        message[len] = '\0';
        sl_log(NULL, SL_LOG_INFO, "t", "%s", message);
        line = read_line() + head;
        got = strspn(line, "a");
        assert_true(got == len || got > 1990);
        assert_string_equal(line + got, got == len ? "" : "…");
    }
    memset(message, '\n', 8000); /* grows by its escapes */
    message[8000] = '\0';
    sl_log(NULL, SL_LOG_INFO, "t", "%s", message);
    assert_true(strlen(read_line()) < 2048);
    assert_non_null(strstr(text, "\\n…"));
    for (size_t i = 0; i < 2400; i += 3)
        memcpy(message + i, "\u20ac", 3); /* between characters */
    message[2400] = '\0';
    for (size_t shift = 0; shift < 3; shift++) {
        sl_log(NULL, SL_LOG_INFO, "t", "%.*s%s", (int)shift, "xx", message);
        assert_null(strstr(read_line(), "\\x"));
        assert_non_null(strstr(text, "\u20ac…"));
    }
}

static void test_a_long_topic_leaves_room(void **state)
{
    char topic[400];

    (void)state;
    memset(topic, 't', sizeof topic - 1);
    topic[sizeof topic - 1] = '\0';
    sl_log(NULL, SL_LOG_INFO, topic, "x=%d", 1);
    assert_non_null(strstr(read_line(), "ttt x=1"));
}

static void say(sl_log_site *site, int n)
{
    for (int i = 0; i < n; i++)
        sl_log(site, SL_LOG_INFO, "t", "i=%d", i);
}

static void test_repeats_are_held_and_counted(void **state)
{
    sl_log_site site = {0}, other = {0};

    (void)state;
    say(&site, 10);
    assert_int_equal(count_lines(read_all()), 10);
    say(&site, 1);
    assert_string_equal(read_all(), "");
    say(&site, 99);
    assert_string_equal(read_all(), "");
    say(&other, 1); /* another place is not concerned */
    assert_int_equal(count_lines(read_all()), 1);

    site.window_ms -= 9000; /* nine of ten seconds later */
    say(&site, 1);
    assert_string_equal(read_all(), "");
    site.window_ms -= 1000;
    say(&site, 1);
    assert_string_equal(read_line(), "level=info topic=t held=101 i=0");
    say(&site, 9);
    assert_null(strstr(read_all(), "held="));
    assert_int_equal(count_lines(text), 9);
    say(&site, 1);
    assert_string_equal(read_all(), "");
}

static void test_the_macro_counts_per_place(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        SL_INFO("a", "i=%d", i);
        SL_INFO("b", "i=%d", i);
    }
    assert_int_equal(count_lines(read_all()), 20);
}

static void test_errno_survives(void **state)
{
    (void)state;
    sl_log_to(9999); /* nobody there: write fails */
    errno = ENOENT;
    sl_log(NULL, SL_LOG_INFO, "t", "x");
    assert_int_equal(errno, ENOENT);
    sl_log_to(pipe_fds[1]);
    sl_log(NULL, SL_LOG_INFO, "t", "why=%m");
    assert_string_equal(read_line(), "level=info topic=t why=No such file or directory");
}

/* A full pipe that does not block: lines are lost, nobody waits. */
static void test_a_full_pipe_blocks_nobody(void **state)
{
    static char fill[65536];

    (void)state;
    memset(text, 0, sizeof text);
    while (write(pipe_fds[1], fill, sizeof fill) > 0)
        continue;
    sl_log(NULL, SL_LOG_INFO, "t", "x");
    read_all();
    assert_null(memchr(text, 't', sizeof text));
    sl_log(NULL, SL_LOG_INFO, "t", "y"); /* it goes on when there is room */
    assert_non_null(strstr(read_all(), "topic=t y"));
}

static sl_log_site shared;

static void *talk(void *arg)
{
    for (int i = 0; i < 200; i++) {
        SL_INFO("thread", "i=%d", i);
        sl_log(&shared, SL_LOG_INFO, arg, "i=%d", i);
        if (i % 50 == 0) sl_log_set_level(SL_LOG_INFO);
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, talk, (char *)"shared"), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_lines(read_all()), 20);
    assert_int_equal(shared.held, 790);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_one_line_per_event),
        CASE(test_levels),
        CASE(test_control_bytes_are_spelled_out),
        CASE(test_long_lines_are_cut),
        CASE(test_a_long_topic_leaves_room),
        CASE(test_repeats_are_held_and_counted),
        CASE(test_the_macro_counts_per_place),
        CASE(test_errno_survives),
        CASE(test_a_full_pipe_blocks_nobody),
        CASE(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
