/* SPDX-License-Identifier: MIT */
#include "serve/http_date.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static const struct {
    int64_t seconds;
    const char *text;
} writes[] = {
    {0,            "Thu, 01 Jan 1970 00:00:00 GMT"},
    {784111777,    "Sun, 06 Nov 1994 08:49:37 GMT"},
    {951782400,    "Tue, 29 Feb 2000 00:00:00 GMT"},
    {4294967296,   "Sun, 07 Feb 2106 06:28:16 GMT"},
    {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    {INT64_MAX,    "Fri, 31 Dec 9999 23:59:59 GMT"},
    {-1,           "Thu, 01 Jan 1970 00:00:00 GMT"},
};

static void test_write(void **state)
{
    char buf[HTTP_DATE_SIZE];
    int64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        assert_string_equal(http_date_write(writes[i].seconds, buf), writes[i].text);
        assert_true(http_date_read(sl_str_of(buf), &back));
        if (writes[i].seconds >= 0 && writes[i].seconds < INT64_MAX)
            assert_true(back == writes[i].seconds);
    }
}

/* RFC 9110 §5.6.7: all three forms are read; -1: refused */
static const struct {
    const char *text;
    int64_t seconds;
} reads[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT",          784111777 },
    {"Sunday, 06-Nov-94 08:49:37 GMT",         784111777 },
    {"Wednesday, 01-Jan-20 00:00:00 GMT",      1577836800},
    {"Sun Nov  6 08:49:37 1994",               784111777 },
    {"Wed Nov 16 08:49:37 1994",               784975777 },
    {"Sat, 31 Dec 2016 23:59:60 GMT",          1483228800},
    {"",                                       -1        },
    {"0",                                      -1        },
    {"Sun, 06 Nov 1994 08:49:37",              -1        },
    {"Sun, 06 Nov 1994 08:49:37 UTC",          -1        },
    {"Sun, 06 Foo 1994 08:49:37 GMT",          -1        },
    {"Sun, 06 Nov 1994 24:49:37 GMT",          -1        },
    {"Sun, 00 Nov 1994 08:49:37 GMT",          -1        },
    {"Sun, 32 Nov 1994 08:49:37 GMT",          -1        },
    {"Sun, 06 Nov 1994 08-49-37 GMT",          -1        },
    {"Sun, 0x Nov 1994 08:49:37 GMT",          -1        },
    {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx",          -1        },
    {",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,",        -1        },
    {"Sun, 06 Nov 1994 08:49:37 GMT and more", -1        },
};

static void test_read(void **state)
{
    int64_t got;

    (void)state;
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        if (!http_date_read(sl_str_of(reads[i].text), &got)) got = -1;
        if (got != reads[i].seconds) fail_msg("%s: %lld", reads[i].text, (long long)got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_write),
                                       cmocka_unit_test(test_read)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("serve/http_date", tests, NULL, NULL);
}
