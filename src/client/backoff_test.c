/* SPDX-License-Identifier: MIT */
#include "client/backoff.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

static void doubled_up_to_the_longest(void **state)
{
    static const uint32_t expected[] = {1000, 2000, 4000, 5000, 5000};
    const struct backoff b = {1000, 5000, 50};

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(backoff_ms(&b, i + 1, 0), expected[i]);
        assert_int_equal(backoff_ms(&b, i + 1, UINT32_MAX), expected[i] / 2 + 1);
        assert_int_equal(backoff_ms(&b, i + 1, UINT32_MAX / 2), expected[i] * 3 / 4 + 1);
    }
    assert_int_equal(backoff_ms(&b, UINT32_MAX, 0), 5000);
    assert_int_equal(backoff_ms(&b, 0, 0), 1000);
}

static void at_the_edges(void **state)
{
    const struct backoff none = {700, 700, 0}, all = {1000, 1000, 100};
    const struct backoff large = {1, UINT32_MAX, 0};

    (void)state;
    assert_int_equal(backoff_ms(&none, 9, 12345), 700);
    assert_int_equal(backoff_ms(&all, 1, UINT32_MAX), 1);
    assert_int_equal(backoff_ms(&large, 32, 0), 0x80000000u);
    assert_int_equal(backoff_ms(&large, 1000, 0), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubled_up_to_the_longest),
        cmocka_unit_test(at_the_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
