/* SPDX-License-Identifier: MIT */
#include "systems/glass_cameras.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

static void test_one_per_id(void **state)
{
    struct cameras all;
    struct camera *a, *b;

    (void)state;
    assert_int_equal(cameras_init(&all), 0);
    a = cameras_get(&all, SL_STR("a"));
    b = cameras_get(&all, SL_STR("b"));
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    assert_int_not_equal(a->number, b->number);
    assert_ptr_equal(cameras_get(&all, SL_STR("a")), a);
    assert_true(sl_str_eq(camera_id(a), SL_STR("a")));
    cameras_deinit(&all);
    cameras_deinit(&all);
}

/* A frame that claims `bytes`, on a small buffer: the bound counts, it does not look. */
static sl_message frame_of(size_t bytes)
{
    sl_buf *b = sl_buf_copy(SL_STR("x"));
    sl_message m = {.text = true, .n = 1, .bytes = bytes};

    assert_non_null(b);
    m.slice[0] = (sl_slice){b, sl_buf_str(b)};
    return m;
}

static void test_last_frames_have_a_bound_together(void **state)
{
    struct cameras all;
    struct camera *a, *b;
    sl_message m;

    (void)state;
    assert_int_equal(cameras_init(&all), 0);
    a = cameras_get(&all, SL_STR("a"));
    b = cameras_get(&all, SL_STR("b"));
    m = frame_of(LAST_FRAMES_MAX - 10);
    cameras_keep_last(&all, a, &m);
    assert_int_equal(a->last.n, 1);
    m = frame_of(11); /* one above */
    cameras_keep_last(&all, b, &m);
    assert_int_equal(b->last.n, 0);
    m = frame_of(10); /* at it */
    cameras_keep_last(&all, b, &m);
    assert_int_equal(b->last.n, 1);
    assert_int_equal(all.last_bytes, LAST_FRAMES_MAX);
    m = frame_of(5); /* its own room counts as free */
    cameras_keep_last(&all, a, &m);
    assert_int_equal(all.last_bytes, 15);
    m = frame_of(LAST_FRAMES_MAX);
    cameras_keep_last(&all, a, &m);
    assert_int_equal(a->last.n, 0); /* and none is better than an old one */
    assert_int_equal(all.last_bytes, 10);
    cameras_deinit(&all);
}

static void test_words(void **state)
{
    char buf[DEVICE_ID_MAX + 1];
    struct cameras all;
    struct camera *cam;
    sl_buf *b;

    (void)state;
    assert_string_equal(camera_printable(SL_STR("a\"b\\c\n\x01é"), buf), "a?b?c??é");
    assert_int_equal(cameras_init(&all), 0);
    cam = cameras_get(&all, SL_STR("a\"b"));
    b = camera_make_status(cam);
    assert_true(sl_str_eq(
        sl_buf_str(b),
        SL_STR(
            "{\"type\":\"device_status\",\"device_id\":\"a\\\"b\",\"status\":\"disconnected\"}")));
    sl_buf_drop(b);
    cameras_deinit(&all);
}

static void test_without_memory(void **state)
{
    struct cameras all;
    struct camera *cam;

    (void)state;
    sl__alloc_fail_after(0);
    assert_int_equal(cameras_init(&all), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_int_equal(cameras_init(&all), 0);
    for (int n = 0; n < 2; n++) {
        sl__alloc_fail_after(n);
        assert_null(cameras_get(&all, SL_STR("a")));
        sl__alloc_fail_after(-1);
    }
    cam = cameras_get(&all, SL_STR("a"));
    assert_non_null(cam);
    sl__alloc_fail_after(0);
    assert_null(camera_make_status(cam));
    sl__alloc_fail_after(-1);
    cameras_deinit(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_per_id),
        cmocka_unit_test(test_last_frames_have_a_bound_together),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
