/* SPDX-License-Identifier: MIT */
/* Looking around in a document; numbers; strings with their escapes resolved. */
#include "sluice/json.h"

#include "base/json_inside.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static sl_json doc;

static sl_value read_text(const char *text)
{
    assert_int_equal(sl_json_read(&doc, sl_str_of(text), NULL, NULL, NULL), 0);
    return sl_json_root(&doc);
}

static int forget_doc(void **state)
{
    (void)state;
    sl_json_deinit(&doc);
    return 0;
}

static void assert_str(sl_str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void test_types_and_raw(void **state)
{
    static const struct {
        const char *text;
        sl_json_type type;
        const char *raw;
    } rows[] = {
        {" null ",        SL_JSON_NULL,   "null"        },
        {" false ",       SL_JSON_FALSE,  "false"       },
        {" true ",        SL_JSON_TRUE,   "true"        },
        {" 2.8404 ",      SL_JSON_NUMBER, "2.8404"      },
        {" \"a\\u00e9\"", SL_JSON_STRING, "\"a\\u00e9\""},
        {" \"\" ",        SL_JSON_STRING, "\"\""        },
        {" [ 1 , 2 ] ",   SL_JSON_ARRAY,  "[ 1 , 2 ]"   },
        {" { } ",         SL_JSON_OBJECT, "{ }"         },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_value v = read_text(rows[i].text);
        assert_int_equal(sl_value_type(v), rows[i].type);
        assert_str(sl_value_raw(v), rows[i].raw);
    }
}

static void test_get(void **state)
{
    sl_value v = read_text(
        "{\"a\":1,\"b\":{\"a\":2,\"c\":[{\"a\":9}]},\"\":3,\"d\":null,\"\\u0074ype\":\"x\"}");

    (void)state;
    assert_str(sl_value_raw(sl_value_get(v, SL_STR("a"))), "1");
    assert_str(sl_value_raw(sl_value_get(sl_value_get(v, SL_STR("b")), SL_STR("a"))), "2");
    assert_str(sl_value_raw(sl_value_get(v, SL_STR(""))), "3");
    assert_str(sl_value_raw(sl_value_get(v, SL_STR("d"))), "null");
    assert_str(sl_value_raw(sl_value_get(v, SL_STR("type"))), "\"x\"");
    assert_int_equal(sl_value_type(sl_value_get(v, SL_STR("c"))), SL_JSON_NONE);
    assert_int_equal(sl_value_type(sl_value_get(v, SL_STR("\\u0074ype"))), SL_JSON_NONE);
    assert_int_equal(sl_value_type(sl_value_get(v, SL_STR("A"))), SL_JSON_NONE);
}

/* RFC 8259 §4: names should be unique; where they are not, the last one counts. */
static void test_last_of_equal_keys_wins(void **state)
{
    sl_value v = read_text("{\"a\":1,\"b\":0,\"\\u0061\":{\"a\":7},\"a\":3,\"b\":[1]}");

    (void)state;
    assert_str(sl_value_raw(sl_value_get(v, SL_STR("a"))), "3");
    assert_str(sl_value_raw(sl_value_get(v, SL_STR("b"))), "[1]");
    assert_int_equal(sl_value_count(v), 5);
}

static void test_walk(void **state)
{
    static const char *const keys[] = {"a", "b", "c\\n", "d"};
    static const char *const values[] = {"1", "[2,[3],{\"x\":4}]", "{\"y\":{}}", "\"z\""};
    sl_value v = read_text("{\"a\":1,\"b\":[2,[3],{\"x\":4}],\"c\\n\":{\"y\":{}},\"d\":\"z\"}");
    sl_str key;
    unsigned n = 0;

    (void)state;
    for (sl_value m = sl_value_first(v, &key); sl_value_type(m) != SL_JSON_NONE;
         m = sl_value_next(v, m, &key), n++) {
        assert_in_range(n, 0, 3);
        assert_str(key, keys[n]);
        assert_str(sl_value_raw(m), values[n]);
    }
    assert_int_equal(n, 4);
    assert_null(key.ptr);

    sl_value list = sl_value_get(v, SL_STR("b"));
    n = 0;
    for (sl_value e = sl_value_first(list, NULL); sl_value_type(e) != SL_JSON_NONE;
         e = sl_value_next(list, e, NULL))
        n++;
    assert_int_equal(n, 3);
    assert_int_equal(sl_value_count(list), 3);
    assert_int_equal(sl_value_count(sl_value_get(v, SL_STR("a"))), 0);
    assert_int_equal(sl_value_count(read_text("[]")), 0);
    assert_int_equal(sl_value_count(read_text("{}")), 0);
}

/* A value that is none can be asked anything. */
static void test_none(void **state)
{
    sl_json empty = {0};
    sl_value none[] = {{0}, sl_json_root(&empty)};
    double f;
    int64_t i;
    bool b;
    sl_str s;

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        sl_value v = none[k];
        assert_int_equal(sl_value_type(v), SL_JSON_NONE);
        assert_int_equal(sl_value_type(sl_value_get(v, SL_STR("a"))), SL_JSON_NONE);
        assert_int_equal(sl_value_type(sl_value_first(v, &s)), SL_JSON_NONE);
        assert_int_equal(sl_value_type(sl_value_next(v, v, &s)), SL_JSON_NONE);
        assert_int_equal(sl_value_count(v), 0);
        assert_int_equal(sl_value_raw(v).len, 0);
        assert_false(sl_value_i64(v, &i) || sl_value_f64(v, &f) || sl_value_bool(v, &b)
                     || sl_value_str(v, &s) || sl_value_is_str(v, SL_STR("")));
    }
    assert_int_equal(sl_json_read(&doc, SL_STR("[1"), NULL, NULL, NULL), SL_E_JSON);
    assert_int_equal(sl_value_type(sl_json_root(&doc)), SL_JSON_NONE);
}

