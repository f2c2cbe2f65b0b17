/* SPDX-License-Identifier: MIT */
/* Who sends too slowly, and who does not read what it asked for. */
#include "serve/http_flow_test.h"

/* ---- deadlines ---- */

static void test_idle(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    sl__loop_crank(k.loop, 4999);
    assert_false(k.m->closed);
    kit_feed(&k, GET("/hello")); /* counts from here again */
    sl__loop_crank(k.loop, 4999);
    assert_false(k.m->closed);
    sl__loop_crank(k.loop, 2);
    assert_true(k.m->closed); /* without a word */
    assert_string_equal(kit_text(&k), OK("hello"));
    kit_close(&k);
}

static void test_stray_line_ends_are_idle(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, "\r");
    sl__loop_crank(k.loop, 4990);
    assert_false(k.m->closed);
    sl__loop_crank(k.loop, 20);
    assert_true(k.m->closed);
    assert_int_equal(k.m->sent_len, 0);
    kit_close(&k);
}

static void test_slow_head(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, "GET /hello HT");
    for (int i = 0; i < 9; i++) { /* a byte now and then does not help */
        sl__loop_crank(k.loop, 100);
        kit_feed(&k, "T");
    }
    assert_int_equal(k.m->sent_len, 0);
    sl__loop_crank(k.loop, 110);
    assert_has(kit_text(&k), "HTTP/1.1 408 Request Timeout\r\n");
    assert_has(kit_text(&k), "Connection: close\r\n");
    assert_has(kit_text(&k), "the head of the request did not arrive within 1000 ms");
    assert_has(kit_text(&k), "Access-Control-Allow-Origin: *\r\n");
    assert_true(k.m->shut);
    kit_close(&k);
}

static void test_slow_body(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, POST("/echo"));
    for (int i = 0; i < 3; i++) { /* here only silence counts */
        sl__loop_crank(k.loop, 1990);
        kit_feed(&k, "a");
    }
    assert_int_equal(k.m->sent_len, 0);
    sl__loop_crank(k.loop, 2010);
    assert_has(kit_text(&k), "HTTP/1.1 408 Request Timeout\r\n");
    assert_has(kit_text(&k), "no byte of the body arrived within 2000 ms");
    assert_true(k.m->shut);
    kit_close(&k);
}

/* The place where a large body was received must be forgotten together with its request. */
static void test_slow_large_body(void **state)
{
    static char bytes[50000];
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\nstart");
    assert_non_null(k.m->s.into);
    kit_feed_cut(&k, bytes, sizeof bytes, 0);
    sl__loop_crank(k.loop, 2010);
    assert_has(kit_text(&k), "HTTP/1.1 408 Request Timeout\r\n");
    kit_feed_cut(&k, bytes, sizeof bytes, 0); /* dropped, and written nowhere that is freed */
    kit_close(&k);
}

static void test_no_deadline_for_handlers(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    sl__loop_crank(k.loop, 3600 * 1000);
    assert_false(k.m->closed);
    answer_later(&k, 0, "first");
    assert_string_equal(kit_text(&k), OK("first"));
    kit_close(&k);
}

/* ---- slow readers ---- */

static void test_reader_that_stops(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    k.m->window = 1000;
    kit_feed(&k, GET("/large/90000"));
    sl__loop_crank(k.loop, 19000);
    mem_stream_open_window(k.m, 1000); /* progress: the patience begins anew */
    sl__loop_crank(k.loop, 19000);
    assert_false(k.m->closed);
    sl__loop_crank(k.loop, 20010);
    assert_true(k.m->closed);
    assert_int_equal(k.m->sent_len, 2000);
    kit_close(&k);
}

/* A client that asks and never reads holds two answers at most, not one for each question. */
static void test_asks_without_reading(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    k.m->window = 0;
    for (int i = 0; i < 20; i++)
        kit_feed(&k, GET("/large/50000") GET("/large/50000"));
    assert_true(k.m->s.paused);
    assert_true(sl__stream_waiting(&k.m->s) <= 51000);
    /* the second did not fit behind the first; two more questions came before reading paused */
    mem_stream_open_window(k.m, 10 << 20);
    sl__loop_crank(k.loop, 5);
    sl__loop_crank(k.loop, 5);
    assert_int_equal(k.m->sent_len / 50000, 4);
    assert_false(k.m->s.paused);
    kit_feed(&k, GET("/hello"));
    assert_has(kit_text(&k), "hello");
    kit_close(&k);
}

static void test_large_then_pipelined(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    k.m->window = 10;
    kit_feed(&k, GET("/large/300000") GET("/hello"));
    assert_true(k.m->s.paused);
    mem_stream_open_window(k.m, 200000);
    sl__loop_crank(k.loop, 5);
    assert_lacks(kit_text(&k), "hello");
    mem_stream_open_window(k.m, 200000);
    sl__loop_crank(k.loop, 5);
    sl__loop_crank(k.loop, 5);
    assert_has(kit_text(&k), "xx" OK("hello"));
    assert_false(k.m->s.paused);
    kit_close(&k);
}

/* With little room "100 Continue" must not take the place of the answer. */
static void test_continue_behind_a_full_queue(void **state)
{
    for (size_t room = 200; room < 500; room += 5) {
        sl_server_options o = options;
        struct kit k;

        (void)state;
        o.queue_max = room;
        kit_open(&k, &o);
        k.m->window = 0;
        kit_feed(&k, GET("/hello")
                         GET("/hello") "POST /echo HTTP/1.1\r\nHost: h\r\n"
                                       "Content-Length: 4\r\nExpect: 100-continue\r\n\r\nabcd");
        mem_stream_open_window(k.m, 1 << 20);
        for (int i = 0; i < 5; i++)
            sl__loop_crank(k.loop, 5);
        assert_has(kit_text(&k), "\r\n\r\nabcd");
        kit_close(&k);
    }
}

static void test_large_then_close(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    k.m->window = 10;
    kit_feed(&k, "GET /large/300000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < 30; i++) { /* far longer than a stream's farewell may take */
        sl__loop_crank(k.loop, 10000);
        mem_stream_open_window(k.m, 10200);
    }
    sl__loop_crank(k.loop, 1);
    assert_true(k.m->sent_len > 300000);
    assert_true(k.m->shut);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_stray_line_ends_are_idle),
        cmocka_unit_test(test_slow_head),
        cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_slow_large_body),
        cmocka_unit_test(test_no_deadline_for_handlers),
        cmocka_unit_test(test_reader_that_stops),
        cmocka_unit_test(test_asks_without_reading),
        cmocka_unit_test(test_large_then_pipelined),
        cmocka_unit_test(test_continue_behind_a_full_queue),
        cmocka_unit_test(test_large_then_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
