/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <time.h>

#define S(seconds) (INT64_C(seconds) * 1000000)
#define Z(text)    SL_STR(text)

static void test_format(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0,                      "1970-01-01T00:00:00.000Z"},
        {999,                    "1970-01-01T00:00:00.000Z"},
        {1000,                   "1970-01-01T00:00:00.001Z"},
        {-1,                     "1969-12-31T23:59:59.999Z"},
        {S(1772357400) + 120000, "2026-03-01T09:30:00.120Z"},
        {S(951782400),           "2000-02-29T00:00:00.000Z"}, /* a leap year after all */
        {S(951868800) - 1,       "2000-02-29T23:59:59.999Z"},
        {S(4107542400),          "2100-03-01T00:00:00.000Z"}, /* none */
        {S(4107542400) - 1000,   "2100-02-28T23:59:59.999Z"},
        {S(-62167219200),        "0000-01-01T00:00:00.000Z"},
        {S(253402300800) - 1,    "9999-12-31T23:59:59.999Z"},
        {S(-62167219200) - 1,    "0000-01-01T00:00:00.000Z"}, /* what text cannot say */
        {S(253402300800),        "9999-12-31T23:59:59.999Z"},
        {INT64_MIN,              "0000-01-01T00:00:00.000Z"},
        {INT64_MAX,              "9999-12-31T23:59:59.999Z"},
    };
    char buf[WALL_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ptr_equal(wall_format((struct wall){rows[i].us}, buf), buf);
        assert_string_equal(buf, rows[i].text);
    }
}

static void test_parse(void **state)
{
    static const struct {
        sl_str text;
        int64_t us;
    } rows[] = {
        {Z("2026-03-01T09:30:00.120Z"),       S(1772357400) + 120000    },
        {Z("2026-03-01t09:30:00.120z"),       S(1772357400) + 120000    },
        {Z("2026-03-01 09:30:00"),            S(1772357400)             },
        {Z("2026-03-01T09:30:00.1"),          S(1772357400) + 100000    },
        {Z("2026-03-01T09:30:00,123456"),     S(1772357400) + 123456    },
        {Z("2026-03-01T09:30:00.123456789Z"), S(1772357400) + 123456    },
        {Z("2026-03-01T09:30:00.999999999"),  S(1772357400) + 999999    },
        {Z("2026-03-01T09:30:00.000000009"),  S(1772357400)             },
        {Z("2026-03-01T15:00:00+05:30"),      S(1772357400)             },
        {Z("2026-03-01T15:00:00.5+0530"),     S(1772357400) + 500000    },
        {Z("2026-03-01T10:30:00+01"),         S(1772357400)             },
        {Z("2026-02-28T23:30:00-10"),         S(1772357400)             },
        {Z("2026-03-01T09:30:00-00:00"),      S(1772357400)             },
        {Z("2026-03-02T09:29:00+23:59"),      S(1772357400)             },
        {Z("0000-01-01T00:00:00Z"),           S(-62167219200)           },
        {Z("0000-01-01T00:00:00+23:59"),      S(-62167219200) - S(86340)},
        {Z("9999-12-31T23:59:59.999999Z"),    S(253402300800) - 1       },
        {Z("2000-02-29T00:00:00"),            S(951782400)              },
        {Z("2024-02-29T00:00:00"),            S(1709164800)             },
        {Z("1969-12-31T23:59:59.5"),          -500000                   },
        {Z("2016-12-31T23:59:60Z"),           S(1483228800)             }, /* a leap second */
        {Z("2016-12-31T15:59:60.5-08:00"),    S(1483228800) + 500000    },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wall w = {42};

        assert_true(wall_parse(rows[i].text, &w));
        assert_int_equal(w.us, rows[i].us);
    }
}

