/* SPDX-License-Identifier: MIT */
#include "net/loop.h"

#include "base/alloc.h"
#include "net/mem_stream.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct watcher {
    struct timer timer;
    struct turn_hook turn;
    struct stop_hook stop;
    sl_loop *loop;
    uint64_t fired_us;
    int fired, turns, stops, gone, why;
};

static void on_timer(struct timer *t)
{
    struct watcher *w = LIST_ENTRY(t, struct watcher, timer);

    w->fired++;
    w->fired_us = mono_now().us;
    sl_loop_stop(w->loop, 0);
}

static void timers_ring_on_time_in_a_running_loop(void **state)
{
    struct watcher w = {0};
    uint64_t begin;

    (void)state;
    assert_int_equal(sl_loop_new(&w.loop), 0);
    timer_init(&w.timer, on_timer);
    begin = mono_now().us;
    sl__loop_set_timer(w.loop, &w.timer, 30);
    assert_int_equal(sl_loop_run(w.loop), 0);
    assert_int_equal(w.fired, 1);
    assert_true(w.fired_us - begin >= 30000);  /* never early */
    assert_true(w.fired_us - begin < 2000000); /* late only as far as a busy machine is */
    sl_loop_free(w.loop);
}

/* A timer that is set while a later one waits must not wait for it. */
static void the_ticker_follows_the_earliest(void **state)
{
    struct watcher late = {0}, early = {0};

    (void)state;
    assert_int_equal(sl_loop_new(&early.loop), 0);
    timer_init(&late.timer, on_timer);
    timer_init(&early.timer, on_timer);
    late.loop = early.loop;
    sl__loop_set_timer(early.loop, &late.timer, 600000);
    sl__loop_set_timer(early.loop, &early.timer, 10);
    assert_int_equal(sl_loop_run(early.loop), 0);
    assert_int_equal(early.fired, 1);
    assert_int_equal(late.fired, 0);
    sl_loop_free(early.loop);
}

static void on_turn(struct turn_hook *h)
{
    LIST_ENTRY(h, struct watcher, turn)->turns++;
}

static void on_stop(struct stop_hook *h)
{
    LIST_ENTRY(h, struct watcher, stop)->stops++;
}

static void hooks_run(void **state)
{
    struct watcher w = {.turn = {.on_turn = on_turn}, .stop = {.on_stop = on_stop}};

    (void)state;
    assert_int_equal(sl_loop_new(&w.loop), 0);
    sl__loop_add_turn_hook(w.loop, &w.turn);
    sl__loop_add_stop_hook(w.loop, &w.stop);
    timer_init(&w.timer, on_timer);
    sl__loop_set_timer(w.loop, &w.timer, 1);
    assert_int_equal(sl_loop_run(w.loop), 0);
    assert_true(w.turns >= 1);
    assert_int_equal(w.stops, 1);
    sl__loop_remove_turn_hook(&w.turn);
    sl__loop_remove_stop_hook(&w.stop);
    sl_loop_free(w.loop);
}

struct remover {
    struct turn_hook turn, *victim;
    int turns;
};

static void on_remove(struct turn_hook *h)
{
    struct remover *r = LIST_ENTRY(h, struct remover, turn);

    r->turns++;
    sl__loop_remove_turn_hook(r->victim);
}

/* What a hook tells may free the one behind it, or itself. */
static void hooks_end_each_other(void **state)
{
    struct remover a = {.turn = {.on_turn = on_remove}}, b = a, c = a;
    sl_loop *loop;

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    a.victim = &b.turn;
    b.victim = &b.turn;
    c.victim = &c.turn;
    sl__loop_add_turn_hook(loop, &a.turn);
    sl__loop_add_turn_hook(loop, &b.turn);
    sl__loop_add_turn_hook(loop, &c.turn);
    for (int i = 0; i < 2; i++) {
        sl__loop_want_hooks(loop);
        sl__loop_crank(loop, 1);
    }
    assert_int_equal(b.turns, 0);
    assert_int_equal(c.turns, 1);
    assert_true(a.turns >= 2);
    sl_loop_free(loop);
}

