/* SPDX-License-Identifier: MIT */
/* Rates at, below and above what they allow, on a clock of our own. */
#include "hub/limits.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

#define SECOND 1000000u
#define T0     (1000ull * SECOND)
#define KEY    SL_STR("cam-1")

static struct rates *make(uint32_t per_window, uint32_t keys_max)
{
    struct rates *r;

    assert_int_equal(rates_new(per_window, 10 * SECOND, keys_max, &r), 0);
    return r;
}

static void a_full_bucket_and_then_the_rate(void **state)
{
    struct rates *r = make(100, 10); /* ten a second */

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(rates_take(r, KEY, 1, T0), 0);
    assert_int_equal(rates_take(r, KEY, 1, T0), 100000);
    assert_int_equal(rates_take(r, KEY, 1, T0 + 99999), 1);
    assert_int_equal(rates_take(r, KEY, 1, T0 + 100000), 0);
    assert_int_equal(rates_take(r, KEY, 1, T0 + 100000), 100000);
    assert_int_equal(rates_take(r, SL_STR("cam-2"), 100, T0), 0); /* each has its own */

    for (int i = 0; i < 100; i++) /* all of it again, and not more */
        assert_int_equal(rates_take(r, KEY, 1, T0 + 60 * SECOND), 0);
    assert_int_not_equal(rates_take(r, KEY, 1, T0 + 60 * SECOND), 0);
    rates_free(r);
}

static void several_at_once(void **state)
{
    struct rates *r = make(100, 10);

    (void)state;
    assert_int_equal(rates_take(r, KEY, 60, T0), 0);
    assert_int_equal(rates_take(r, KEY, 41, T0), 100000);
    assert_int_equal(rates_take(r, KEY, 40, T0), 0);

    /* more than there can ever be: when all is there, and paid for afterwards */
    assert_int_equal(rates_take(r, KEY, 300, T0 + 9 * SECOND), 21 * SECOND);
    assert_int_equal(rates_take(r, KEY, 300, T0 + 10 * SECOND), 0);
    assert_int_equal(rates_take(r, KEY, 1, T0 + 10 * SECOND), 20 * SECOND + 100000);
    assert_int_equal(rates_take(r, KEY, 1, T0 + 30 * SECOND + 100000), 0);
    rates_free(r);
}

static void zero_is_no_limit(void **state)
{
    struct rates *r = make(0, 10);

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rates_take(r, KEY, 1000, T0), 0);
    assert_int_equal(rates_take(NULL, KEY, 1, T0), 0);
    rates_free(r);
}

static uint64_t take_nth(struct rates *r, int i, uint32_t n, uint64_t at_us)
{
    char key[16];
    int len = snprintf(key, sizeof key, "key-%d", i);

    return rates_take(r, (sl_str){key, (size_t)len}, n, at_us);
}

static void buckets_are_bounded(void **state)
{
    struct rates *r = make(10, 3);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(take_nth(r, i, i == 0 ? 1 : 10, T0), 0);
    for (int i = 0; i < 20; i++) /* no bucket for the fourth: it is not counted */
        assert_int_equal(take_nth(r, 3, 10, T0), 0);
    assert_int_not_equal(take_nth(r, 1, 1, T0), 0); /* those that are there still are */

    assert_int_equal(take_nth(r, 3, 10, T0 + 2 * SECOND),
                     0); /* the first is full: swept away */
    assert_int_not_equal(take_nth(r, 3, 10, T0 + 2 * SECOND), 0);
    assert_int_not_equal(take_nth(r, 1, 10, T0 + 2 * SECOND), 0);
    rates_free(r);
}

static void addresses(void **state)
{
    static const struct {
        const char *one, *other;
        bool is_same, is_exempt;
    } rows[] = {
        {"10.0.0.1:5",         "10.0.0.1:6",         true,  false},
        {"10.0.0.1:5",         "10.0.0.2:5",         false, false},
        {"[2001:db8::1]:5",    "[2001:db8::2]:6",    true,  false},
        {"[2001:db8:0:1::]:5", "[2001:db8:0:2::]:5", false, false},
        {"127.0.0.1:5",        "[::1]:5",            true,  true },
        {"?",                  "?",                  true,  false},
    };
    char a[PARTY_SIZE], b[PARTY_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sl_str one = party_of(rows[i].one, a), other = party_of(rows[i].other, b);

        assert_int_equal(sl_str_eq(one, other), rows[i].is_same);
        assert_int_equal(one.len == 0, rows[i].is_exempt);
    }
}

static void devices_are_bounded_unasked_too(void **state)
{
    const struct limits_options some = {.devices = 3}, none = {0};

    (void)state;
    assert_int_equal(limits_devices(&some), 3);
    assert_int_equal(limits_devices(&none), DEVICES_DEFAULT);
    assert_int_equal(limits_devices(NULL), DEVICES_DEFAULT);
}

static void without_memory(void **state)
{
    const struct limits_options o = {.device_rate = 10, .address_rate = 10, .enrolments = 10};
    struct limits l;
    int rc = -1;

    (void)state;
    for (int i = 0; rc < 0; i++) {
        sl__alloc_fail_after(i);
        rc = limits_init(&l, &o);
        sl__alloc_fail_after(-1);
        if (rc < 0) assert_int_equal(rc, SL_E_NOMEM);
    }
    sl__alloc_fail_after(0);
    assert_int_equal(rates_take(l.device, KEY, 1, T0), 0); /* rather not counted than refused */
    sl__alloc_fail_after(-1);
    limits_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_and_then_the_rate),
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(zero_is_no_limit),
        cmocka_unit_test(buckets_are_bounded),
        cmocka_unit_test(addresses),
        cmocka_unit_test(devices_are_bounded_unasked_too),
        cmocka_unit_test(without_memory),
    };

    return cmocka_run_group_tests_name("hub/limits", tests, NULL, NULL);
}
