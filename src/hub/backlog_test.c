/* SPDX-License-Identifier: MIT */
/* Back-pressure on a journal that takes what the test lets it take; the clock is ours. */
#include "serve/ws_test.h"
/* behind what brings cmocka */
#include "hub/backlog_test.h"

struct bench {
    struct ws_bench ws;
    struct mem_stream *m;
    struct sender sender;
    struct backlog *backlog;
};

static void open_bench(struct bench *b)
{
    memset(&journal, 0, sizeof journal);
    refused = 0;
    *b = (struct bench){0};
    bench_init(&b->ws, NULL);
    b->m = bench_dial(&b->ws);
    b->sender.ws = b->ws.last;
    list_init(&b->sender.paused);
    assert_int_equal(backlog_new(b->ws.loop, NULL, &b->backlog), 0);
}

static void close_bench(struct bench *b)
{
    backlog_free(b->backlog);
    assert_null(journal.on_low);
    list_remove(&b->sender.paused);
    bench_hang_up(&b->ws, b->m);
    bench_deinit(&b->ws);
}

static int append(struct bench *b, const char *body)
{
    struct record *r = make_record(body);
    int rc = backlog_append(b->backlog, r, &b->sender);

    if (rc < 0) record_free(r);
    return rc;
}

static void test_below_high_water_nobody_is_paused(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    journal.room = 2;
    assert_int_equal(append(&b, "a"), 0);
    assert_false(b.m->s.paused);
    assert_string_equal(journal.order, "a");
    close_bench(&b);
    assert_int_equal(refused, 0);
}

static void test_above_it_the_sender_waits_for_low_water(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    journal.room = 5;
    journal.is_high = true;
    assert_int_equal(append(&b, "a"), 0);
    assert_true(b.m->s.paused);
    sl__loop_crank(b.ws.loop, BACKLOG_WAIT_MS - 1);
    assert_true(b.m->s.paused);
    journal.is_high = false;
    journal.on_low(journal.user);
    assert_false(b.m->s.paused);
    close_bench(&b);
}

static void test_but_two_seconds_at_most(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    journal.room = 5;
    journal.is_high = true;
    assert_int_equal(append(&b, "a"), 0);
    sl__loop_crank(b.ws.loop, BACKLOG_WAIT_MS + 1);
    assert_false(b.m->s.paused);
    assert_int_equal(refused, 0);
    close_bench(&b);
}

static void test_when_full_records_are_held_in_order(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    journal.room = 1;
    for (const char *const *p = (const char *const[]){"a", "b", "c", "d", NULL}; *p; p++)
        assert_int_equal(append(&b, *p), 0);
    assert_true(b.m->s.paused);
    journal.room = 2; /* not enough for all: the rest goes on waiting */
    journal.on_low(journal.user);
    assert_string_equal(journal.order, "abc");
    assert_true(b.m->s.paused);
    journal.room = 5;
    assert_int_equal(append(&b, "e"), 0); /* behind the one that waits */
    assert_string_equal(journal.order, "abc");
    journal.on_low(journal.user);
    assert_string_equal(journal.order, "abcde");
    assert_false(b.m->s.paused);
    sl__loop_crank(b.ws.loop, 2 * BACKLOG_WAIT_MS);
    assert_int_equal(refused, 0);
    close_bench(&b);
}

static void test_after_two_seconds_they_are_refused(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    assert_int_equal(append(&b, "a"), 0);
    assert_int_equal(append(&b, "b"), 0);
    sl__loop_crank(b.ws.loop, BACKLOG_WAIT_MS - 1);
    assert_int_equal(refused, 0);
    sl__loop_crank(b.ws.loop, 2);
    assert_int_equal(refused, 2);
    assert_false(b.m->s.paused);
    assert_int_equal(append(&b, "c"), 0); /* the next one waits anew */
    journal.room = 1;
    sl__loop_crank(b.ws.loop, BACKLOG_WAIT_MS + 1); /* there is room, though nobody said so */
    assert_string_equal(journal.order, "c");
    assert_int_equal(refused, 2);
    close_bench(&b);
}

static void test_what_is_held_has_a_bound_and_an_end(void **state)
{
    static char big[BACKLOG_BYTES_MAX / 4];
    struct bench b;
    int held = 0;

    (void)state;
    memset(big, 'x', sizeof big - 1);
    open_bench(&b);
    while (append(&b, big) == 0 && held < 10)
        held++;
    assert_int_equal(held, 3); /* four would be a record's head too many */
    close_bench(&b);
    assert_int_equal(refused, 3); /* the hub stops: they are told */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_below_high_water_nobody_is_paused),
        cmocka_unit_test(test_above_it_the_sender_waits_for_low_water),
        cmocka_unit_test(test_but_two_seconds_at_most),
        cmocka_unit_test(test_when_full_records_are_held_in_order),
        cmocka_unit_test(test_after_two_seconds_they_are_refused),
        cmocka_unit_test(test_what_is_held_has_a_bound_and_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
