/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define SPAN (UINT64_C(1) << 36) /* the reach of all levels */

struct item {
    struct timer timer;
    struct wheel *wheel;
    uint64_t fired_ms; /* the wheel's now */
    unsigned fired;
    struct item *other;
    uint64_t again_ms;
};

static struct item *item_of(struct timer *t)
{
    return LIST_ENTRY(t, struct item, timer);
}

static void on_due(struct timer *t)
{
    struct item *it = item_of(t);

    assert_false(timer_is_set(t));
    it->fired++;
    it->fired_ms = it->wheel->now_ms;
}

static void item_init(struct item *it, struct wheel *w, timer_fn *fn)
{
    *it = (struct item){.wheel = w};
    timer_init(&it->timer, fn);
}

/* Every span that is a limit of a level, from several positions of now. */
static void test_exact_to_the_millisecond(void **state)
{
    static const uint64_t starts[] = {0,       1,        63,   64,          4095,
                                      1000003, SPAN - 1, SPAN, 5 * SPAN - 7};
    struct wheel w;
    struct item it;
    uint64_t next;

    (void)state;
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        for (unsigned bit = 0; bit <= 37; bit++) {
            for (int around = -1; around <= 1; around++) {
                uint64_t due = starts[s] + (UINT64_C(1) << bit) + (uint64_t)around;

                wheel_init(&w, starts[s]);
                item_init(&it, &w, on_due);
                wheel_set(&w, &it.timer, due);
                assert_true(wheel_next(&w, &next));
                assert_true(next <= due);
                if (due > starts[s]) assert_int_equal(wheel_advance(&w, due - 1), 0);
                assert_true(timer_is_set(&it.timer));
                assert_true(wheel_next(&w, &next));
                assert_int_equal(next, due);
                assert_int_equal(wheel_advance(&w, due), 1);
                assert_int_equal(it.fired, 1);
                assert_false(wheel_next(&w, &next));
            }
        }
    }
}

static void test_past_due_fires_at_the_next_advance(void **state)
{
    struct wheel w;
    struct item it;
    uint64_t next;

    (void)state;
    wheel_init(&w, 1000);
    item_init(&it, &w, on_due);
    wheel_set(&w, &it.timer, 3);
    assert_true(wheel_next(&w, &next));
    assert_int_equal(next, 1000);
    assert_int_equal(wheel_advance(&w, 1000), 1); /* no time need pass */
    wheel_set(&w, &it.timer, 1000);
    assert_int_equal(wheel_advance(&w, 900), 1); /* nor does time go back */
    assert_int_equal(w.now_ms, 1000);
}

static void test_cancel_leaves_no_wakeup(void **state)
{
    struct wheel w;
    struct item a, b;
    uint64_t next;

    (void)state;
    wheel_init(&w, 0);
    item_init(&a, &w, on_due);
    item_init(&b, &w, on_due);
    wheel_cancel(&w, &a.timer); /* not set: fine */
    for (uint64_t due = 1; due < 4 * SPAN; due *= 3) {
        wheel_set(&w, &a.timer, due);
        wheel_set(&w, &b.timer, due);
        wheel_cancel(&w, &a.timer);
        assert_false(timer_is_set(&a.timer));
        assert_true(wheel_next(&w, &next)); /* the other one is still there */
        wheel_cancel(&w, &b.timer);
        wheel_cancel(&w, &b.timer);
        assert_false(wheel_next(&w, &next));
    }
    assert_int_equal(wheel_advance(&w, 10 * SPAN), 0);
    assert_int_equal(a.fired + b.fired, 0);
}

static void test_moving_forgets_the_old_time(void **state)
{
    struct wheel w;
    struct item it;
    uint64_t next;

    (void)state;
    wheel_init(&w, 0);
    item_init(&it, &w, on_due);
    wheel_set(&w, &it.timer, 10);
    wheel_set(&w, &it.timer, 25);
    assert_true(wheel_next(&w, &next));
    assert_int_equal(next, 25);
    assert_int_equal(wheel_advance(&w, 24), 0);
    assert_int_equal(wheel_advance(&w, 25), 1);
}

static char order[8];
static unsigned order_n;

static void on_note(struct timer *t)
{
    order[order_n++] = (char)item_of(t)->again_ms;
}