static void test_other_type(void **state)
{
    static const char *const texts[] = {"null", "\"1\"", "[1]", "{\"a\":1}", "true"};
    double f;
    int64_t i;
    bool b;
    sl_str s;

    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        sl_value v = read_text(texts[k]);
        assert_false(sl_value_i64(v, &i));
        assert_false(sl_value_f64(v, &f));
        assert_int_equal(sl_value_bool(v, &b), k == 4);
        assert_int_equal(sl_value_str(v, &s), k == 1);
    }
    assert_true(sl_value_bool(read_text("true"), &b) && b);
    assert_true(sl_value_bool(read_text("false"), &b) && !b);
}

/* ---- numbers ---- */

static void test_i64(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {
        {"0",                    true,  0            },
        {"-0",                   true,  0            },
        {"7",                    true,  7            },
        {"-12345678901",         true,  -12345678901 },
        {"9223372036854775806",  true,  INT64_MAX - 1},
        {"9223372036854775807",  true,  INT64_MAX    },
        {"9223372036854775808",  false, 0            },
        {"9223372036854775810",  false, 0            },
        {"-9223372036854775807", true,  INT64_MIN + 1},
        {"-9223372036854775808", true,  INT64_MIN    },
        {"-9223372036854775809", false, 0            },
        {"99999999999999999999", false, 0            },
        {"18446744073709551616", false, 0            },
        {"1.0",                  false, 0            },
        {"1e3",                  false, 0            },
        {"-0.0",                 false, 0            },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t got = 4711;
        assert_int_equal(sl_value_i64(read_text(rows[i].text), &got), rows[i].ok);
        assert_int_equal(got, rows[i].ok ? rows[i].value : 4711);
    }
}

