/* SPDX-License-Identifier: MIT */
/* Documents that begin behind what a wire puts in front: as if the front were not there. */
#include "sluice/json.h"

#include "base/alloc.h"
#include "base/json_cases.h"
#include "base/scan.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What may stand in front: an index holds behind some, and must not be believed behind others.
 */
static const char *const fronts[] = {
    "42",           "4213",
    "42/nsp,",      "42/nsp,7",
    "451-",         "4",
    "42 ",          "42/[{]:,,",
    "42/a\"b,",     "42/a\"b\"c,",
    "42/a\\,",      "42/\\\",",
    "42/\x01,",     "{\"a\":",
    "\"",           "[\"a\\\"\"",
    "\xE2\x82\xAC", "0123456789012345678901234567890123456789012345678901234567890123456789",
};

static int read_with_index(sl_json *doc, sl_str text, size_t from, sl_error *err)
{
    sl_json_index x;
    struct scan s;

    index_init(&x, 0);
    scan_init(&s, SCAN_JSON, NULL, &x);
    int rc = scan_feed(&s, NULL, (const uint8_t *)text.ptr, text.len);
    if (rc == 0) rc = scan_end(&s);
    if (rc == 0) rc = sl_json_read_from(doc, text, from, &x, NULL, err);
    index_deinit(&x);
    return rc;
}

static void assert_same_but_for_place(const sl_json *got, const sl_json *want, uint32_t shift)
{
    assert_int_equal(got->n, want->n);
    for (uint32_t i = 0; i < got->n; i++) {
        sl_json_node n = got->node[i];
        assert_int_equal(n.at, want->node[i].at + shift);
        n.at -= shift;
        assert_memory_equal(&n, &want->node[i], sizeof n);
    }
}

static void check(const char *front, sl_str row)
{
    sl_json want = {0}, got = {0};
    sl_error want_err = {0}, err = {0}, indexed_err = {0};
    size_t from = strlen(front);
    char *text = malloc(from + row.len); /* exact, for the address sanitizer */

    assert_non_null(text);
    memcpy(text, front, from);
    if (row.len > 0) memcpy(text + from, row.ptr, row.len);
    int rc = sl_json_read(&want, row, NULL, NULL, &want_err);
    sl_str all = {text, from + row.len};
    assert_int_equal(sl_json_read_from(&got, all, from, NULL, NULL, &err), rc);
    assert_same_but_for_place(&got, &want, (uint32_t)from);
    if (rc < 0) {
        assert_int_equal(err.offset, want_err.offset + from);
        assert_int_equal(got.n, 0);
    }
    int indexed = read_with_index(&got, all, from, &indexed_err);
    assert_int_equal(indexed < 0, rc < 0);
    if (rc == 0) {
        assert_same_but_for_place(&got, &want, (uint32_t)from);
    } else if (indexed == rc && rc != SL_E_UTF8) {
        assert_int_equal(indexed_err.offset, err.offset);
        assert_string_equal(indexed_err.text, err.text);
    }
    free(text);
    sl_json_deinit(&want);
    sl_json_deinit(&got);
}

static void test_rows_behind_fronts(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof fronts / sizeof *fronts; f++) {
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
            check(fronts[f], taken[i].text);
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            check(fronts[f], refused[i].text);
    }
}

/* A good index is used: no memory is needed to scan again. A misleading one is not. */
static void test_index_is_used_where_it_holds(void **state)
{
    static const struct {
        const char *front;
        bool used;
    } rows[] = {
        {"42",       true },
        {"42/a,7",   true },
        {"42/a\",",  false},
        {"42/\x02,", false}
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_json doc = {0};
        char text[64];
        size_t from = strlen(rows[i].front);

        memcpy(text, rows[i].front, from);
        memcpy(text + from, "[\"a\",1]", 7);
        assert_int_equal(read_with_index(&doc, (sl_str){text, from + 7}, from, NULL), 0);
        assert_int_equal(doc.piece == NULL, rows[i].used);
        assert_true(sl_str_eq(sl_value_raw(sl_json_root(&doc)), SL_STR("[\"a\",1]")));
        sl_json_deinit(&doc);
    }
}

static void test_ends(void **state)
{
    sl_json doc = {0};
    sl_error err = {0};

    (void)state;
    assert_int_equal(sl_json_read_from(&doc, SL_STR("42"), 2, NULL, NULL, &err), SL_E_JSON);
    assert_int_equal(err.offset, 2);
    assert_int_equal(sl_json_read_from(&doc, SL_STR("42"), 3, NULL, NULL, &err), SL_E_INVAL);
    assert_int_equal(doc.n, 0);
    assert_int_equal(read_with_index(&doc, SL_STR("42"), 2, &err), SL_E_JSON);
    sl_json_deinit(&doc);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_behind_fronts),
        cmocka_unit_test(test_index_is_used_where_it_holds),
        cmocka_unit_test(test_ends),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
