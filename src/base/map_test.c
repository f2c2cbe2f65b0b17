/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdbool.h>
#include <stdio.h>

static sl_str key_of(unsigned n)
{
    static char text[16];

    return (sl_str){text, (size_t)snprintf(text, sizeof text, "key-%u", n)};
}

static int values[4];

static void test_put_find_replace_remove(void **state)
{
    struct map *m = map_new();
    void *old = m;

    (void)state;
    assert_null(map_find(m, SL_STR("a")));
    assert_null(map_remove(m, SL_STR("a")));
    assert_int_equal(map_put(m, SL_STR("a"), &values[0], &old), 0);
    assert_null(old);
    assert_ptr_equal(map_find(m, SL_STR("a")), &values[0]);
    assert_null(map_find(m, SL_STR("A")));
    assert_int_equal(map_put(m, SL_STR("a"), &values[1], &old), 0);
    assert_ptr_equal(old, &values[0]);
    assert_int_equal(map_put(m, SL_STR("a"), &values[2], NULL), 0);
    assert_int_equal(map_count(m), 1);
    assert_ptr_equal(map_remove(m, SL_STR("a")), &values[2]);
    assert_null(map_find(m, SL_STR("a")));
    assert_int_equal(map_count(m), 0);
    map_free(m);
    map_free(NULL);
}

/* Keys are bytes: empty, with NUL, one the start of another; and they are copied. */
static void test_keys_are_copied_bytes(void **state)
{
    struct map *m = map_new();
    char text[] = "ab";

    (void)state;
    assert_int_equal(map_put(m, (sl_str){text, 2}, &values[0], NULL), 0);
    assert_int_equal(map_put(m, SL_STR(""), &values[1], NULL), 0);
    assert_int_equal(map_put(m, SL_STR("a"), &values[2], NULL), 0);
    assert_int_equal(map_put(m, SL_STR("a\0"), &values[3], NULL), 0);
    memset(text, 'x', 2);
    assert_ptr_equal(map_find(m, SL_STR("ab")), &values[0]);
    assert_ptr_equal(map_find(m, (sl_str){NULL, 0}), &values[1]);
    assert_ptr_equal(map_find(m, SL_STR("a")), &values[2]);
    assert_ptr_equal(map_find(m, SL_STR("a\0")), &values[3]);
    map_free(m);
}

#define KEYS 500

/* 100,000 drawn operations beside an array that knows the truth. */
static void test_against_a_model(void **state)
{
    static char truth[KEYS]; /* a value's address: which of 4, or 0 */
    struct map *m = map_new();
    uint32_t seed = 1, count = 0;

    (void)state;
    for (unsigned op = 0; op < 100000; op++) {
        unsigned k, keys = op / 10000 % 2 ? KEYS / 10 : KEYS; /* grow and shrink */
        void *expected, *old;

        seed = seed * 1664525 + 1013904223;
        k = (seed >> 8) % keys;
        expected = truth[k] ? &values[truth[k] - 1] : NULL;
        assert_ptr_equal(map_find(m, key_of(k)), expected);
        if (seed >> 31) {
            count += truth[k] == 0;
            truth[k] = (char)(1 + (seed >> 29) % 4);
            assert_int_equal(map_put(m, key_of(k), &values[truth[k] - 1], &old), 0);
            assert_ptr_equal(old, expected);
        } else {
            count -= truth[k] != 0;
            truth[k] = 0;
            assert_ptr_equal(map_remove(m, key_of(k)), expected);
        }
        assert_int_equal(map_count(m), count);
    }
    for (unsigned k = 0; k < KEYS; k++) {
        assert_ptr_equal(map_find(m, key_of(k)), truth[k] ? &values[truth[k] - 1] : NULL);
    }
    map_free(m);
}

static void test_iteration_sees_each_once_and_may_remove(void **state)
{
    struct map *m = map_new();
    bool seen[100] = {false};
    sl_str key;
    void *value;

    (void)state;
    for (uint32_t i = 0; map_next(m, &i, &key, &value);)
        fail(); /* nothing there */
    for (unsigned k = 0; k < 100; k++) {
        assert_int_equal(map_put(m, key_of(k), &seen[k], NULL), 0);
    }
    for (uint32_t i = 0; map_next(m, &i, &key, &value);) {
        bool *mine = value;

        assert_false(*mine);
        *mine = true;
        assert_true(sl_str_eq(key, key_of((unsigned)(mine - seen))));
        if ((mine - seen) % 2) assert_ptr_equal(map_remove(m, key), mine);
    }
    assert_int_equal(map_count(m), 50);
    for (unsigned k = 0; k < 100; k++) {
        assert_true(seen[k]);
        assert_int_equal(map_find(m, key_of(k)) != NULL, k % 2 == 0);
    }
    for (uint32_t i = 0; map_next(m, &i, &key, &value);)
        map_remove(m, key);
    assert_int_equal(map_count(m), 0);
    map_free(m);
}

/* Whatever was put stays, whatever fails changes nothing. */
static void test_without_memory(void **state)
{
    struct map *m;
    unsigned put = 0;
    void *old = &values;

    (void)state;
    sl__alloc_fail_after(0);
    assert_null(map_new());
    sl__alloc_fail_after(-1);
    m = map_new();
    for (unsigned k = 0; k < 200; k++) {
        sl__alloc_fail_after(k % 3); /* 0: nothing, 1: the table or the entry, 2: both */
        if (map_put(m, key_of(k), &values[k % 4], NULL) == 0) put++;
        sl__alloc_fail_after(-1);
        assert_int_equal(map_count(m), put);
    }
    assert_true(put > 100 && put < 200);
    for (unsigned k = 0, found = 0; k < 200; k++) {
        void *value = map_find(m, key_of(k));

        if (value != NULL) assert_ptr_equal(value, &values[k % 4]);
        found += value != NULL;
        if (k == 199) assert_int_equal(found, put);
    }
    sl__alloc_fail_after(0);
    assert_int_equal(map_put(m, SL_STR("new"), &values[0], &old), SL_E_NOMEM);
    assert_null(old);
    assert_int_equal(map_put(m, key_of(2), &values[3], &old), 0); /* replacing needs none */
    sl__alloc_fail_after(-1);
    map_free(m);
}

#define LIVE 200 /* in a table of 512 */

/* Keys that come and go neither fill the table with graves nor make it grow. */
static void test_coming_and_going_does_not_grow_the_table(void **state)
{
    struct map *m = map_new();
    uint32_t i = 0;
    unsigned rebuilt = 0;
    sl_str key;
    void *value;

    (void)state;
    for (unsigned k = 0; k < 20000; k++) {
        sl__alloc_fail_after(1); /* enough for an entry */
        if (map_put(m, key_of(k), &values[1], NULL) < 0) {
            sl__alloc_fail_after(2); /* and for the table */
            assert_int_equal(map_put(m, key_of(k), &values[1], NULL), 0);
            rebuilt++;
        }
        sl__alloc_fail_after(-1);
        if (k >= LIVE) assert_ptr_equal(map_remove(m, key_of(k - LIVE)), &values[1]);
    }
    assert_int_equal(map_count(m), LIVE);
    while (map_next(m, &i, &key, &value))
        continue;
    assert_true(i <= 512);
    assert_true(rebuilt < 45); /* about 27; 66 and more if graves are lost count of */
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_find_replace_remove),
        cmocka_unit_test(test_keys_are_copied_bytes),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_iteration_sees_each_once_and_may_remove),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_coming_and_going_does_not_grow_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
