/* SPDX-License-Identifier: MIT */
#include "base/list.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

struct thing {
    int value;
    struct list node;
};

static int value_of(struct list *node)
{
    return LIST_ENTRY(node, struct thing, node)->value;
}

static void fill(struct list *l, struct thing *things, int n)
{
    list_init(l);
    for (int i = 0; i < n; i++) {
        things[i].value = i;
        list_add_last(l, &things[i].node);
    }
}

static void test_first_in_first_out(void **state)
{
    struct thing things[3];
    struct list l;

    (void)state;
    list_init(&l);
    assert_true(list_is_empty(&l));
    assert_null(list_take_first(&l));
    fill(&l, things, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(value_of(list_take_first(&l)), i);
    assert_true(list_is_empty(&l));
}

static void test_remove_anywhere_and_twice(void **state)
{
    struct thing things[3];
    struct list l;

    (void)state;
    for (int gone = 0; gone < 3; gone++) {
        fill(&l, things, 3);
        list_remove(&things[gone].node);
        assert_true(list_is_empty(&things[gone].node));
        list_remove(&things[gone].node); /* in no list: fine */
        for (int i = 0; i < 3; i++) {
            if (i != gone) assert_int_equal(value_of(list_take_first(&l)), i);
        }
        assert_true(list_is_empty(&l));
    }
}

static void test_move_all(void **state)
{
    struct thing things[3], late = {.value = 9};
    struct list from, to;

    (void)state;
    for (int n = 0; n <= 3; n++) {
        fill(&from, things, n);
        list_move_all(&from, &to); /* `to` need not be initialised */
        assert_true(list_is_empty(&from));
        list_add_last(&from, &late.node); /* what comes now is not in the walk */
        for (int i = 0; i < n; i++) {
            assert_ptr_equal(to.prev, &things[n - 1].node);
            assert_int_equal(value_of(list_take_first(&to)), i);
        }
        assert_true(list_is_empty(&to));
    }
}

/* A callback during the walk takes out the next one. */
static void test_remove_from_a_moved_list(void **state)
{
    struct thing things[3];
    struct list from, to;

    (void)state;
    fill(&from, things, 3);
    list_move_all(&from, &to);
    assert_int_equal(value_of(list_take_first(&to)), 0);
    list_remove(&things[1].node);
    assert_int_equal(value_of(list_take_first(&to)), 2);
    assert_null(list_take_first(&to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_remove_anywhere_and_twice),
        cmocka_unit_test(test_move_all),
        cmocka_unit_test(test_remove_from_a_moved_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
