/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <pthread.h>

static void test_new_has_headroom_and_room(void **state)
{
    sl_buf *b = sl_buf_new(16, 100);

    (void)state;
    assert_int_equal(sl_buf_str(b).len, 0);
    assert_int_equal(sl__buf_room(b), 100);
    assert_ptr_equal(sl__buf_data(b), b->bytes + 16);
    memset(b->bytes, 'x', 116); /* all of it is ours: the sanitizer looks on */
    sl_buf_drop(b);
    sl_buf_drop(NULL);
}

static void test_sizes_that_cannot_be(void **state)
{
    static const struct {
        size_t headroom, cap;
    } rows[] = {
        {0,                      SIZE_MAX                            },
        {16,                     SIZE_MAX                            },
        {16,                     SIZE_MAX - 16                       },
        {0,                      (size_t)PTRDIFF_MAX                 },
        {1,                      (size_t)PTRDIFF_MAX - sizeof(sl_buf)},
        {(size_t)UINT32_MAX + 1, 0                                   },
        {SIZE_MAX,               SIZE_MAX                            },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(sl_buf_new(rows[i].headroom, rows[i].cap));
    }
}

static void test_copy(void **state)
{
    sl_buf *b = sl_buf_copy(SL_STR("a\0b")), *empty = sl_buf_copy((sl_str){NULL, 0});

    (void)state;
    assert_true(sl_str_eq(sl_buf_str(b), SL_STR("a\0b")));
    assert_int_equal(sl_buf_str(empty).len, 0);
    sl_buf_drop(b);
    sl_buf_drop(empty);
}

static void test_hold_and_drop(void **state)
{
    sl_buf *b = sl_buf_copy(SL_STR("abc"));

    (void)state;
    assert_false(sl__buf_is_shared(b));
    assert_ptr_equal(sl_buf_hold(b), b);
    assert_true(sl__buf_is_shared(b));
    sl_buf_drop(b);
    assert_false(sl__buf_is_shared(b));
    assert_true(sl_str_eq(sl_buf_str(b), SL_STR("abc")));
    sl_buf_drop(b);
}

static void test_grow_in_place_keeps_headroom_and_bytes(void **state)
{
    sl_buf *b = sl_buf_new(4, 3);

    (void)state;
    memcpy(b->bytes, "headabc", 7);
    b->len = 3;
    b = sl__buf_grow(b, 1000);
    assert_int_equal(b->start, 4);
    assert_int_equal(sl__buf_room(b), 997);
    assert_memory_equal(b->bytes, "headabc", 7);
    assert_ptr_equal(sl__buf_grow(b, 10), b); /* large enough already */
    assert_ptr_equal(sl__buf_grow(b, 0), b);
    assert_true(sl_str_eq(sl_buf_str(b), SL_STR("abc")));
    sl_buf_drop(b);
}

static void test_grow_of_a_shared_one_leaves_the_others(void **state)
{
    sl_buf *b = sl_buf_new(4, 8), *other, *mine;

    (void)state;
    memcpy(sl__buf_data(b), "abc", 3);
    b->len = 3;
    other = sl_buf_hold(b);
    mine = sl__buf_grow(b, 2); /* less than the content: never less than that */
    assert_ptr_not_equal(mine, other);
    assert_int_equal(mine->start, 4);
    assert_true(sl_str_eq(sl_buf_str(mine), SL_STR("abc")));
    sl__buf_data(mine)[0] = 'X';
    assert_true(sl_str_eq(sl_buf_str(other), SL_STR("abc")));
    assert_false(sl__buf_is_shared(other));
    sl_buf_drop(mine);
    sl_buf_drop(other);
}

static void test_without_memory(void **state)
{
    sl_buf *b = sl_buf_copy(SL_STR("abc"));

    (void)state;
    sl__alloc_fail_after(0);
    assert_null(sl_buf_new(0, 1));
    assert_null(sl_buf_copy(SL_STR("abc")));
    assert_null(sl__buf_grow(b, 100));
    sl_buf_hold(b);
    assert_null(sl__buf_grow(b, 100));
    sl__alloc_fail_after(-1);
    assert_null(sl__buf_grow(b, SIZE_MAX));
    sl_buf_drop(b);
    assert_null(sl__buf_grow(b, SIZE_MAX));
    assert_null(sl__buf_grow(b, SIZE_MAX - sizeof *b)); /* the sum would wrap to nothing */
    assert_true(sl_str_eq(sl_buf_str(b), SL_STR("abc")));
    sl_buf_drop(b);
}

static void test_message_takes_eight_slices(void **state)
{
    sl_message m = {0};
    sl_buf *b = sl_buf_copy(SL_STR("abcdefgh"));

    (void)state;
    assert_int_equal(sl_message_add(&m, b, SL_STR("")), 0); /* empty ones vanish */
    assert_int_equal(m.n, 0);
    for (size_t i = 0; i < SL_MESSAGE_SLICES; i++) {
        assert_int_equal(sl_message_add(&m, b, (sl_str){sl_buf_str(b).ptr + i, 1}), 0);
    }
    assert_int_equal(m.n, 8);
    assert_int_equal(m.bytes, 8);
    assert_int_equal(sl_message_add(&m, b, sl_buf_str(b)), SL_E_TOO_BIG);
    assert_int_equal(sl_message_add(&m, b, SL_STR("")), 0); /* nor do they count when full */
    assert_int_equal(m.n, 8);
    assert_int_equal(m.bytes, 8);
    assert_int_equal(m.slice[7].bytes.ptr[0], 'h');
    assert_false(sl__buf_is_shared(b)); /* a message borrows */
    sl_buf_drop(b);
}

static void *hold_and_drop(void *arg)
{
    sl_buf *b = arg;
    size_t sum = 0;

    for (int i = 0; i < 20000; i++) {
        sl_buf *mine = sl_buf_hold(b);

        sum += (unsigned char)sl_buf_str(mine).ptr[i % 3];
        sl_buf_drop(mine);
    }
    sl_buf_drop(b); /* the last of the threads frees */
    return (void *)sum;
}

static void test_threads_hold_and_drop(void **state)
{
    sl_buf *b = sl_buf_copy(SL_STR("abc"));
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        sl_buf_hold(b);
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, b), 0);
    }
    sl_buf_drop(b);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_has_headroom_and_room),
        cmocka_unit_test(test_sizes_that_cannot_be),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_hold_and_drop),
        cmocka_unit_test(test_grow_in_place_keeps_headroom_and_bytes),
        cmocka_unit_test(test_grow_of_a_shared_one_leaves_the_others),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_message_takes_eight_slices),
        cmocka_unit_test(test_threads_hold_and_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
