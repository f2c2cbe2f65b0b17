/* SPDX-License-Identifier: MIT */
/* What the reader takes and refuses, by clause of RFC 8259. */
#include "sluice/json.h"

#include "base/alloc.h"
#include "base/json_cases.h"
#include "base/scan.h"

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

#define T(literal)                      \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

enum cutting { WHOLE, BYTEWISE, RANDOMLY };

/* The index as a message brings it. returns what the scan says */
static int scan_text(sl_json_index *x, sl_str text, enum cutting how)
{
    struct scan s;

    index_init(x, 0);
    scan_init(&s, SCAN_JSON, NULL, x);
    for (size_t at = 0; at < text.len;) {
        size_t n = how == BYTEWISE ? 1 : text.len - at;
        if (how == RANDOMLY) n = 1 + draw((uint32_t)n);
        int rc = scan_feed(&s, NULL, (const uint8_t *)text.ptr + at, n);
        if (rc < 0) return rc;
        at += n;
    }
    return scan_end(&s);
}

/* A copy that ends where it ends, for the address sanitizer. */
static sl_str exact(sl_str text)
{
    char *p = malloc(text.len ? text.len : 1);

    assert_non_null(p);
    if (text.len > 0) memcpy(p, text.ptr, text.len);
    return (sl_str){p, text.len};
}

/* Read without an index, then with one that was made in each way: they must agree. */
static int read_all_ways(sl_str given, size_t *offset)
{
    static sl_json plain, doc; /* kept: a read may not depend on the one before */
    sl_str text = exact(given);
    sl_error err = {0}, other = {0};
    int rc = sl_json_read(&plain, text, NULL, NULL, &err);

    *offset = err.offset;
    assert_int_equal(err.code, rc);
    for (enum cutting how = WHOLE; how <= RANDOMLY; how++) {
        sl_json_index x;
        int got = scan_text(&x, text, how);
        if (got == 0) got = sl_json_read(&doc, text, &x, NULL, &other);
        if (got != SL_E_UTF8 && rc != SL_E_UTF8) assert_int_equal(got, rc);
        assert_int_equal(got < 0, rc < 0);
        if (rc == 0) {
            assert_int_equal(doc.n, plain.n);
            assert_memory_equal(doc.node, plain.node, doc.n * sizeof *doc.node);
        } else if (got == SL_E_JSON) {
            assert_int_equal(other.offset, err.offset);
            assert_string_equal(other.text, err.text);
        }
        index_deinit(&x);
    }
    if (rc < 0) {
        assert_int_equal(plain.n, 0);
        assert_true(err.text[0] != '\0');
        assert_true(err.offset <= text.len);
    }
    sl_json_deinit(&plain);
    sl_json_deinit(&doc);
    free((char *)text.ptr);
    return rc;
}

static void test_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        size_t offset;
        print_message("# %s\n", taken[i].name);
        assert_int_equal(read_all_ways(taken[i].text, &offset), 0);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        size_t offset;
        print_message("# %s\n", refused[i].name);
        assert_int_equal(read_all_ways(refused[i].text, &offset), refused[i].rc);
        assert_int_equal(offset, refused[i].offset);
    }
}

/* The same with white space in front, so that each row meets every place in a block. */
static void test_rows_at_every_place_of_a_block(void **state)
{
    char text[256];

    (void)state;
    for (size_t shift = 1; shift < 66; shift++) {
        size_t offset;
        memset(text, ' ', shift);
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
            memcpy(text + shift, taken[i].text.ptr, taken[i].text.len);
            assert_int_equal(read_all_ways((sl_str){text, shift + taken[i].text.len}, &offset),
                             0);
        }
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
            memcpy(text + shift, refused[i].text.ptr, refused[i].text.len);
            sl_str t = {text, shift + refused[i].text.len};
            assert_int_equal(read_all_ways(t, &offset), refused[i].rc);
            assert_int_equal(offset, refused[i].offset + shift);
        }
    }
}

/* Every beginning of a document that is not itself one is refused. */
static void test_cut_off_anywhere(void **state)
{
    sl_str text = SL_STR(
        "{\"a\":[1.5e+3,-20,true,null,\"x\\u00e9\\n\u0e01\"],\"b\":{\"c\":{}},\"d\":[[]]}");

    (void)state;
    for (size_t n = 0; n < text.len; n++) {
        size_t offset;
        assert_true(read_all_ways((sl_str){text.ptr, n}, &offset) < 0);
    }
}

/* ---- limits ---- */

