/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void test_pieces_are_aligned_and_apart(void **state)
{
    struct arena a = {0};
    uint8_t *piece[200];

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        piece[i] = arena_alloc(&a, i + 1);
        assert_int_equal((uintptr_t)piece[i] % _Alignof(max_align_t), 0);
        memset(piece[i], (int)i, i + 1);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; k <= i; k++)
            assert_int_equal(piece[i][k], i);
    }
    arena_deinit(&a);
    arena_deinit(&a); /* twice is fine */
}

static void test_sizes(void **state)
{
    struct arena a;
    uint8_t *p;

    (void)state;
    arena_init(&a, 64);
    assert_non_null(arena_alloc(&a, 0));
    for (size_t n = 63; n <= 65; n++) { /* below, at and above a chunk */
        p = arena_alloc(&a, n);
        memset(p, 1, n);
    }
    p = arena_alloc(&a, 100000); /* gets a chunk to itself */
    memset(p, 1, 100000);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, PTRDIFF_MAX));
    assert_null(arena_copy(&a, (sl_str){"x", SIZE_MAX}).ptr);
    arena_deinit(&a);
    assert_non_null(arena_alloc(&a, 8)); /* usable again */
    arena_deinit(&a);
}

static void test_copy_is_terminated(void **state)
{
    struct arena a = {0};
    char text[] = "abc";
    sl_str s = arena_copy(&a, (sl_str){text, 3}), empty = arena_copy(&a, (sl_str){NULL, 0});

    (void)state;
    memset(text, 'x', 3);
    assert_int_equal(s.len, 3);
    assert_string_equal(s.ptr, "abc");
    assert_int_equal(empty.len, 0);
    assert_string_equal(empty.ptr, "");
    arena_deinit(&a);
}

static void test_zalloc_clears_what_was_used(void **state)
{
    static const uint8_t zeros[100];
    struct arena a = {0};

    (void)state;
    memset(arena_alloc(&a, 100), 'x', 100);
    arena_reset(&a);
    assert_memory_equal(arena_zalloc(&a, 100), zeros, 100);
    arena_deinit(&a);
}

/* After a reset a round of the same size takes no memory at all. */
static void test_reset_keeps_the_largest_chunk(void **state)
{
    static const size_t sizes[] = {10, 5000, 20};
    struct arena a;

    (void)state;
    arena_init(&a, 64);
    arena_reset(&a);                             /* nothing there yet */
    for (size_t first = 0; first < 3; first++) { /* the largest is newest, oldest, between */
        for (size_t i = 0; i < 3; i++)
            assert_non_null(arena_alloc(&a, sizes[(i + first) % 3]));
        arena_reset(&a);
        sl__alloc_fail_after(0);
        assert_non_null(arena_alloc(&a, 4000));
        assert_non_null(arena_alloc(&a, 900));
        assert_null(arena_alloc(&a, 200));
        sl__alloc_fail_after(-1);
        arena_deinit(&a);
    }
}

static void test_without_memory(void **state)
{
    struct arena a = {0};

    (void)state;
    sl__alloc_fail_after(0);
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_zalloc(&a, 1));
    assert_null(arena_copy(&a, SL_STR("a")).ptr);
    sl__alloc_fail_after(1);
    assert_non_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, ARENA_CHUNK_BYTES));
    sl__alloc_fail_after(-1);
    assert_non_null(arena_alloc(&a, ARENA_CHUNK_BYTES)); /* a failure breaks nothing */
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_copy_is_terminated),
        cmocka_unit_test(test_zalloc_clears_what_was_used),
        cmocka_unit_test(test_reset_keeps_the_largest_chunk),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
