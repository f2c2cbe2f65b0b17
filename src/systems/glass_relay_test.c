/* SPDX-License-Identifier: MIT */
#include "systems/glass_relay.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

static const sl_str cut[] = {
    {"device_id", 9},
    {"timestamp", 9}
};

#define OURS "\"device_id\":\"cam-7\",\"timestamp\":1"

/* what the device sent, what the dashboards get behind our keys */
static const struct row {
    const char *sent, *rest;
} rows[] = {
    {"{\"type\":\"frame\",\"frame\":\"AAAA\"}",                                         ",\"type\":\"frame\",\"frame\":\"AAAA\"}"},
    {" { \"n\" : 2.8404e+00 , \"e\":\"\\u00e9\\/\" } \n",
     ", \"n\" : 2.8404e+00 , \"e\":\"\\u00e9\\/\" }"                                                                             },
    {"{\"x\":{\"device_id\":1,\"timestamp\":[2]}}",
     ",\"x\":{\"device_id\":1,\"timestamp\":[2]}}"                                                                               }, /* deeper ones are the device's affair */
    {"{\"Device_id\":1}",                                                               ",\"Device_id\":1}"                      },
    {"{\"device_idx\":1}",                                                              ",\"device_idx\":1}"                     },
    {"{\"\":1}",                                                                        ",\"\":1}"                               },
    {"{\"a\":1,\"device_id\":\"cam-9\"}",                                               ",\"a\":1}"                              },
    {"{\"device_id\":\"cam-9\",\"a\": 1.0 }",                                           ",\"a\":1.0}"                            },
    {"{\"a\":1,\"timestamp\":{\"b\":[1]},\"c\":3}",                                     ",\"a\":1,\"c\":3}"                      },
    {"{\"device_id\":1,\"device_id\":2,\"timestamp\":3,\"a\":4,\"device_id\":5}",       ",\"a\":4}"                              },
    {"{\"device_id\":1}",                                                               "}"                                      },
    {"{\"device\\u005fid\":\"cam-9\",\"a\":1}",                                         ",\"a\":1}"                              },
    {"{\"\\u0064\\u0065\\u0076\\u0069\\u0063\\u0065\\u005f\\u0069\\u0064\":9,\"a\":1}",
     ",\"a\":1}"                                                                                                                 },
    {"{\"\\u0064evice_idx\":9}",                                                        ",\"\\u0064evice_idx\":9}"               },
    {"{\"\\ud800\":9}",                                                                 ",\"\\ud800\":9}"                        }, /* a lone surrogate is no key of ours */
};

static void read_ok(sl_json *doc, sl_buf *b)
{
    sl_error err = {0};

    if (sl_json_read(doc, sl_buf_str(b), NULL, NULL, &err) < 0) fail_msg("%s", err.text);
}

static void test_rows(void **state)
{
    sl_json doc = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sl_buf *b = sl_buf_copy(sl_str_of(rows[i].sent));
        char wanted[512], got[512];
        size_t n = 0;
        sl_message m;

        assert_non_null(b);
        read_ok(&doc, b);
        assert_int_equal(relay_make(sl_json_root(&doc), b, SL_STR(OURS), cut, 2, &m), 0);
        sl_buf_drop(b); /* the message holds what it needs */
        assert_true(m.text);
        for (int s = 0; s < m.n; s++) {
            memcpy(got + n, m.slice[s].bytes.ptr, m.slice[s].bytes.len);
            n += m.slice[s].bytes.len;
        }
        got[n] = '\0';
        snprintf(wanted, sizeof wanted, "{" OURS "%s", rows[i].rest);
        assert_string_equal(got, wanted);
        assert_int_equal(n, m.bytes);
        assert_int_equal(m.n, 1); /* few bytes: one slice for each receiver */
        relay_drop(&m);
        assert_int_equal(m.n, 0);
        relay_drop(&m);
    }
    sl_json_deinit(&doc);
}

/* Pictures: the device's own bytes leave, unless a key must go. */
static void test_many_bytes_are_shared(void **state)
{
    static const char *const cut_or_not[] = {"device_ix", "device_id"};
    sl_json doc = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        char text[4000], filling[3000];
        sl_message m;
        sl_buf *b;

        memset(filling, 'A', sizeof filling - 1);
        filling[sizeof filling - 1] = '\0';
        snprintf(text, sizeof text, "{\"%s\":1,\"frame\":\"%s\"}", cut_or_not[i], filling);
        b = sl_buf_copy(sl_str_of(text));
        assert_non_null(b);
        read_ok(&doc, b);
        assert_int_equal(relay_make(sl_json_root(&doc), b, SL_STR(OURS), cut, 2, &m), 0);
        assert_int_equal(m.n, i == 0 ? 2 : 1);
        if (i == 0) assert_ptr_equal(m.slice[1].buf, b);
        relay_drop(&m);
        sl_buf_drop(b);
    }
    sl_json_deinit(&doc);
}

static void test_what_is_no_object_is_refused(void **state)
{
    static const char *const texts[] = {"[]", "{}", "1", "\"{\"", "null"};
    sl_json doc = {0};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sl_buf *b = sl_buf_copy(sl_str_of(texts[i]));
        sl_message m;

        assert_non_null(b);
        read_ok(&doc, b);
        assert_int_equal(relay_make(sl_json_root(&doc), b, SL_STR(OURS), cut, 2, &m),
                         SL_E_INVAL);
        assert_int_equal(m.n, 0);
        sl_buf_drop(b);
    }
    sl_json_deinit(&doc);
}

static void test_without_memory(void **state)
{
    static const char *const texts[] = {"{\"a\":1}", "{\"device_id\":1}"};
    sl_json doc = {0};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sl_buf *b = sl_buf_copy(sl_str_of(texts[i]));
        sl_message m;

        assert_non_null(b);
        read_ok(&doc, b);
        sl__alloc_fail_after(0);
        assert_int_equal(relay_make(sl_json_root(&doc), b, SL_STR(OURS), cut, 2, &m),
                         SL_E_NOMEM);
        sl__alloc_fail_after(-1);
        relay_drop(&m);
        sl_buf_drop(b);
    }
    sl_json_deinit(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_many_bytes_are_shared),
        cmocka_unit_test(test_what_is_no_object_is_refused),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
