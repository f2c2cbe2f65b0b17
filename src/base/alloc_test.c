/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

static void test_zero_bytes_are_a_valid_request(void **state)
{
    void *p = sl__alloc(0), *q = sl__zalloc(0);

    (void)state;
    assert_non_null(p);
    assert_non_null(q);
    p = sl__realloc(p, 0); /* must not free */
    assert_non_null(p);
    sl__free(p);
    sl__free(q);
    sl__free(NULL);
}

static void test_zalloc_clears_and_realloc_keeps(void **state)
{
    static const char zeros[64];
    char *p = sl__zalloc(sizeof zeros);

    (void)state;
    assert_memory_equal(p, zeros, sizeof zeros);
    memset(p, 'x', sizeof zeros);
    p = sl__realloc(p, 1000);
    for (size_t i = 0; i < sizeof zeros; i++)
        assert_int_equal(p[i], 'x');
    sl__free(p);
}

static void test_fails_after_the_count(void **state)
{
    void *p[3], *more;

    (void)state;
    for (long n = 0; n <= 2; n++) {
        sl__alloc_fail_after(n);
        for (long i = 0; i < 3; i++) {
            p[i] = i == 0 ? sl__alloc(8) : i == 1 ? sl__zalloc(8) : sl__realloc(NULL, 8);
            assert_int_equal(p[i] != NULL, i < n);
        }
        more = sl__alloc(8); /* and each one after that */
        assert_null(more);
        sl__alloc_fail_after(-5); /* any negative number ends it */
        more = sl__alloc(8);
        assert_non_null(more);
        sl__free(more);
        for (long i = 0; i < 3; i++)
            sl__free(p[i]);
    }
}

static void test_a_failed_realloc_leaves_the_old_block(void **state)
{
    char *p = sl__alloc(4), *q;

    (void)state;
    memcpy(p, "abc", 4);
    sl__alloc_fail_after(0);
    q = sl__realloc(p, 100);
    sl__alloc_fail_after(-1);
    assert_null(q);
    assert_string_equal(p, "abc");
    sl__free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_bytes_are_a_valid_request),
        cmocka_unit_test(test_zalloc_clears_and_realloc_keeps),
        cmocka_unit_test(test_fails_after_the_count),
        cmocka_unit_test(test_a_failed_realloc_leaves_the_old_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