static int read_deep(uint32_t depth, char open, char close, const sl_json_limits *limits)
{
    sl_json doc = {0};
    char *p = malloc(2 * (size_t)depth);

    assert_non_null(p);
    memset(p, open, depth);
    memset(p + depth, close, depth);
    int rc = sl_json_read(&doc, (sl_str){p, 2 * (size_t)depth}, NULL, limits, NULL);
    assert_true(doc.piece_cap <= 16384 + 64);
    assert_true(doc.cap <= 128 || rc == 0);
    sl_json_deinit(&doc);
    free(p);
    return rc;
}

static void test_depth(void **state)
{
    const sl_json_limits one = {.depth = 1}, ten = {.depth = 10}, many = {.depth = 200000};

    (void)state;
    assert_int_equal(read_deep(63, '[', ']', NULL), 0);
    assert_int_equal(read_deep(64, '[', ']', NULL), 0);
    assert_int_equal(read_deep(65, '[', ']', NULL), SL_E_DEPTH);
    assert_int_equal(read_deep(100000, '[', ']', NULL), SL_E_DEPTH);
    assert_int_equal(read_deep(100000, '[', '[', NULL), SL_E_DEPTH);
    assert_int_equal(read_deep(9, '[', ']', &ten), 0);
    assert_int_equal(read_deep(10, '[', ']', &ten), 0);
    assert_int_equal(read_deep(11, '[', ']', &ten), SL_E_DEPTH);
    assert_int_equal(read_deep(1, '{', '}', &one), 0);
    assert_int_equal(read_deep(2, '[', ']', &one), SL_E_DEPTH);
    assert_int_equal(read_deep(100000, '[', ']', &many), 0); /* no recursion */
}

static void test_depth_of_objects(void **state)
{
    char text[65 * 5 + 1 + 65], *p;

    (void)state;
    for (unsigned depth = 64; depth <= 65; depth++) {
        sl_json doc = {0};
        p = text;
        for (unsigned i = 0; i < depth; i++, p += 5)
            memcpy(p, "{\"a\":", 5);
        *p++ = '1';
        memset(p, '}', depth);
        sl_str t = {text, (size_t)(p - text) + depth};
        assert_int_equal(sl_json_read(&doc, t, NULL, NULL, NULL), depth == 64 ? 0 : SL_E_DEPTH);
        sl_json_deinit(&doc);
    }
}

static void test_node_limit(void **state)
{
    static const uint32_t limits[] = {1, 2, 63, 64, 65, 128, 1000};
    static char text[4096];

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        for (int over = -1; over <= 1; over++) { /* an array and its elements */
            sl_json_limits limit = {.nodes = limits[i]};
            uint32_t nodes = (uint32_t)((int)limits[i] + over);
            sl_json doc = {0};
            sl_error err = {0};
            size_t n = 0;
            if (nodes == 0) continue;
            text[n++] = '[';
            for (uint32_t k = 1; k < nodes; k++) {
                if (k > 1) text[n++] = ',';
                text[n++] = '0';
            }
            text[n++] = ']';
            int rc = sl_json_read(&doc, (sl_str){text, n}, NULL, &limit, &err);
            assert_int_equal(rc, over == 1 ? SL_E_TOO_BIG : 0);
            assert_int_equal(doc.n, rc == 0 ? nodes : 0);
            assert_true(doc.cap <= limits[i]);
            /* a lower limit counts even where memory is there from before */
            limit.nodes = 1;
            rc = sl_json_read(&doc, (sl_str){text, n}, NULL, &limit, NULL);
            assert_int_equal(rc, nodes > 1 ? SL_E_TOO_BIG : 0);
            sl_json_deinit(&doc);
        }
}

static void test_default_node_limit(void **state)
{
    sl_json doc = {0};
    size_t n = 2 * 1000000 - 1; /* [0,0,..,0]: 999,999 elements and the array */
    char *text = malloc(n + 2);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < n + 2; i++)
        text[i] = i & 1 ? '0' : ',';
    text[0] = '[';
    text[n - 1] = ']';
    assert_int_equal(sl_json_read(&doc, (sl_str){text, n}, NULL, NULL, NULL), 0);
    assert_int_equal(doc.n, 1000000);
    text[n - 1] = ',';
    text[n + 1] = ']';
    assert_int_equal(sl_json_read(&doc, (sl_str){text, n + 2}, NULL, NULL, NULL), SL_E_TOO_BIG);
    sl_json_deinit(&doc);
    free(text);
}

static void test_text_of_4_gib(void **state)
{
    sl_str text = {"[]", UINT32_MAX}, found,
           key = SL_STR("a"); /* refused before it is looked at */
    sl_json doc = {0};
    sl_error err = {0};

    (void)state;
    assert_int_equal(sl_json_read(&doc, text, NULL, NULL, &err), SL_E_TOO_BIG);
    assert_int_equal(doc.n, 0);
    assert_int_equal(sl_json_peek(text, NULL, &key, 1, &found, NULL), SL_E_TOO_BIG);
    sl_json_deinit(&doc);
}

