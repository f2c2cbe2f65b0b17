/* SPDX-License-Identifier: MIT */
/* The bound on all queues together, on the in-memory twin: at it, below and above. */
#include "net/relief.h"

#include "sluice/log.h"

#include "net/mem_stream.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#define PEERS 8
#define MOST  8000

struct fixture {
    sl_loop *loop;
    struct mem_stream *peer[PEERS];
    int why[PEERS]; /* 1: it is there */
};

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    (void)s, (void)bytes, (void)n;
}

static void on_gone(struct stream *s, int why)
{
    *(int *)s->user = why;
}

static const struct stream_events events = {.on_bytes = on_bytes, .on_gone = on_gone};

/* Nobody takes anything. */
static int setup(void **state)
{
    const struct stream_options o = {.waiting_max = 1 << 20};
    struct fixture *f = calloc(1, sizeof *f);

    assert_int_equal(sl_loop_new(&f->loop), 0);
    sl__loop_crank(f->loop, 1000);
    f->loop->relief.max = MOST;
    for (int i = 0; i < PEERS; i++) {
        f->why[i] = 1;
        f->peer[i] = mem_stream_open(f->loop, &o);
        assert_non_null(f->peer[i]);
        f->peer[i]->window = 0;
        sl__stream_set_events(&f->peer[i]->s, &events, &f->why[i]);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < PEERS; i++)
        sl__stream_close(&f->peer[i]->s, 0);
    sl__loop_crank(f->loop, 0);
    assert_int_equal(f->loop->relief.waiting, 0); /* all of it is given back */
    assert_int_equal(f->loop->waiting_bytes, 0);
    sl_loop_free(f->loop);
    for (int i = 0; i < PEERS; i++)
        mem_stream_free(f->peer[i]);
    free(f);
    return 0;
}

static struct packet *packet_of(size_t bytes)
{
    char *z = calloc(1, bytes);
    struct packet *p = packet_copy((sl_str){z, bytes});

    assert_non_null(p);
    free(z);
    return p;
}

static void queue(struct fixture *f, int i, size_t bytes)
{
    struct packet *p = packet_of(bytes);

    assert_int_equal(sl__stream_send(&f->peer[i]->s, p, 0), 0);
    packet_drop(p);
}

static void turn(struct fixture *f)
{
    sl__loop_crank(f->loop, 1);
}

static void the_longest_is_cut_above_the_bound(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < PEERS; i++)
        queue(f, i, i == 3 ? 2000 : 857); /* 7999: below */
    turn(f);
    queue(f, 0, 1); /* at it */
    assert_false(relief_is_due(f->loop));
    turn(f);
    assert_int_equal(f->loop->relief.cut, 0);

    queue(f, 1, 1); /* above it */
    assert_true(relief_is_due(f->loop));
    turn(f);
    assert_int_equal(f->loop->relief.cut, 1);
    assert_int_equal(f->loop->relief.waiting, 6001);
    for (int i = 0; i < PEERS; i++)
        assert_int_equal(f->why[i], i == 3 ? SL_E_FULL : 1);
    assert_false(relief_is_due(f->loop));
}

static void viewers_go_before_others(void **state)
{
    struct fixture *f = *state;

    f->peer[5]->s.viewer = true;
    f->peer[6]->s.viewer = true;
    queue(f, 0, 6500);
    queue(f, 5, 1100);
    queue(f, 6, 450);
    turn(f);
    assert_int_equal(f->why[0], 1);
    assert_int_equal(f->why[5], SL_E_FULL);
    assert_int_equal(f->why[6], 1); /* seven eighths is 7000, and 6950 is left */
}

static void others_go_when_no_viewer_is_left(void **state)
{
    struct fixture *f = *state;

    f->peer[5]->s.viewer = true;
    queue(f, 5, 10);
    queue(f, 0, MOST);
    queue(f, 1, 6000);
    turn(f);
    assert_int_equal(f->why[5], SL_E_FULL);
    assert_int_equal(f->why[0], SL_E_FULL);
    assert_int_equal(f->why[1], 1);
    assert_int_equal(f->loop->relief.cut, 2);
}

/* What a hundred wait for is there once. */
static void a_shared_packet_counts_once(void **state)
{
    struct fixture *f = *state;
    struct packet *p = packet_of(3000), *q = packet_of(3000);

    for (int i = 0; i < PEERS; i++) {
        assert_int_equal(sl__stream_send(&f->peer[i]->s, p, 0), 0);
        assert_int_equal(sl__stream_put_newest(&f->peer[i]->s, 7, p), 0);
        assert_int_equal(sl__stream_put_newest(&f->peer[i]->s, 7, p), 1);
    }
    assert_int_equal(f->loop->relief.waiting, 3000);
    assert_int_equal(f->loop->waiting_bytes, 2 * 3000 * PEERS);
    for (int i = 0; i < PEERS; i++)
        assert_int_equal(sl__stream_put_newest(&f->peer[i]->s, 7, q), 1);
    turn(f);
    assert_int_equal(f->loop->relief.waiting, 6000);
    assert_int_equal(f->loop->relief.cut, 0);
    for (int i = 0; i < PEERS; i++)
        mem_stream_open_window(f->peer[i], 3000 + (i < 2 ? 1 : 0));
    turn(f);
    assert_int_equal(f->loop->relief.waiting, 3000); /* q, in part for two of them */
    for (int i = 0; i < PEERS; i++)
        mem_stream_open_window(f->peer[i], 3000);
    turn(f);
    assert_int_equal(f->loop->relief.waiting, 0);
    packet_drop(p);
    packet_drop(q);
}

static void zero_is_no_bound(void **state)
{
    struct fixture *f = *state;

    f->loop->relief.max = 0;
    queue(f, 0, 1000000);
    turn(f);
    assert_int_equal(f->why[0], 1);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_longest_is_cut_above_the_bound),
        CASE(viewers_go_before_others),
        CASE(others_go_when_no_viewer_is_left),
        CASE(a_shared_packet_counts_once),
        CASE(zero_is_no_bound),
    };

    sl_log_set_level(SL_LOG_ERROR);
    return cmocka_run_group_tests_name("net/relief", tests, NULL, NULL);
}
