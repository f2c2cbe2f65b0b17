/* SPDX-License-Identifier: MIT */
/* An sl_loop on somebody else's uv_loop_t, beside his own handles. */
#include "sluice/uv.h"

#include "base/alloc.h"
#include "net/loop.h"
#include "net/mem_stream.h"
#include "net/worker.h"

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

struct host {
    uv_loop_t uv;
    uv_timer_t tick; /* the host's own */
    sl_loop *loop;
    struct mem_stream *m;
    struct timer timer;
    struct job job;
    int ticks, fired, gone, why, posts, turns, done;
    struct turn_hook turn;
};

static int set_up(void **state)
{
    struct host *h = calloc(1, sizeof *h);

    assert_non_null(h);
    assert_int_equal(uv_loop_init(&h->uv), 0);
    assert_int_equal(sl_loop_on_uv(&h->uv, &h->loop), 0);
    *state = h;
    return 0;
}

/* Nothing of ours is left on the loop: else it would not close. */
static int tear_down(void **state)
{
    struct host *h = *state;

    assert_int_equal(uv_loop_close(&h->uv), 0);
    free(h);
    return 0;
}

static void on_gone(struct stream *s, int why)
{
    struct host *h = s->user;

    h->gone++;
    h->why = why;
}

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    (void)s, (void)bytes, (void)n;
}

static void connect_to(struct host *h)
{
    static const struct stream_events events = {.on_bytes = on_bytes, .on_gone = on_gone};
    struct stream_options o = {.waiting_max = 100};

    h->m = mem_stream_open(h->loop, &o);
    assert_non_null(h->m);
    sl__stream_set_events(&h->m->s, &events, h);
}

static void run_to_the_end(struct host *h)
{
    assert_int_equal(uv_run(&h->uv, UV_RUN_DEFAULT), 0); /* no handle is left */
}

static void it_ends_by_itself_once_stopped(void **state)
{
    struct host *h = *state;

    sl_loop_stop(h->loop, 1000);
    run_to_the_end(h);
    sl_loop_free(h->loop);
}

static void on_timer(struct timer *t)
{
    struct host *h = LIST_ENTRY(t, struct host, timer);

    h->fired++;
    sl_loop_stop(h->loop, 0);
}

static void it_lives_until_stopped(void **state)
{
    struct host *h = *state;

    timer_init(&h->timer, on_timer);
    sl__loop_set_timer(h->loop, &h->timer, 20);
    run_to_the_end(h);
    assert_int_equal(h->fired, 1);
    sl_loop_free(h->loop);
}

static void the_host_runs_it(void **state)
{
    struct host *h = *state;

    assert_int_equal(sl_loop_run(h->loop), SL_E_INVAL);
    sl_loop_stop(h->loop, 0);
    for (int i = 0; uv_run(&h->uv, UV_RUN_NOWAIT) != 0; i++)
        assert_true(i < 100);
    sl_loop_free(h->loop);
}

static void open_streams_are_cut_at_the_end_of_grace(void **state)
{
    struct host *h = *state;

    connect_to(h);
    sl_loop_stop(h->loop, 20);
    run_to_the_end(h);
    assert_int_equal(h->gone, 1);
    assert_int_equal(h->why, SL_E_STOPPING);
    sl_loop_free(h->loop);
    mem_stream_free(h->m);
}

static void its_end_leaves_the_host_running(void **state)
{
    struct host *h = *state;

    uv_timer_init(&h->uv, &h->tick);
    uv_timer_start(&h->tick, (uv_timer_cb)abort, 600000, 0);
    sl_loop_stop(h->loop, 0);
    while (!h->loop->ended)
        uv_run(&h->uv, UV_RUN_ONCE);
    while (h->loop->open_handles > 0)
        uv_run(&h->uv, UV_RUN_NOWAIT);
    assert_true(uv_loop_alive(&h->uv));
    sl_loop_free(h->loop);
    uv_close((uv_handle_t *)&h->tick, NULL);
    run_to_the_end(h);
}

/* ---- what the host's own callbacks do ---- */

static void on_tick(uv_timer_t *t)
{
    struct host *h = t->data;
    struct packet *p = packet_copy(SL_STR("x"));

    assert_non_null(p);
    assert_int_equal(sl__stream_send(&h->m->s, p, 0), 0);
    packet_drop(p);
    h->ticks++;
    uv_close((uv_handle_t *)t, NULL);
}

static void what_the_host_sends_leaves_in_that_round(void **state)
{
    struct host *h = *state;

    connect_to(h);
    h->m->window = 100;
    uv_timer_init(&h->uv, &h->tick);
    h->tick.data = h;
    uv_timer_start(&h->tick, on_tick, 0, 0);
    uv_run(&h->uv, UV_RUN_NOWAIT);
    assert_int_equal(h->ticks, 1);
    assert_int_equal(h->m->sent_len, 1);
    sl_loop_stop(h->loop, 0);
    run_to_the_end(h);
    sl_loop_free(h->loop);
    mem_stream_free(h->m);
}

static void on_post(void *user)
{
    ((struct host *)user)->posts++;
}