/* Values as hexadecimal floating constants: they say exactly which double. */
static const struct {
    const char *text;
    double value;
} doubles[] = {
    {"0",                                                       0                      },
    {"2.8404",                                                  0x1.6b923a29c779ap+1   },
    {"0.1",                                                     0x1.999999999999ap-4   },
    {"1e22",                                                    0x1.0f0cf064dd592p+73  },
    {"1e23",                                                    0x1.52d02c7e14af6p+76  },
    {"123456789012345678",                                      0x1.b69b4ba630f35p+56  },
    {"9007199254740993",                                        0x1p+53                }, /* half way: to even */
    {"9007199254740995",                                        0x1.0000000000002p+53  },
    {"9007199254740993.00000000000000000000000000000000000001", 0x1.0000000000001p+53  },
    {"9007199254740992.99999999999999999999999999999999999999", 0x1p+53                },
    {"1.7976931348623157e308",                                  0x1.fffffffffffffp+1023},
    {"1.7976931348623158e308",                                  0x1.fffffffffffffp+1023},
    {"2.2250738585072014e-308",                                 0x1p-1022              },
    {"2.2250738585072011e-308",                                 0x0.fffffffffffffp-1022}, /* hung parsers once */
    {"4.9406564584124654e-324",                                 0x1p-1074              },
    {"2.4703282292062328e-324",                                 0x1p-1074              },
    {"2.4703282292062327e-324",                                 0                      },
    {"1e-400",                                                  0                      },
    {"0e999999999999999999999",                                 0                      },
    {"0.000000000000000000000000000000001e33",                  1                      },
    {"100000000000000000000000000000000000000e-38",             1                      },
    {"1E+2",                                                    100                    },
    {"0.0000000000000000000000000000000000000000e99999999999",  0                      },
};

static void check_doubles(void)
{
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        char negative[128];
        double got = 4711;
        print_message("# %s\n", doubles[i].text);
        assert_true(sl_value_f64(read_text(doubles[i].text), &got));
        assert_true(got == doubles[i].value && !signbit(got));
        snprintf(negative, sizeof negative, "-%s", doubles[i].text);
        assert_true(sl_value_f64(read_text(negative), &got));
        assert_true(got == -doubles[i].value && signbit(got));
    }
}

static void test_f64(void **state)
{
    static const char *const beyond[] = {"1e309", "-1e309", "1.7976931348623159e308",
                                         "1e99999999999999999999"};
    double got = 4711;

    (void)state;
    check_doubles();
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
        assert_false(sl_value_f64(read_text(beyond[i]), &got));
    assert_true(got == 4711);
}

/* A locale with a decimal comma changes nothing; where none is installed this repeats the test.
 */
static void test_f64_in_another_locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8",
                                        "ps_AF.UTF-8"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (setlocale(LC_ALL, names[i]) == NULL) continue;
        check_doubles();
    }
    assert_non_null(setlocale(LC_ALL, "C"));
    check_doubles();
}

/* Numbers far longer than a double can use: 1 + 2^-53 is half way, and one digit far away
 * decides. */
static void test_f64_of_many_digits(void **state)
{
    static const char half_way[] = "1.00000000000000011102230246251565404236316680908203125";
    enum { ZEROS = 5000 };
    char *text = malloc(sizeof half_way + ZEROS + 10);
    double got;

    (void)state;
    assert_non_null(text);
    size_t n = sizeof half_way - 1;
    memcpy(text, half_way, n);
    memset(text + n, '0', ZEROS);
    text[n + ZEROS] = '\0';
    assert_true(sl_value_f64(read_text(text), &got));
    assert_true(got == 1);
    text[n + ZEROS - 1] = '1';
    assert_true(sl_value_f64(read_text(text), &got));
    assert_true(got == 0x1.0000000000001p+0);

    memset(text, '9', ZEROS);
    memcpy(text + ZEROS, "e-4990", 7);
    assert_true(sl_value_f64(read_text(text), &got));
    assert_true(got == 1e10);
    text[ZEROS + 5] = '\0'; /* e-499 */
    assert_false(sl_value_f64(read_text(text), &got));
    free(text);
}

/* The C library in its own locale is the other opinion. */
static void test_f64_against_strtod(void **state)
{
    uint64_t x = 88172645463325252;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        char text[64];
        double bits, got;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&bits, &x, sizeof bits);
        if (!isfinite(bits)) continue;
        static const char *const forms[] = {"%.17g", "%.3g", "%.15g", "%.25e"};
        snprintf(text, sizeof text, forms[i % 4], bits);
        if (!isfinite(strtod(text, NULL))) continue;
        assert_true(sl_value_f64(read_text(text), &got));
        assert_true(got == strtod(text, NULL));
        snprintf(text, sizeof text, "%d.%06u", (int)(x >> 40), (unsigned)(x % 1000000));
        assert_true(sl_value_f64(read_text(text), &got));
        assert_true(got == strtod(text, NULL));
    }
}

/* ---- strings ---- */

