/* SPDX-License-Identifier: MIT */
#include "sluice/err.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#define LIBUV_EOF -4095

#define ROW(name, code, text)  {SL_E_##name, text},
#define CODE(name, code, text) SL_E_##name,

static void test_each_code_has_its_sentence(void **state)
{
    static const struct {
        int code;
        const char *text;
    } rows[] = {SL_ERRORS(ROW)};
    char buf[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ptr_equal(sl_strerror(rows[i].code, buf, sizeof buf), buf);
        assert_string_equal(buf, rows[i].text);
    }
    assert_string_equal(sl_strerror(0, buf, sizeof buf), "success");
}

static void test_codes_are_distinct_and_ours(void **state)
{
    static const int codes[] = {SL_ERRORS(CODE)};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        assert_true(codes[i] <= -10001);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(codes[i], codes[k]);
    }
}

static void test_libuv_codes_pass_through(void **state)
{
    char buf[128];

    (void)state;
    assert_string_equal(sl_strerror(-ECONNRESET, buf, sizeof buf), "connection reset by peer");
    assert_string_equal(sl_strerror(LIBUV_EOF, buf, sizeof buf), "end of file");
}

/* Under the leak checker: plain uv_strerror would leak here. */
static void test_unknown_codes_get_their_number(void **state)
{
    static const struct {
        int code;
        const char *digits;
    } rows[] = {
        {-3999,     "3999"       },
        {-4096,     "-4096"      },
        {-10000,    "-10000"     },
        {-99999,    "-99999"     },
        {1,         "1"          },
        {INT32_MIN, "-2147483648"},
        {INT32_MAX, "2147483647" },
    };
    char buf[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_strerror(rows[i].code, buf, sizeof buf);
        assert_non_null(strstr(buf, rows[i].digits));
    }
}

static void test_text_is_cut_and_terminated(void **state)
{
    char buf[8];

    (void)state;
    memset(buf, 'x', sizeof buf);
    sl_strerror(SL_E_NOMEM, buf, 4);
    assert_memory_equal(buf, "out\0xxxx", 8);
    sl_strerror(LIBUV_EOF, buf, 4);
    assert_memory_equal(buf, "end\0xxxx", 8);
    sl_strerror(-3999, buf, 1);
    assert_int_equal(buf[0], '\0');
    buf[0] = 'x';
    assert_ptr_equal(sl_strerror(SL_E_NOMEM, buf, 0), buf);
    assert_int_equal(buf[0], 'x');
}

static void test_fail_fills_and_returns(void **state)
{
    sl_error err;

    (void)state;
    memset(&err, 'x', sizeof err);
    assert_int_equal(sl_fail(&err, SL_E_INVAL, "port", "%d is not a port", 70000), SL_E_INVAL);
    assert_int_equal(err.code, SL_E_INVAL);
    assert_int_equal(err.offset, 0);
    assert_string_equal(err.where, "port");
    assert_string_equal(err.text, "70000 is not a port");
    assert_int_equal(sl_fail(NULL, SL_E_FULL, "a", "b %s", "c"), SL_E_FULL);
    sl_fail(&err, SL_E_INVAL, NULL, "nowhere");
    assert_string_equal(err.where, "");
}

static void test_fail_may_quote_itself(void **state)
{
    sl_error err;

    (void)state;
    sl_fail(&err, SL_E_INVAL, "key", "too short");
    sl_fail(&err, SL_E_DB, err.where, "while reading: %s (%s)", err.text, err.where);
    assert_string_equal(err.where, "key");
    assert_string_equal(err.text, "while reading: too short (key)");
}

/* Cut at the size, but never inside a character. */
static void test_fail_cuts_between_characters(void **state)
{
    sl_error err;
    char text[1024];

    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    sl_fail(&err, SL_E_INVAL, text, "%s", text);
    assert_int_equal(strlen(err.where), sizeof err.where - 1);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);

    memcpy(text + sizeof err.text - 3, "\u20ac", 3); /* would need one byte more */
    sl_fail(&err, SL_E_INVAL, "", "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_code_has_its_sentence),
        cmocka_unit_test(test_codes_are_distinct_and_ours),
        cmocka_unit_test(test_libuv_codes_pass_through),
        cmocka_unit_test(test_unknown_codes_get_their_number),
        cmocka_unit_test(test_text_is_cut_and_terminated),
        cmocka_unit_test(test_fail_fills_and_returns),
        cmocka_unit_test(test_fail_may_quote_itself),
        cmocka_unit_test(test_fail_cuts_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