static void test_a_batch_fires_in_order_of_due_times(void **state)
{
    static const struct {
        char name;
        uint64_t due_ms;
    } rows[] = {
        {'d', 70      },
        {'a', 3       },
        {'f', 300000  },
        {'b', 3       },
        {'e', 4096    },
        {'c', 64      },
        {'g', 2 * SPAN}
    };
    struct wheel w;
    struct item it[7];

    (void)state;
    wheel_init(&w, 0);
    order_n = 0;
    for (size_t i = 0; i < 7; i++) {
        item_init(&it[i], &w, on_note);
        it[i].again_ms = (uint64_t)rows[i].name;
        wheel_set(&w, &it[i].timer, rows[i].due_ms);
    }
    assert_int_equal(wheel_advance(&w, 3 * SPAN), 7);
    assert_memory_equal(order, "abcdefg", 7);
}

static void on_cancel_other(struct timer *t)
{
    on_due(t);
    wheel_cancel(item_of(t)->wheel, &item_of(t)->other->timer);
}

static void test_a_callback_cancels_one_of_its_batch(void **state)
{
    struct wheel w;
    struct item a, b, c;

    (void)state;
    wheel_init(&w, 0);
    item_init(&a, &w, on_cancel_other);
    item_init(&b, &w, on_cancel_other);
    item_init(&c, &w, on_due);
    a.other = &b;
    b.other = &a;
    wheel_set(&w, &a.timer, 5);
    wheel_set(&w, &b.timer, 6);
    wheel_set(&w, &c.timer, 6);
    assert_int_equal(wheel_advance(&w, 9), 2);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
    assert_int_equal(c.fired, 1);
}

static void on_move_other(struct timer *t)
{
    on_due(t);
    wheel_set(item_of(t)->wheel, &item_of(t)->other->timer, item_of(t)->again_ms);
}

static void test_a_callback_moves_one_of_its_batch(void **state)
{
    struct wheel w;
    struct item a, b;

    (void)state;
    wheel_init(&w, 0);
    item_init(&a, &w, on_move_other);
    item_init(&b, &w, on_due);
    a.other = &b;
    a.again_ms = 100;
    wheel_set(&w, &a.timer, 5);
    wheel_set(&w, &b.timer, 5);
    assert_int_equal(wheel_advance(&w, 5), 1);
    assert_int_equal(b.fired, 0);
    assert_int_equal(wheel_advance(&w, 99), 0);
    assert_int_equal(wheel_advance(&w, 100), 1);
    assert_int_equal(b.fired, 1);
}

/* Set to a time that has passed, by itself: once per advance, not for ever in one. */
static void test_a_callback_sets_itself(void **state)
{
    struct wheel w;
    struct item it;

    (void)state;
    wheel_init(&w, 0);
    item_init(&it, &w, on_move_other);
    it.other = &it;
    it.again_ms = 0;
    wheel_set(&w, &it.timer, 1);
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(wheel_advance(&w, 10), 1);
        assert_int_equal(it.fired, i);
    }
}

/* ---- against a model that looks at every timer ---- */

#define TIMERS 64
#define OPS    100000

static uint64_t seed = 20260301;

static uint64_t draw(void)
{
    seed ^= seed << 13; /* xorshift64 */
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Spans of every size: as likely 3 ms as 3 years. */
static uint64_t draw_span(unsigned bits_max)
{
    unsigned bits = (unsigned)(draw() % (bits_max + 1));

    return draw() & ((UINT64_C(1) << bits) - 1);
}

struct model {
    struct wheel w;
    struct item item[TIMERS];
    uint64_t due[TIMERS]; /* UINT64_MAX: not set */
    uint64_t before_ms;   /* now, before this advance */
    uint64_t last_due_ms; /* of this advance */
};

static struct model model;

/* Due, never early, not later than this advance, in order; and then changes something. */
static void on_model_due(struct timer *t)
{
    size_t i = (size_t)(item_of(t) - model.item), k = draw() % TIMERS;

    assert_true(model.due[i] != UINT64_MAX);
    assert_true(model.due[i] <= model.w.now_ms);
    assert_true(model.due[i] > model.before_ms || model.last_due_ms <= model.before_ms);
    if (model.due[i] > model.before_ms) {
        assert_true(model.due[i] >= model.last_due_ms);
        model.last_due_ms = model.due[i];
    }
    model.due[i] = UINT64_MAX;
    model.item[i].fired++;

    if (draw() % 4 == 0) {
        wheel_cancel(&model.w, &model.item[k].timer);
        model.due[k] = UINT64_MAX;
    } else if (draw() % 4 == 0) {
        model.due[k] = model.w.now_ms + 1 + draw_span(38);
        wheel_set(&model.w, &model.item[k].timer, model.due[k]);
    }
}

static uint64_t model_first(void)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(timer_is_set(&model.item[i].timer), model.due[i] != UINT64_MAX);
        if (model.due[i] < first) first = model.due[i];
    }
    return first;
}

