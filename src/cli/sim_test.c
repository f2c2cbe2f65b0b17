/* SPDX-License-Identifier: MIT */
/* The pure parts of the simulated camera: what it sees, what it says, and when. */
#include "base/alloc.h"
#include "base/codec.h"
#include "cli/sim_scene.h"
#include "cli/sim_words.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void test_boxes_lie_in_the_picture_at_every_size(void **state)
{
    static const int sizes[][2] = {
        {64,   64  },
        {768,  768 },
        {4096, 64  },
        {64,   4096},
        {641,  479 }
    };

    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int seen_ever = 0, most = 0;

        for (uint64_t ms = 0; ms < SCENE_LOOP_MS; ms += 33) {
            struct sighting seen[SIGHTINGS_MAX];
            int n = scene_look(sizes[k][0], sizes[k][1], ms, seen);

            for (int i = 0; i < n; i++) {
                assert_true(seen[i].x >= 0 && seen[i].y >= 0 && seen[i].w > 0 && seen[i].h > 0);
                assert_true(seen[i].x + seen[i].w <= sizes[k][0]);
                assert_true(seen[i].y + seen[i].h <= sizes[k][1]);
            }
            seen_ever += n;
            if (n > most) most = n;
        }
        assert_true(seen_ever > 0);
        assert_int_equal(most, 2); /* all hits of one picture go together: that is tried too */
    }
}

static void test_the_scene_is_a_loop_that_moves(void **state)
{
    struct scene a = {0}, b = {0};

    (void)state;
    assert_int_equal(scene_init(&a, 96, 64), 0);
    assert_int_equal(scene_init(&b, 96, 64), 0);
    scene_draw(&a, 1234);
    scene_draw(&b, 1234 + SCENE_LOOP_MS);
    assert_memory_equal(a.rgb, b.rgb, 96 * 64 * 3);
    scene_draw(&b, 1334);
    assert_true(memcmp(a.rgb, b.rgb, 96 * 64 * 3) != 0);
    scene_deinit(&a);
    scene_deinit(&b);
}

static void test_a_picture_is_made_once_for_all(void **state)
{
    struct source *s;
    struct view a, b;

    (void)state;
    assert_int_equal(source_synthetic_new(96, 64, 10, &s), 0);
    assert_int_equal(s->take(s, 500, &a), 0);
    assert_int_equal(s->take(s, 599 + SCENE_LOOP_MS, &b), 0); /* the same tenth of a second */
    assert_ptr_equal(a.jpeg, b.jpeg);
    sl_buf_drop(b.jpeg);
    assert_int_equal(s->take(s, 600, &b), 0);
    assert_ptr_not_equal(a.jpeg, b.jpeg);
    s->free(s);
    assert_memory_equal(sl_buf_str(a.jpeg).ptr, "\xff\xd8\xff", 3); /* outlives its source */
    sl_buf_drop(a.jpeg);
    sl_buf_drop(b.jpeg);
}

static void test_a_source_without_memory(void **state)
{
    struct source *s;
    struct view v;

    (void)state;
    for (long n = 0; n < 3; n++) {
        sl__alloc_fail_after(n);
        assert_int_equal(source_synthetic_new(96, 64, 10, &s), SL_E_NOMEM);
        sl__alloc_fail_after(-1);
    }
    assert_int_equal(source_synthetic_new(96, 64, 10, &s), 0);
    sl__alloc_fail_after(0);
    assert_int_equal(s->take(s, 0, &v), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_int_equal(s->take(s, 0, &v), 0);
    sl_buf_drop(v.jpeg);
    s->free(s);
}

/* ---- words ---- */

static void test_words_are_those_of_the_contract(void **state)
{
    const struct sighting chip = {"chip", 0.81, 10, 20, 30, 40}, bare = {"chip", 0.81};
    const struct wall at = {INT64_C(1772357400120000)};
    sl_json_out out = {0};

    (void)state;
    words_register(&out, SL_STR("cam \"7\""));
    assert_true(
        sl_str_eq(sl_out_text(&out),
                  SL_STR("{\"type\":\"device_register\",\"device_id\":\"cam \\\"7\\\"\"}")));
    sl_out_reset(&out);
    words_ping(&out);
    assert_true(sl_str_eq(sl_out_text(&out), SL_STR("{\"type\":\"ping\"}")));
    sl_out_reset(&out);
    words_detection(&out, &bare, 768, 768, at);
    assert_true(sl_str_eq(sl_out_text(&out),
                          SL_STR("{\"type\":\"detection\",\"defect_type\":\"chip\","
                                 "\"confidence\":0.81,"
                                 "\"timestamp\":\"2026-03-01T09:30:00.120000+00:00\"}")));
    sl_out_reset(&out);
    words_detection(&out, &chip, 768, 512, at);
    assert_non_null(
        strstr(sl_out_text(&out).ptr, ",\"bbox\":[10,20,30,40],\"source\":[768,512]}"));
    sl_out_deinit(&out);
}

static void test_a_frame_is_its_bytes(void **state)
{
    struct words_room room = {0};
    uint8_t back[8];
    size_t n;
    sl_str text;

    (void)state;
    sl__alloc_fail_after(0);
    assert_int_equal(words_frame(&room, SL_STR("\xff\xd8\xff\x01\x02"), &text), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_int_equal(words_frame(&room, SL_STR("\xff\xd8\xff\x01\x02"), &text), 0);
    assert_memory_equal(text.ptr, "{\"type\":\"frame\",\"frame\":\"", 25);
    assert_memory_equal(text.ptr + text.len - 2, "\"}", 2);
    assert_int_equal(
        sl__base64_decode(back, sizeof back, (sl_str){text.ptr + 25, text.len - 27}, &n), 0);
    assert_int_equal(n, 5);
    assert_memory_equal(back, "\xff\xd8\xff\x01\x02", 5);
    sl__free(room.ptr);
}

static void test_what_is_told_and_when(void **state)
{
    const struct view nothing = {0}, unsure = {.seen = {{"smudge", 0.49}}, .n = 1};
    const struct view two = {
        .seen = {{"a", 0.5}, {"b", 0.49}, {"c", 0.9}},
          .n = 3
    };
    struct cooldown c = {0};
    int due[SIGHTINGS_MAX];

    (void)state;
    assert_int_equal(words_due(&c, &nothing, 0, due), 0);
    assert_int_equal(words_due(&c, &unsure, 0, due), 0);
    assert_int_equal(words_due(&c, &two, 0, due), 2); /* none told before: at moment 0 too */
    assert_int_equal(due[0], 0);
    assert_int_equal(due[1], 2);
    assert_int_equal(words_due(&c, &two, 1999, due), 0);
    assert_int_equal(words_due(&c, &unsure, 2000, due), 0); /* begins no cooldown */
    assert_int_equal(words_due(&c, &two, 2000, due), 2);
    assert_int_equal(words_due(&c, &two, 3999, due), 0);
    assert_int_equal(words_due(&c, &two, 4000, due), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boxes_lie_in_the_picture_at_every_size),
        cmocka_unit_test(test_the_scene_is_a_loop_that_moves),
        cmocka_unit_test(test_a_picture_is_made_once_for_all),
        cmocka_unit_test(test_a_source_without_memory),
        cmocka_unit_test(test_words_are_those_of_the_contract),
        cmocka_unit_test(test_a_frame_is_its_bytes),
        cmocka_unit_test(test_what_is_told_and_when),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