/* ---- the index it is given ---- */

/* One that can not be used counts as none: overflowed, unfinished, of another text. */
static void test_useless_index(void **state)
{
    sl_str text = SL_STR("[1,2,3,4,5,6,7,8,9,10]");
    sl_json doc = {0};
    sl_json_index x;

    (void)state;
    assert_int_equal(scan_text(&x, text, WHOLE), 0);
    for (unsigned i = 0; i < 4; i++) {
        sl_json_index bad = x;
        if (i == 0) bad.overflow = true;
        if (i == 1) bad.complete = false;
        if (i == 2) bad.len--;
        if (i == 3) bad.len++;
        bad.n = 2;
        assert_int_equal(sl_json_read(&doc, text, &bad, NULL, NULL), 0);
        assert_int_equal(doc.n, 11);
    }
    index_deinit(&x);
    sl_json_deinit(&doc);
}

/* Strings, numbers and escapes across the pieces in which a text without index is scanned. */
static void test_pieces(void **state)
{
    enum { LEN = 80000 };
    char *text = malloc(LEN);
    sl_json doc = {0};

    (void)state;
    seed = 3;
    assert_non_null(text);
    for (unsigned round = 0; round < 40; round++) {
        static const char *const item[] = {"1234567890.5", "\"abcdefgh\"", "\"\\u0041\\n\"",
                                           "[]",           "{\"k\":true}", "\"\u0e01\u0e02\""};
        uint32_t values = 0;
        size_t n = 0;
        text[n++] = '[';
        while (n < LEN - 40) {
            size_t len, which = draw(6), spaces = draw(4);
            if (values++ > 0) text[n++] = ',';
            memset(text + n, ' ', spaces);
            n += spaces;
            len = strlen(item[which]);
            memcpy(text + n, item[which], len);
            n += len;
        }
        text[n++] = ']';
        assert_int_equal(sl_json_read(&doc, (sl_str){text, n}, NULL, NULL, NULL), 0);
        assert_int_equal(sl_value_count(sl_json_root(&doc)), values);
        assert_true(doc.piece_cap <= 16384 + 64);
        text[n - 1] = '}';
        sl_error err;
        assert_int_equal(sl_json_read(&doc, (sl_str){text, n}, NULL, NULL, &err), SL_E_JSON);
        assert_int_equal(err.offset, n - 1);
    }
    memset(text, 'A', LEN); /* one string over all pieces */
    text[0] = text[LEN - 1] = '"';
    assert_int_equal(sl_json_read(&doc, (sl_str){text, LEN}, NULL, NULL, NULL), 0);
    assert_int_equal(doc.node[0].len, LEN - 2);
    sl_json_deinit(&doc);
    free(text);
}

/* ---- memory ---- */

static void test_memory_is_kept(void **state)
{
    sl_str text = SL_STR("{\"a\":[1,2,3]}");
    sl_json doc = {0};

    (void)state;
    assert_int_equal(sl_json_read(&doc, text, NULL, NULL, NULL), 0);
    sl__alloc_fail_after(0);
    int rc = sl_json_read(&doc, text, NULL, NULL, NULL);
    sl__alloc_fail_after(-1);
    assert_int_equal(rc, 0);
    assert_int_equal(doc.n, 6);
    sl_json_deinit(&doc);
    assert_null(doc.node);
    sl_json_deinit(&doc);
}

static void test_without_memory(void **state)
{
    static char text[1001];
    sl_json_index x;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i & 1 ? '0' : ',';
    text[0] = '[';
    text[1000] = ']';
    sl_str t = {text, sizeof text};
    assert_int_equal(scan_text(&x, t, WHOLE), 0);
    for (unsigned with = 0; with < 2; with++)
        for (long k = 0;; k++) {
            sl_json doc = {0};
            sl_error err = {0};
            sl__alloc_fail_after(k);
            int rc = sl_json_read(&doc, t, with ? &x : NULL, NULL, &err);
            sl__alloc_fail_after(-1);
            assert_int_equal(rc < 0 ? err.code : 0, rc);
            assert_int_equal(doc.n, rc == 0 ? 501 : 0);
            sl_json_deinit(&doc);
            if (rc == 0) {
                assert_true(k > 2); /* it did fail before */
                break;
            }
            assert_int_equal(rc, SL_E_NOMEM);
        }
    index_deinit(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_rows_at_every_place_of_a_block),
        cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_depth_of_objects),
        cmocka_unit_test(test_node_limit),
        cmocka_unit_test(test_default_node_limit),
        cmocka_unit_test(test_text_of_4_gib),
        cmocka_unit_test(test_useless_index),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_memory_is_kept),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
