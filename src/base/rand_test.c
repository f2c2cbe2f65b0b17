/* SPDX-License-Identifier: MIT */
#include "base/rand.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

static void test_random_bytes(void **state)
{
    uint8_t a[32] = {0}, b[32] = {0}, guard[3] = {1, 2, 3};
    unsigned seen = 0;

    (void)state;
    rand_bytes(a, sizeof a);
    rand_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    rand_bytes(guard + 1, 1);
    assert_int_equal(guard[0], 1);
    assert_int_equal(guard[2], 3);
    rand_bytes(guard, 0);
    for (int i = 0; i < 1000; i++) {
        uint32_t n = rand_below(8);

        assert_true(n < 8);
        seen |= 1u << n;
    }
    assert_int_equal(seen, 0xff); /* one in 10^57 runs misses one */
    assert_int_equal(rand_below(0), 0);
    assert_int_equal(rand_below(1), 0);
}

static void test_tokens(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char a[4096 + 2], b[24 + 1];

    (void)state;
    a[4097] = 'x';
    rand_token(a, 4096);
    assert_int_equal(strlen(a), 4096);
    assert_int_equal(strspn(a, alphabet), 4096);
    assert_int_equal(a[4097], 'x');
    for (size_t i = 0; i < 64; i++)
        assert_non_null(strchr(a, alphabet[i])); /* one in 10^26 runs misses one */
    rand_token(b, 24);
    assert_memory_not_equal(a, b, 24);
    rand_token(b, 0);
    assert_string_equal(b, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_bytes),
                                       cmocka_unit_test(test_tokens)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