static void posts_come_until_the_end_and_are_refused_then(void **state)
{
    struct host *h = *state;

    assert_int_equal(sl_loop_post(h->loop, on_post, h), 0);
    sl_loop_stop(h->loop, 0);
    run_to_the_end(h);
    assert_int_equal(h->posts, 1);
    assert_int_equal(sl_loop_post(h->loop, on_post, h), SL_E_CLOSED);
    assert_int_equal(sl_loop_stop_on_signals(h->loop, 0), SL_E_CLOSED);
    sl_loop_stop(h->loop, 0); /* stopped for long: fine */
    timer_init(&h->timer, on_timer);
    sl__loop_set_timer(h->loop, &h->timer, 1); /* never */
    sl__loop_cancel_timer(h->loop, &h->timer);
    sl_loop_free(h->loop);
    assert_int_equal(h->posts, 1);
}

static void signals_stop_it(void **state)
{
    struct host *h = *state;

    assert_int_equal(sl_loop_stop_on_signals(h->loop, 1000), 0);
    kill(getpid(), SIGTERM);
    run_to_the_end(h);
    sl_loop_free(h->loop);
}

static void on_work(struct job *j)
{
    (void)j;
}

static void on_done(struct job *j, int rc)
{
    assert_int_equal(rc, 0);
    LIST_ENTRY(j, struct host, job)->done++;
}

static void jobs_come_back_before_the_end(void **state)
{
    struct host *h = *state;
    struct worker_pool *pool;

    assert_int_equal(worker_pool_new(h->loop, 1, 4, &pool), 0);
    h->job = (struct job){.on_work = on_work, .on_done = on_done};
    assert_int_equal(worker_submit(pool, &h->job), 0);
    sl_loop_stop(h->loop, 0);
    run_to_the_end(h);
    assert_int_equal(h->done, 1);
    worker_pool_free(pool);
    sl_loop_free(h->loop);
}

/* ---- freed in other moments ---- */

static void freed_before_it_ever_ran(void **state)
{
    struct host *h = *state;

    connect_to(h);
    assert_int_equal(sl_loop_post(h->loop, on_post, h), 0); /* never called */
    sl_loop_free(h->loop);
    assert_int_equal(h->gone, 1);
    assert_int_equal(uv_loop_close(&h->uv), UV_EBUSY);
    run_to_the_end(h);
    assert_int_equal(h->posts, 0);
    mem_stream_free(h->m);
}

static void on_tick_free(uv_timer_t *t)
{
    struct host *h = t->data;

    sl_loop_free(h->loop);
    uv_close((uv_handle_t *)t, NULL);
}

static void freed_by_a_callback_of_the_host(void **state)
{
    struct host *h = *state;

    uv_timer_init(&h->uv, &h->tick);
    h->tick.data = h;
    uv_timer_start(&h->tick, on_tick_free, 1, 0);
    run_to_the_end(h);
}

static void freed_after_the_host_has_closed_his(void **state)
{
    struct host *h = *state;

    sl_loop_stop(h->loop, 0);
    run_to_the_end(h);
    assert_int_equal(uv_loop_close(&h->uv), 0);
    sl_loop_free(h->loop);
    assert_int_equal(uv_loop_init(&h->uv), 0); /* for the end of the test */
}

static void two_share_one(void **state)
{
    struct host *h = *state;
    sl_loop *second;

    assert_int_equal(sl_loop_on_uv(&h->uv, &second), 0);
    assert_int_equal(sl_loop_post(second, on_post, h), 0);
    sl_loop_stop(second, 0);
    while (!second->ended || second->open_handles > 0)
        uv_run(&h->uv, UV_RUN_ONCE);
    sl_loop_free(second);
    assert_int_equal(h->posts, 1);
    assert_true(uv_loop_alive(&h->uv)); /* the first goes on */
    sl_loop_stop(h->loop, 0);
    run_to_the_end(h);
    sl_loop_free(h->loop);
}

static void without_memory_or_loop(void **state)
{
    struct host *h = *state;
    sl_loop *loop;

    sl__alloc_fail_after(0);
    assert_int_equal(sl_loop_on_uv(&h->uv, &loop), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_null(loop);
    assert_int_equal(sl_loop_on_uv(NULL, &loop), SL_E_INVAL);
    assert_null(loop);
    sl_loop_free(h->loop);
    run_to_the_end(h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_ends_by_itself_once_stopped),
        TEST(it_lives_until_stopped),
        TEST(the_host_runs_it),
        TEST(open_streams_are_cut_at_the_end_of_grace),
        TEST(its_end_leaves_the_host_running),
        TEST(what_the_host_sends_leaves_in_that_round),
        TEST(posts_come_until_the_end_and_are_refused_then),
        TEST(signals_stop_it),
        TEST(jobs_come_back_before_the_end),
        TEST(freed_before_it_ever_ran),
        TEST(freed_by_a_callback_of_the_host),
        TEST(freed_after_the_host_has_closed_his),
        TEST(two_share_one),
        TEST(without_memory_or_loop),
    };

    return cmocka_run_group_tests_name("net/loop_uv", tests, NULL, NULL);
}