static const struct {
    const char *raw;
    int64_t len; /* or SL_E_UTF8 */
    const char *text;
} strings[] = {
    {"",                           0,         ""                                    },
    {"abc",                        3,         "abc"                                 },
    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", 8,         "\"\\/\b\f\n\r\t"                     },
    {"\\u0041",                    1,         "A"                                   },
    {"a\\u0000b",                  3,         "a\0b"                                },
    {"\\u007f\\u0080",             3,         "\x7F\xC2\x80"                        },
    {"\\u07FF\\u0800",             5,         "\xDF\xBF\xE0\xA0\x80"                },
    {"\\uD7ff\\uE000\\uffff",      9,         "\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"},
    {"\\ud800\\udc00",             4,         "\xF0\x90\x80\x80"                    },
    {"\\uDBFF\\uDFFF",             4,         "\xF4\x8F\xBF\xBF"                    },
    {"x\\ud83d\\ude00y",           6,         "x\xF0\x9F\x98\x80y"                  },
    {"\u0e01\\n\u0e02",            7,         "\u0e01\n\u0e02"                      },
    {"\\\\u0041",                  6,         "\\u0041"                             },
    {"\\ud800",                    SL_E_UTF8, NULL                                  },
    {"\\udfff",                    SL_E_UTF8, NULL                                  },
    {"\\ud800x",                   SL_E_UTF8, NULL                                  },
    {"\\ud800\\n",                 SL_E_UTF8, NULL                                  },
    {"\\ud800\\u0041",             SL_E_UTF8, NULL                                  },
    {"\\ud800\\ud800\\udc00",      SL_E_UTF8, NULL                                  },
    {"\\udc00\\ud800",             SL_E_UTF8, NULL                                  },
    {"abc\\udbff",                 SL_E_UTF8, NULL                                  },
};

static void test_unescape(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        sl_str raw = sl_str_of(strings[i].raw);
        char *into = malloc(raw.len ? raw.len : 1); /* what is promised to be enough */
        assert_non_null(into);
        assert_int_equal(sl_json_unescape(raw, into), strings[i].len);
        if (strings[i].len > 0)
            assert_memory_equal(into, strings[i].text, (size_t)strings[i].len);
        free(into);
    }
}

/* A slice that no reader has seen must not lead beyond itself. */
static void test_unescape_of_a_cut_slice(void **state)
{
    static const char *const cut[] = {"\\",  "\\u",       "\\u004",
                                      "a\\", "\\ud83d\\", "\\ud83d\\ude0"};

    (void)state;
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        size_t n = strlen(cut[i]);
        char *raw = malloc(n), into[16];
        assert_non_null(raw);
        memcpy(raw, cut[i], n);
        assert_int_equal(sl_json_unescape((sl_str){raw, n}, into), SL_E_UTF8);
        free(raw);
    }
}

static void test_is_str(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "\"%s\"", strings[i].raw);
        sl_value v = read_text(quoted);
        if (strings[i].len < 0) {
            assert_false(sl_value_is_str(v, sl_str_of(strings[i].raw)));
            continue;
        }
        sl_str text = {strings[i].text, (size_t)strings[i].len};
        assert_true(sl_value_is_str(v, text));
        char other[64];
        memcpy(other, text.ptr, text.len);
        other[text.len] = 'x';
        assert_false(sl_value_is_str(v, (sl_str){other, text.len + 1}));
        if (text.len == 0) continue;
        assert_false(sl_value_is_str(v, (sl_str){text.ptr, text.len - 1}));
        other[text.len - 1] ^= 1;
        assert_false(sl_value_is_str(v, (sl_str){other, text.len}));
    }
    assert_false(sl_value_is_str(read_text("1"), SL_STR("1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_raw),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_last_of_equal_keys_wins),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_other_type),
        cmocka_unit_test(test_i64),
        cmocka_unit_test(test_f64),
        cmocka_unit_test(test_f64_in_another_locale),
        cmocka_unit_test(test_f64_of_many_digits),
        cmocka_unit_test(test_f64_against_strtod),
        cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_unescape_of_a_cut_slice),
        cmocka_unit_test(test_is_str),
    };

    return cmocka_run_group_tests(tests, NULL, forget_doc);
}
