/* SPDX-License-Identifier: MIT */
/* The writer. */
#include "sluice/json.h"

#include "base/alloc.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void assert_text(sl_json_out *o, const char *want)
{
    sl_str got = sl_out_text(o);

    assert_int_equal(o->rc, 0);
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void test_structure(void **state)
{
    sl_json_out o = {0};

    (void)state;
    sl_out_object(&o);
    sl_out_key(&o, "a");
    sl_out_i64(&o, 1);
    sl_out_key(&o, "b");
    sl_out_array(&o);
    sl_out_null(&o);
    sl_out_bool(&o, true);
    sl_out_bool(&o, false);
    sl_out_object(&o);
    sl_out_end(&o);
    sl_out_array(&o);
    sl_out_end(&o);
    sl_out_str(&o, SL_STR("x"));
    sl_out_end(&o);
    sl_out_key(&o, "c");
    sl_out_raw(&o, SL_STR("{\"raw\": 1.50}"));
    sl_out_end(&o);
    assert_text(&o, "{\"a\":1,\"b\":[null,true,false,{},[],\"x\"],\"c\":{\"raw\": 1.50}}");

    sl_out_reset(&o); /* the memory stays, all else goes */
    assert_int_equal(sl_out_text(&o).len, 0);
    sl_out_raw(&o, SL_STR("42")); /* what a wire wants in front */
    sl_out_array(&o);
    sl_out_str(&o, SL_STR("event"));
    sl_out_i64(&o, 2);
    sl_out_end(&o);
    assert_text(&o, "42[\"event\",2]");
    sl_out_deinit(&o);
    assert_null(o.ptr);
    sl_out_deinit(&o);
}

static void test_raw_in_pieces(void **state)
{
    sl_json_out o = {0};

    (void)state;
    sl_out_array(&o);
    sl_out_null(&o);
    sl_out_raw(&o, SL_STR("{\"a\":"));
    sl_out_more(&o, (sl_str){0});
    sl_out_more(&o, SL_STR("[1"));
    sl_out_more(&o, SL_STR(",2]}"));
    sl_out_i64(&o, 3);
    sl_out_end(&o);
    assert_text(&o, "[null,{\"a\":[1,2]},3]");
    sl_out_deinit(&o);
}

static void test_misuse_sticks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        sl_json_out o = {0};
        if (i != 1 && i != 4) sl_out_object(&o);
        if (i == 0) sl_out_i64(&o, 1);   /* a member without key */
        if (i == 1) sl_out_key(&o, "a"); /* a key outside any object */
        if (i == 2) {                    /* two keys */
            sl_out_key(&o, "a");
            sl_out_key(&o, "b");
        }
        if (i == 3) { /* an end where a value is due */
            sl_out_key(&o, "a");
            sl_out_end(&o);
        }
        if (i == 4) sl_out_end(&o); /* an end too many */
        if (i == 5) {               /* a key in an array */
            sl_out_key(&o, "a");
            sl_out_array(&o);
            sl_out_key(&o, "b");
        }
        if (i == 6) { /* nothing is no JSON */
            sl_out_key(&o, "a");
            sl_out_raw(&o, SL_STR(""));
        }
        if (i == 7) { /* more of a value that is not there yet */
            sl_out_key(&o, "a");
            sl_out_more(&o, SL_STR("1"));
        }
        assert_int_equal(o.rc, SL_E_INVAL);
        sl_out_end(&o);
        sl_out_null(&o);
        sl_out_array(&o);
        assert_int_equal(o.rc, SL_E_INVAL);
        assert_int_equal(sl_out_text(&o).len, 0);
        sl_out_reset(&o);
        sl_out_null(&o);
        assert_text(&o, "null");
        sl_out_deinit(&o);
    }
}

static void test_depth(void **state)
{
    (void)state;
    for (unsigned depth = 63; depth <= 65; depth++) {
        sl_json_out o = {0};
        sl_json doc = {0};
        for (unsigned i = 0; i < depth; i++) {
            if (i & 1)
                sl_out_array(&o);
            else
                sl_out_object(&o);
            if (!(i & 1)) sl_out_key(&o, "a");
        }
        sl_out_i64(&o, 1);
        for (unsigned i = 0; i < depth; i++)
            sl_out_end(&o);
        assert_int_equal(o.rc, depth == 65 ? SL_E_DEPTH : 0);
        if (depth < 65) {
            assert_int_equal(o.depth, 0);
            assert_int_equal(sl_json_read(&doc, sl_out_text(&o), NULL, NULL, NULL), 0);
        }
        sl_json_deinit(&doc);
        sl_out_deinit(&o);
    }
}

