/* SPDX-License-Identifier: MIT */
#include "serve/agents.h"

#include "base/alloc.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

static void assert_text(const struct agents *all, uint8_t agent, const char *text)
{
    sl_str got = agents_text(all, agent);

    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.ptr, text, got.len);
}

static void test_the_same_is_kept_once(void **state)
{
    struct agents *all = NULL;
    uint8_t a, b;

    (void)state;
    a = agents_hold(&all, SL_STR("curl/8"));
    b = agents_hold(&all, SL_STR("python"));
    assert_int_not_equal(a, 0);
    assert_int_not_equal(a, b);
    assert_int_equal(agents_hold(&all, SL_STR("curl/8")), a);
    assert_int_equal(agents_hold_again(all, a), a);
    agents_drop(all, a);
    agents_drop(all, a);
    assert_text(all, a, "curl/8"); /* one is left */
    agents_drop(all, a);
    assert_text(all, b, "python");
    assert_int_equal(agents_hold(&all, SL_STR("new")), a); /* in its place */
    assert_text(all, a, "new");
    agents_free(all);
}

static void test_nothing(void **state)
{
    struct agents *all = NULL;

    (void)state;
    assert_int_equal(agents_hold(&all, (sl_str){0}), 0);
    assert_null(all);
    agents_drop(NULL, 0);
    assert_null(agents_text(NULL, 0).ptr);
    assert_int_equal(agents_hold_again(NULL, 0), 0);
    agents_free(NULL);
}

/* A stranger may call itself what it likes, as often as it likes. */
static void test_bounds(void **state)
{
    struct agents *all = NULL;
    char text[300];
    uint8_t last = 0;

    (void)state;
    memset(text, 'x', sizeof text);
    last = agents_hold(&all, (sl_str){text, sizeof text});
    assert_int_equal(agents_text(all, last).len, AGENT_BYTES_MAX);
    for (int i = 1; i < AGENTS_MAX; i++) {
        snprintf(text, sizeof text, "client %d", i);
        last = agents_hold(&all, sl_str_of(text));
        assert_int_not_equal(last, 0);
    }
    assert_int_equal(agents_hold(&all, SL_STR("one too many")), 0);
    assert_int_equal(agents_hold(&all, SL_STR("client 7")),
                     agents_hold(&all, SL_STR("client 7")));
    agents_drop(all, last);
    assert_int_equal(agents_hold(&all, SL_STR("one too many")), last);
    agents_free(all);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct agents *all = NULL;

        assert_true(n < 20);
        sl__alloc_fail_after(n);
        uint8_t a = agents_hold(&all, SL_STR("curl"));
        sl__alloc_fail_after(-1);
        if (a != 0) {
            assert_text(all, a, "curl");
            agents_free(all);
            return;
        }
        assert_int_equal(agents_hold(&all, SL_STR("curl")), 1); /* nothing is spoilt */
        agents_free(all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_is_kept_once),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
