/* SPDX-License-Identifier: MIT */
#include "base/str.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#define Z(text)                 SL_STR(text)
#define assert_str(s, expected) assert_true(sl_str_eq((s), SL_STR(expected)))

static void test_eq_nocase(void **state)
{
    static const struct {
        sl_str a, b;
        bool equal;
    } rows[] = {
        {Z("Content-Length"), Z("cONTENT-lENGTH"), true },
        {Z(""),               Z(""),               true },
        {Z("a"),              Z(""),               false},
        {Z("abc"),            Z("abd"),            false},
        {Z("@"),              Z("`"),              false}, /* differ in 0x20, but no letters */
        {Z("["),              Z("{"),              false},
        {Z("\xc4"),           Z("\xe4"),           false},
        {Z("a\0b"),           Z("A\0B"),           true },
        {Z("a\0b"),           Z("A\0C"),           false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(str_eq_nocase(rows[i].a, rows[i].b), rows[i].equal);
        assert_int_equal(str_eq_nocase(rows[i].b, rows[i].a), rows[i].equal);
    }
    assert_true(str_eq_nocase((sl_str){NULL, 0}, Z("")));
}

static void test_starts_and_ends(void **state)
{
    (void)state;
    assert_true(str_starts(Z("/ws/x"), Z("/ws")));
    assert_true(str_starts(Z("/ws"), Z("/ws")));
    assert_true(str_starts(Z("/ws"), Z("")));
    assert_true(str_starts((sl_str){NULL, 0}, (sl_str){NULL, 0}));
    assert_false(str_starts(Z("/w"), Z("/ws")));
    assert_true(str_ends(Z("a.gz"), Z(".gz")));
    assert_true(str_ends(Z(".gz"), Z(".gz")));
    assert_true(str_ends(Z(""), Z("")));
    assert_false(str_ends(Z("gz"), Z(".gz")));
    assert_false(str_ends(Z("a.gzx"), Z(".gz")));
}

static void test_part_is_cut_to_what_there_is(void **state)
{
    (void)state;
    assert_str(str_part(Z("abcdef"), 2, 3), "cde");
    assert_str(str_part(Z("abcdef"), 2, SIZE_MAX), "cdef");
    assert_str(str_part(Z("abcdef"), 6, 1), "");
    assert_str(str_part(Z("abcdef"), SIZE_MAX, SIZE_MAX), "");
    assert_str(str_part((sl_str){NULL, 0}, 1, 1), "");
}

static void test_trim_ows(void **state)
{
    static const struct {
        sl_str in, out;
    } rows[] = {
        {Z(" \t a b\t "), Z("a b")    },
        {Z("ab"),         Z("ab")     },
        {Z(" \t "),       Z("")       },
        {Z(""),           Z("")       },
        {Z("\r\na\v"),    Z("\r\na\v")}, /* only spaces and tabs are OWS */
        {Z("\xa0"),       Z("\xa0")   },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(sl_str_eq(str_trim_ows(rows[i].in), rows[i].out));
    }
    assert_int_equal(str_trim_ows((sl_str){NULL, 0}).len, 0);
}

static void test_find_byte(void **state)
{
    (void)state;
    assert_int_equal(str_find_byte(Z("a,b,c"), ','), 1);
    assert_int_equal(str_find_byte(Z("abc"), ','), 3);
    assert_int_equal(str_find_byte(Z("ab\0c"), '\0'), 2);
    assert_int_equal(str_find_byte((sl_str){NULL, 0}, 'a'), 0);
    assert_int_equal(str_find_byte((sl_str){"a,", 1}, ','), 1); /* not behind the end */
}

static void test_split(void **state)
{
    static const struct {
        sl_str in;
        unsigned n;
        const char *joined;
    } rows[] = {
        {Z("a,b,cd"), 3, "a|b|cd|"},
        {Z("a"),      1, "a|"     },
        {Z("a,"),     2, "a||"    },
        {Z(",a"),     2, "|a|"    },
        {Z(","),      2, "||"     },
        {Z(""),       1, "|"      },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char joined[32] = {0};
        size_t len = 0;
        unsigned n = 0;

        for (sl_str rest = rows[i].in, piece; str_split(&rest, ',', &piece); n++) {
            memcpy(joined + len, piece.ptr, piece.len);
            len += piece.len;
            joined[len++] = '|';
        }
        assert_int_equal(n, rows[i].n);
        assert_string_equal(joined, rows[i].joined);
    }
    for (sl_str rest = {NULL, 0}, piece; str_split(&rest, ',', &piece);)
        fail();
}

static void test_to_u64(void **state)
{
    static const struct {
        sl_str in;
        bool ok;
        uint64_t value;
    } rows[] = {
        {Z("0"),                              true,  0             },
        {Z("7"),                              true,  7             },
        {Z("007"),                            true,  7             },
        {Z("18446744073709551614"),           true,  UINT64_MAX - 1},
        {Z("18446744073709551615"),           true,  UINT64_MAX    },
        {Z("18446744073709551616"),           false, 0             },
        {Z("18446744073709551620"),           false, 0             },
        {Z("99999999999999999999"),           false, 0             },
        {Z("000000000000000000000000000001"), true,  1             },
        {Z(""),                               false, 0             },
        {Z("+1"),                             false, 0             },
        {Z("-1"),                             false, 0             },
        {Z(" 1"),                             false, 0             },
        {Z("1 "),                             false, 0             },
        {Z("1\0"),                            false, 0             },
        {Z("0x1"),                            false, 0             },
        {Z("1/"),                             false, 0             },
        {Z("1:"),                             false, 0             },
        {Z("\xb2"),                           false, 0             },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 42;

        assert_int_equal(str_to_u64(rows[i].in, &value), rows[i].ok);
        assert_int_equal(value, rows[i].ok ? rows[i].value : 42);
    }
}

static void test_to_cstr(void **state)
{
    char buf[4];

    (void)state;
    assert_true(str_to_cstr(Z("abc"), buf, sizeof buf));
    assert_string_equal(buf, "abc");
    assert_false(str_to_cstr(Z("abcd"), buf, sizeof buf));
    assert_string_equal(buf, "");
    assert_true(str_to_cstr(Z(""), buf, 1));
    assert_false(str_to_cstr(Z("a"), buf, 1));
    assert_false(str_to_cstr(Z(""), buf, 0));
    assert_false(str_to_cstr(Z("a\0b"), buf, sizeof buf)); /* would be another string */
    assert_string_equal(buf, "");
    assert_true(str_to_cstr((sl_str){NULL, 0}, buf, sizeof buf));
}

/* RFC 3629 §4, rule by rule: the first and last of each, and one beside them. */
static void test_utf8_char(void **state)
{
    static const struct {
        sl_str in;
        size_t len;
    } rows[] = {
        {Z(""),                 0},
        {Z("\0"),               1},
        {Z("\x7f"),             1},
        {Z("\x80"),             0},
        {Z("\xbf"),             0},
        {Z("\xc1\xbf"),         0}, /* overlong */
        {Z("\xc2\x80"),         2},
        {Z("\xdf\xbf"),         2},
        {Z("\xc2\x7f"),         0},
        {Z("\xc2\xc0"),         0},
        {Z("\xe0\x9f\xbf"),     0}, /* overlong */
        {Z("\xe0\xa0\x80"),     3},
        {Z("\xec\xbf\xbf"),     3},
        {Z("\xed\x9f\xbf"),     3},
        {Z("\xed\xa0\x80"),     0}, /* a surrogate */
        {Z("\xee\x80\x80"),     3},
        {Z("\xef\xbf\xbf"),     3},
        {Z("\xef\xbf\x7f"),     0},
        {Z("\xf0\x8f\xbf\xbf"), 0}, /* overlong */
        {Z("\xf0\x90\x80\x80"), 4},
        {Z("\xf3\xbf\xbf\xbf"), 4},
        {Z("\xf4\x8f\xbf\xbf"), 4},
        {Z("\xf4\x90\x80\x80"), 0}, /* behind U+10FFFF */
        {Z("\xf5\x80\x80\x80"), 0},
        {Z("\xff"),             0},
        {Z("\xe2\x82"),         0}, /* cut */
        {Z("\xf0\x9f\x98"),     0},
        {Z("\xf0\x9f\x98\x41"), 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *copy = malloc(rows[i].in.len + 1); /* ends with it: reading on is seen */
        char *end = copy + 1 + rows[i].in.len;

        memcpy(end - rows[i].in.len, rows[i].in.ptr, rows[i].in.len);
        assert_int_equal(str_utf8_char((sl_str){end - rows[i].in.len, rows[i].in.len}),
                         rows[i].len);
        free(copy);
    }
}

static void test_cut_utf8(void **state)
{
    static const struct {
        sl_str in;
        size_t max, len;
    } rows[] = {
        {Z("abc"),                  3, 3},
        {Z("abc"),                  2, 2},
        {Z("abc"),                  0, 0},
        {Z("a\xc3\xa9"),            3, 3},
        {Z("a\xc3\xa9"),            2, 1},
        {Z("a\xe2\x82\xac"),        3, 1},
        {Z("a\xe2\x82\xac"),        2, 1},
        {Z("\xf0\x9f\x98\x80"),     3, 0},
        {Z("\xf0\x9f\x98\x80"),     1, 0},
        {Z("\xf0\x9f\x98\x80x"),    4, 4},
        {Z("\x80\x80\x80\x80\x80"), 4, 4}, /* not UTF-8: cut anywhere */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_str s = str_cut_utf8(rows[i].in, rows[i].max);

        assert_ptr_equal(s.ptr, rows[i].in.ptr);
        assert_int_equal(s.len, rows[i].len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eq_nocase),
        cmocka_unit_test(test_starts_and_ends),
        cmocka_unit_test(test_part_is_cut_to_what_there_is),
        cmocka_unit_test(test_trim_ows),
        cmocka_unit_test(test_find_byte),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_to_u64),
        cmocka_unit_test(test_to_cstr),
        cmocka_unit_test(test_utf8_char),
        cmocka_unit_test(test_cut_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