static void test_strings(void **state)
{
    static const struct {
        sl_str text;
        const char *json;
    } rows[] = {
        {{"", 0},                       "\"\""                         },
        {{NULL, 0},                     "\"\""                         },
        {{"abc", 3},                    "\"abc\""                      },
        {{"a\"b\\c/d", 7},              "\"a\\\"b\\\\c/d\""            },
        {{"\b\f\n\r\t", 5},             "\"\\b\\f\\n\\r\\t\""          },
        {{"\0\x01\x1f\x7f", 4},         "\"\\u0000\\u0001\\u001f\x7f\""},
        {{"\u00e9\u0e01\U0001F600", 9}, "\"\u00e9\u0e01\U0001F600\""   },
        {{"\xff", 1},                   "\"\uFFFD\""                   },
        {{"a\x80z", 3},                 "\"a\uFFFDz\""                 },
        {{"\xC3", 1},                   "\"\uFFFD\""                   },
        {{"\xE0\xB8z", 3},              "\"\uFFFDz\""                  }, /* one for what belongs together */
        {{"\xF0\x9F\x98", 3},           "\"\uFFFD\""                   },
        {{"\xC0\xAF", 2},               "\"\uFFFD\uFFFD\""             },
        {{"\xED\xA0\x80", 3},           "\"\uFFFD\uFFFD\uFFFD\""       },
        {{"\xF4\x90\x80\x80", 4},       "\"\uFFFD\uFFFD\uFFFD\uFFFD\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_json_out o = {0};
        sl_out_str(&o, rows[i].text);
        assert_text(&o, rows[i].json);
        sl_out_deinit(&o);
    }
}

/* Each special byte at each place of a step, as key and as value, and back again. */
static void test_strings_come_back(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < 20; at++) {
            char text[21] = "abcdefghijklmnopqrst", back[128];
            sl_json_out o = {0};
            sl_json doc = {0};
            sl_str raw;
            text[at] = (char)c;
            sl_out_str(&o, (sl_str){text, 20});
            assert_int_equal(o.rc, 0);
            assert_int_equal(sl_json_read(&doc, sl_out_text(&o), NULL, NULL, NULL), 0);
            assert_true(sl_value_str(sl_json_root(&doc), &raw));
            int64_t n = sl_json_unescape(raw, back);
            if (c < 0x80) {
                assert_int_equal(n, 20);
                assert_memory_equal(back, text, 20);
            } else {
                assert_int_equal(n, 22);
                assert_memory_equal(back + at, "\uFFFD", 3);
            }
            sl_json_deinit(&doc);
            sl_out_deinit(&o);
        }
}

static void test_key_is_escaped(void **state)
{
    sl_json_out o = {0};

    (void)state;
    sl_out_object(&o);
    sl_out_key(&o, "a\"\n");
    sl_out_null(&o);
    sl_out_end(&o);
    assert_text(&o, "{\"a\\\"\\n\":null}");
    sl_out_deinit(&o);
}

static void test_i64(void **state)
{
    static const struct {
        int64_t v;
        const char *text;
    } rows[] = {
        {0,         "0"                   },
        {-1,        "-1"                  },
        {10,        "10"                  },
        {INT64_MAX, "9223372036854775807" },
        {INT64_MIN, "-9223372036854775808"}
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_json_out o = {0};
        sl_out_i64(&o, rows[i].v);
        assert_text(&o, rows[i].text);
        sl_out_deinit(&o);
    }
}

static void test_f64(void **state)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0,                    "0"                      },
        {-0.0,                 "-0"                     },
        {1,                    "1"                      },
        {-1.5,                 "-1.5"                   },
        {2.8404,               "2.8404"                 },
        {0.1,                  "0.1"                    },
        {0.1 + 0.2,            "0.30000000000000004"    },
        {41.7,                 "41.7"                   },
        {13.756331,            "13.756331"              },
        {0.000001,             "0.000001"               },
        {0.0000001,            "1e-07"                  },
        {100,                  "100"                    },
        {999999999.999999,     "999999999.999999"       },
        {1e15,                 "1e+15"                  },
        {123456789012345678.0, "1.2345678901234568e+17" },
        {DBL_MAX,              "1.7976931348623157e+308"},
        {DBL_MIN,              "2.2250738585072014e-308"},
        {5e-324,               "5e-324"                 },
        {NAN,                  "null"                   },
        {INFINITY,             "null"                   },
        {-INFINITY,            "null"                   },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_json_out o = {0};
        sl_out_f64(&o, rows[i].v);
        assert_text(&o, rows[i].text);
        sl_out_deinit(&o);
    }
}

static void test_f64_comes_back(void **state)
{
    static const char *const locales[] = {"C", "de_DE.UTF-8", "ps_AF.UTF-8"};
    uint64_t x = 88172645463325252;
    sl_json_out o = {0};
    sl_json doc = {0};

    (void)state;
    for (unsigned i = 0; i < 30000; i++) {
        double v, back;
        if (i % 10000 == 0) setlocale(LC_ALL, locales[i / 10000]); /* where it is installed */
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&v, &x, sizeof v);
        if (i & 1) v = (double)(int64_t)(x >> 30) / 1e3;
        if (!isfinite(v)) continue;
        sl_out_reset(&o);
        sl_out_f64(&o, v);
        assert_int_equal(sl_json_read(&doc, sl_out_text(&o), NULL, NULL, NULL), 0);
        assert_true(sl_value_f64(sl_json_root(&doc), &back));
        assert_true(back == v);
        assert_true(sl_out_text(&o).len <= 24);
    }
    setlocale(LC_ALL, "C");
    sl_json_deinit(&doc);
    sl_out_deinit(&o);
}

static void write_much(sl_json_out *o)
{
    sl_out_object(o);
    for (unsigned i = 0; i < 100; i++) {
        sl_out_key(o, "key");
        sl_out_array(o);
        sl_out_str(o, SL_STR("a text with \n in it"));
        sl_out_f64(o, 1.25);
        sl_out_end(o);
    }
    sl_out_end(o);
}

static void test_without_memory(void **state)
{
    long k = 0;

    (void)state;
    for (;; k++) {
        sl_json_out o = {0};
        sl__alloc_fail_after(k);
        write_much(&o);
        sl__alloc_fail_after(-1);
        int rc = o.rc;
        assert_int_equal(sl_out_text(&o).len > 0, rc == 0);
        sl_out_deinit(&o);
        if (rc == 0) break;
        assert_int_equal(rc, SL_E_NOMEM);
    }
    assert_true(k > 2); /* it did fail before */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_raw_in_pieces),
        cmocka_unit_test(test_misuse_sticks),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_strings_come_back),
        cmocka_unit_test(test_key_is_escaped),
        cmocka_unit_test(test_i64),
        cmocka_unit_test(test_f64),
        cmocka_unit_test(test_f64_comes_back),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