static void test_parse_refuses(void **state)
{
    static const sl_str rows[] = {
        Z(""),
        Z("2026"),
        Z("2026-03-01"),
        Z("2026-03-01T"),
        Z("2026-03-01T09"),
        Z("2026-03-01T09:30"),
        Z("2026-03-01T09:30:"),
        Z("2026-03-01T09:30:0"),
        Z("2026-03-01x09:30:00"),
        Z("2026-03-01  09:30:00"),
        Z(" 2026-03-01T09:30:00"),
        Z("2026-03-01T09:30:00 "),
        Z("20260301T093000Z"),
        Z("2026-3-1T09:30:00"),
        Z("+2026-03-01T09:30:00"),
        Z("-026-03-01T09:30:00"),
        Z("2026-00-01T09:30:00"),
        Z("2026-13-01T09:30:00"),
        Z("2026-03-00T09:30:00"),
        Z("2026-01-32T09:30:00"),
        Z("2026-04-31T09:30:00"),
        Z("2026-02-29T09:30:00"),
        Z("2024-02-30T09:30:00"),
        Z("2024-01-32T09:30:00"),
        Z("2100-02-29T09:30:00"),
        Z("1900-02-29T09:30:00"),
        Z("2026-03-01T24:00:00"),
        Z("2026-03-01T09:60:00"),
        Z("2026-03-01T09:30:61"),
        Z("2026-03-01T09:30:60Z"),
        Z("2016-12-31T23:59:60-08:00"), /* no minute of UTC's midnight */
        Z("2026-03-01T09:30:00."),
        Z("2026-03-01T09:30:00.Z"),
        Z("2026-03-01T09:30:00.1234567890"),
        Z("2026-03-01T09:30:00.12a"),
        Z("2026-03-01T09:30:00ZZ"),
        Z("2026-03-01T09:30:00Z0"),
        Z("2026-03-01T09:30:00+"),
        Z("2026-03-01T09:30:00+1"),
        Z("2026-03-01T09:30:00+24:00"),
        Z("2026-03-01T09:30:00+05:60"),
        Z("2026-03-01T09:30:00+05:"),
        Z("2026-03-01T09:30:00+05:3"),
        Z("2026-03-01T09:30:00+053"),
        Z("2026-03-01T09:30:00+05:300"),
        Z("2026-03-01T09:30:00+05:30Z"),
        Z("2026-03-01T09:30:00\0"),
        Z("2026-03-01T09:30:00 UTC"),
        Z("Mon Mar  2 09:30:00 2026"),
        Z("1772357400"),
        Z("2026-0a-01T09:30:00"),
        Z("2026-03-01T0\xb2:30:00"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wall w = {42};

        if (wall_parse(rows[i], &w)) fail_msg("took %.*s", (int)rows[i].len, rows[i].ptr);
        assert_int_equal(w.us, 42);
    }
}

/* Cut anywhere, it is another time or none, and nothing behind the cut is read. */
static void test_parse_stays_inside(void **state)
{
    static const char text[] = "2026-03-01T09:30:00.123+05:30";

    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        char *copy = malloc(len + 1);
        struct wall w;
        bool ok;

        memcpy(copy + 1, text, len);
        ok = wall_parse((sl_str){copy + 1, len}, &w);
        assert_int_equal(ok, len == 19 || (len >= 21 && len <= 23) || len == 26 || len == 29);
        free(copy);
    }
}

/* Each day of four centuries and more, beside the C library. */
static void test_every_day_as_the_c_library_says(void **state)
{
    struct wall back;

    (void)state;
    for (int64_t day = -200000; day < 200000; day++) {
        time_t seconds = (time_t)(day * 86400 + (day * 7919) % 43200 + 43200);
        char expected[40], buf[WALL_TEXT_SIZE];
        struct tm tm;

        gmtime_r(&seconds, &tm);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        wall_format((struct wall){(int64_t)seconds * 1000000}, buf);
        assert_string_equal(buf, expected);
        assert_true(wall_parse(sl_str_of(buf), &back));
        assert_int_equal(back.us, (int64_t)seconds * 1000000);
    }
}

static void test_now(void **state)
{
    struct mono a = mono_now(), b = mono_now();
    struct wall w = wall_now();

    (void)state;
    assert_true(b.us >= a.us);
    assert_true(llabs(w.us / 1000000 - (int64_t)time(NULL)) <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_parse_stays_inside),
        cmocka_unit_test(test_every_day_as_the_c_library_says),
        cmocka_unit_test(test_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