static void model_set(size_t i)
{
    bool past = draw() % 16 == 0;
    uint64_t span = draw_span(38);

    model.due[i] =
        past ? model.w.now_ms - (span < model.w.now_ms ? span : 0) : model.w.now_ms + span;
    wheel_set(&model.w, &model.item[i].timer, model.due[i]);
}

static void model_advance(uint64_t to_ms)
{
    unsigned sum = 0, fired;

    for (size_t i = 0; i < TIMERS; i++)
        sum += model.item[i].fired;
    model.before_ms = model.last_due_ms = model.w.now_ms;
    fired = wheel_advance(&model.w, to_ms);
    for (size_t i = 0; i < TIMERS; i++)
        sum -= model.item[i].fired;
    assert_int_equal(fired, 0u - sum);
    assert_int_equal(model.w.now_ms, to_ms);
    assert_true(model_first() > to_ms); /* nothing that was due is left */
}

static void test_against_the_model(void **state)
{
    uint64_t next, first;

    (void)state;
    wheel_init(&model.w, 12345);
    for (size_t i = 0; i < TIMERS; i++) {
        item_init(&model.item[i], &model.w, on_model_due);
        model.due[i] = UINT64_MAX;
    }
    for (unsigned op = 0; op < OPS; op++) {
        size_t i = draw() % TIMERS;

        switch (draw() % 8) {
        case 0:
        case 1:
        case 2:
        case 3: model_set(i); break;
        case 4:
            wheel_cancel(&model.w, &model.item[i].timer);
            model.due[i] = UINT64_MAX;
            break;
        case 5: model_advance(model.w.now_ms + draw_span(37)); break;
        default: model_advance(model.w.now_ms + draw_span(8)); break;
        }
        first = model_first();
        assert_int_equal(wheel_next(&model.w, &next), first != UINT64_MAX);
        if (first != UINT64_MAX) {
            assert_true(next <= (first > model.w.now_ms ? first : model.w.now_ms));
            assert_true(next >= model.w.now_ms);
        }
    }
}

/* Following wheel_next, as the loop does, each timer is reached in a handful of steps. */
static void test_following_next_takes_few_steps(void **state)
{
    struct wheel w;
    struct item it;
    uint64_t next;

    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        uint64_t now = draw() >> 20, due = now + 1 + draw_span(40);
        unsigned steps = 0;

        wheel_init(&w, now);
        item_init(&it, &w, on_due);
        wheel_set(&w, &it.timer, due);
        while (it.fired == 0) {
            assert_true(++steps <= WHEEL_LEVELS + 1 + (due - now) / SPAN);
            assert_true(wheel_next(&w, &next));
            assert_true(next > w.now_ms && next <= due);
            wheel_advance(&w, next);
        }
        assert_int_equal(it.fired_ms, due);
    }
}

/* Were it done slot by slot, this test would not end. */
static void test_jumps_to_the_end_of_time(void **state)
{
    struct wheel w;
    struct item a, b;
    uint64_t next;

    (void)state;
    wheel_init(&w, 0);
    item_init(&a, &w, on_due);
    item_init(&b, &w, on_due);
    wheel_set(&w, &a.timer, UINT64_MAX - 1);
    wheel_set(&w, &b.timer, UINT64_MAX);
    assert_int_equal(wheel_advance(&w, UINT64_MAX - 2), 0);
    assert_true(wheel_next(&w, &next));
    assert_int_equal(next, UINT64_MAX - 1);
    assert_int_equal(wheel_advance(&w, UINT64_MAX - 1), 1);
    assert_int_equal(wheel_advance(&w, UINT64_MAX), 1);
    assert_false(wheel_next(&w, &next));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_to_the_millisecond),
        cmocka_unit_test(test_past_due_fires_at_the_next_advance),
        cmocka_unit_test(test_cancel_leaves_no_wakeup),
        cmocka_unit_test(test_moving_forgets_the_old_time),
        cmocka_unit_test(test_a_batch_fires_in_order_of_due_times),
        cmocka_unit_test(test_a_callback_cancels_one_of_its_batch),
        cmocka_unit_test(test_a_callback_moves_one_of_its_batch),
        cmocka_unit_test(test_a_callback_sets_itself),
        cmocka_unit_test(test_against_the_model),
        cmocka_unit_test(test_following_next_takes_few_steps),
        cmocka_unit_test(test_jumps_to_the_end_of_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