static void on_gone(struct stream *s, int why)
{
    struct watcher *w = s->user;

    w->gone++;
    w->why = why;
}

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    (void)s;
    (void)bytes;
    (void)n;
}

static const struct stream_events events = {.on_bytes = on_bytes, .on_gone = on_gone};

static void grace_ends_what_does_not_end_itself(void **state)
{
    struct watcher w = {0};
    struct stream_options o = {.waiting_max = 100};
    struct mem_stream *m;
    uint64_t begin;

    (void)state;
    assert_int_equal(sl_loop_new(&w.loop), 0);
    m = mem_stream_open(w.loop, &o);
    sl__stream_set_events(&m->s, &events, &w);
    begin = mono_now().us;
    sl_loop_stop(w.loop, 40);
    assert_int_equal(sl_loop_run(w.loop), 0);
    assert_true(mono_now().us - begin >= 40000);
    assert_int_equal(w.gone, 1);
    assert_int_equal(w.why, SL_E_STOPPING);
    sl_loop_free(w.loop);
    mem_stream_free(m);
}

static void asked_twice_there_is_no_grace(void **state)
{
    struct watcher w = {0};
    struct stream_options o = {.waiting_max = 100};
    struct mem_stream *m;

    (void)state;
    assert_int_equal(sl_loop_new(&w.loop), 0);
    m = mem_stream_open(w.loop, &o);
    sl__stream_set_events(&m->s, &events, &w);
    sl_loop_stop(w.loop, 3600000);
    sl_loop_stop(w.loop, 3600000); /* before the loop has looked */
    assert_int_equal(sl_loop_run(w.loop), 0);
    assert_int_equal(w.gone, 1);
    sl_loop_free(w.loop);
    mem_stream_free(m);
}

static void signals_stop_the_loop(void **state)
{
    struct watcher w = {.stop = {.on_stop = on_stop}};

    (void)state;
    assert_int_equal(sl_loop_new(&w.loop), 0);
    sl__loop_add_stop_hook(w.loop, &w.stop);
    assert_int_equal(sl_loop_stop_on_signals(w.loop, 1000), 0);
    kill(getpid(), SIGTERM);
    assert_int_equal(sl_loop_run(w.loop), 0);
    assert_int_equal(w.stops, 1);
    sl_loop_free(w.loop);
}

static void lag_counts_slow_turns(void **state)
{
    struct watcher w = {0};

    (void)state;
    assert_int_equal(sl_loop_new(&w.loop), 0);
    sl__loop_begin_turn(w.loop);
    w.loop->now.us -= 20000; /* as if the turn had begun 20 ms ago */
    sl__loop_finish_turn(w.loop);
    assert_int_equal(w.loop->lag.turns, 1);
    assert_int_equal(w.loop->lag.over_10ms, 1);
    assert_int_equal(w.loop->lag.over_100ms, 0);
    assert_true(w.loop->lag.max_us >= 20000);
    sl_loop_free(w.loop);
}

static void constructor_without_memory(void **state)
{
    sl_loop *loop;

    (void)state;
    sl__alloc_fail_after(0);
    assert_int_equal(sl_loop_new(&loop), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_null(loop);
    sl_loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_ring_on_time_in_a_running_loop),
        cmocka_unit_test(the_ticker_follows_the_earliest),
        cmocka_unit_test(hooks_run),
        cmocka_unit_test(hooks_end_each_other),
        cmocka_unit_test(grace_ends_what_does_not_end_itself),
        cmocka_unit_test(asked_twice_there_is_no_grace),
        cmocka_unit_test(signals_stop_the_loop),
        cmocka_unit_test(lag_counts_slow_turns),
        cmocka_unit_test(constructor_without_memory),
    };

    return cmocka_run_group_tests_name("net/loop", tests, NULL, NULL);
}
