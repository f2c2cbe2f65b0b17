/* SPDX-License-Identifier: MIT */
/* Answers without an end: their framing, the requests around them, who does not read. */
#include "serve/feed_test.h"

/* ---- what the peer sees ---- */

static void test_chunks(void **state)
{
    char large[301];
    struct kit k;

    (void)state;
    open_feed(&k);
    assert_string_equal(said(&k), HEAD);
    assert_int_equal(say(probe[0].feed, "data: 1\n\n"), 0);
    assert_string_equal(said(&k), HEAD "9\r\ndata: 1\n\n\r\n");
    mem_stream_clear(k.m);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    assert_int_equal(say(probe[0].feed, "bc"), 0);
    assert_string_equal(said(&k), "1\r\na\r\n2\r\nbc\r\n");
    assert_int_equal(k.m->sends, 1); /* a turn is one write */
    mem_stream_clear(k.m);
    memset(large, 'x', 300);
    large[300] = '\0';
    assert_int_equal(say(probe[0].feed, large), 0);
    assert_has(said(&k), "12c\r\nxxx");
    assert_int_equal(k.m->sent_len, 5 + 300 + 2);
    assert_int_equal(say(probe[0].feed, ""), SL_E_INVAL); /* would be the last chunk */
    kit_close(&k);
    assert_int_equal(probe[0].closes, 1);
}

static void test_all_slices(void **state)
{
    sl_message m = {0};
    struct kit k;

    (void)state;
    open_feed(&k);
    mem_stream_clear(k.m);
    for (int i = 0; i < SL_MESSAGE_SLICES; i++)
        assert_int_equal(sl_message_add(&m, NULL, SL_STR("abc")), 0);
    assert_int_equal(sl_feed_send(probe[0].feed, &m), 0);
    assert_string_equal(said(&k), "18\r\nabcabcabcabcabcabcabcabc\r\n");
    kit_close(&k);
}

static void test_http_1_0(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, "GET /feed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_int_equal(say(probe[0].feed, "one"), 0);
    assert_int_equal(say_newest(probe[0].feed, 7, "two"), 0);
    assert_string_equal(said(&k), HEAD_10 "onetwo");
    sl_feed_close(probe[0].feed);
    assert_string_equal(said(&k), HEAD_10 "onetwo");
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

static void test_head_request(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, "HEAD /feed HTTP/1.1\r\nHost: h\r\n\r\n" GET("/hello"));
    assert_int_equal(probe[0].rc, SL_E_CLOSED);
    assert_has(said(&k), "Transfer-Encoding: chunked\r\n");
    assert_has(said(&k), "no-store\r\n\r\nHTTP/1.1 200 OK\r\n"); /* the connection goes on */
    assert_has(said(&k), "hello");
    assert_lacks(said(&k), LAST);
    kit_close(&k);
    assert_int_equal(probe[0].closes, 0);
}

static void test_headers_of_the_handler(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    assert_int_equal(sl_request_set_header(later, "X-A", SL_STR("b")), 0);
    answer(later);
    assert_has(said(&k), "\r\nX-A: b\r\n");
    kit_close(&k);
}

/* ---- requests around it ---- */

static void test_behind_an_answer(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/hello") GET("/feed"));
    assert_int_equal(say(probe[0].feed, "a"), 0);
    assert_string_equal(said(&k),
                        ANSWER("200 OK", "text/plain", "5", "", "", "hello") HEAD "1\r\na\r\n");
    kit_close(&k);
}

/* The head has to leave even where the answer in front of it has used up the bound. */
static void test_behind_an_answer_that_waits(void **state)
{
    for (size_t n = 600; n < 1100; n += 10) {
        char text[64];
        struct kit k;

        (void)state;
        open_kit(&k);
        k.m->window = 0;
        snprintf(text, sizeof text, "GET /large/%zu HTTP/1.1\r\nHost: h\r\n\r\n", n);
        kit_feed(&k, text);
        kit_feed(&k, GET("/feed"));
        mem_stream_open_window(k.m, 1 << 20);
        sl__loop_crank(k.loop, 5);
        sl__loop_crank(k.loop, 5);
        assert_int_equal(probe_count, 1);
        assert_int_equal(probe[0].rc, 0);
        assert_true(k.m->sent_len > sizeof HEAD);
        assert_memory_equal(k.m->sent + k.m->sent_len - 10, &HEAD[sizeof HEAD - 11], 10);
        kit_close(&k);
    }
}

/* RFC 9112 §9.6: nothing behind the request that ends the connection is answered. */
static void test_what_comes_behind_is_dropped(void **state)
{
    static const char in[] = GET("/feed") GET("/hello") GET("/feed");
    struct kit k;

    (void)state;
    for (int cut = 0; cut <= 2; cut++) {
        open_kit(&k);
        kit_feed_cut(&k, in, sizeof in - 1, cut);
        kit_feed(&k, GET("/hello"));
        assert_int_equal(probe_count, 1);
        assert_false(k.m->s.paused); /* else the peer's end would not be seen */
        assert_string_equal(said(&k), HEAD);
        sl_feed_close(probe[0].feed);
        assert_string_equal(said(&k), HEAD LAST);
        assert_ends(&k, &probe[0]);
        kit_close(&k);
    }
}

static void test_answered_later(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later") GET("/hello")); /* what waits behind it goes, too */
    assert_true(k.m->s.paused);
    answer(later);
    assert_false(k.m->s.paused);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    assert_string_equal(said(&k), HEAD "1\r\na\r\n");
    mem_stream_feed_end(k.m);
    sl__loop_crank(k.loop, 0);
    assert_int_equal(probe[0].closes, 1);
    kit_close(&k);
}

static void test_after_a_body(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed_cut(&k, "POST /feed HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET", 58,
                 2);
    assert_int_equal(probe[0].rc, 0);
    assert_string_equal(said(&k), HEAD);
    kit_close(&k);
}

static bool answer_instead(sl_request *r, int right, void *user)
{
    (void)right, (void)user;
    answer(r);
    return false;
}

/* Before the body has come: the rest of it is dropped like anything else. */
static void test_answered_by_the_hook(void **state)
{
    sl_server_options o = options;
    struct kit k;

    (void)state;
    probe_count = 0;
    o.is_allowed = answer_instead;
    kit_open(&k, &o);
    kit_feed(&k, "POST /feed HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    kit_feed(&k, "def");
    assert_int_equal(probe[0].rc, 0);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    assert_string_equal(said(&k), HEAD "1\r\na\r\n");
    kit_close(&k);
    assert_int_equal(probe[0].closes, 1);
}

static void test_gone_before_the_answer(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    kit_disconnect(&k);
    answer(later);
    assert_int_equal(probe[0].rc, SL_E_CLOSED);
    kit_connect(&k);
    kit_feed(&k, GET("/later"));
    sl__stream_close(&k.m->s, UV_EOF); /* closing, and not yet gone */
    answer(later);
    assert_int_equal(probe[1].rc, SL_E_CLOSED);
    kit_close(&k);
    assert_int_equal(probe[0].closes + probe[1].closes, 0);
}

/* ---- who does not read ---- */

static void test_bounded(void **state)
{
    struct kit k;
    int n = 0;

    (void)state;
    open_feed(&k);
    k.m->window = 0;
    mem_stream_clear(k.m);
    while (say(probe[0].feed, "0123456789012345678901234567890123456789") == 0)
        n++;
    assert_int_equal(n, 1000 / (40 + 6));
    assert_int_equal(say(probe[0].feed, "0123456789012345678901234567890123456789"), SL_E_FULL);
    mem_stream_open_window(k.m, 1 << 20);
    sl__loop_crank(k.loop, 0);
    assert_int_equal(k.m->sent_len, (size_t)n * 46);
    assert_int_equal(say(probe[0].feed, "again"), 0);
    kit_close(&k);
}

static void test_newest_only(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    mem_stream_clear(k.m);
    k.m->window = 4; /* the first begins to leave and has to be finished */
    assert_int_equal(say_newest(probe[0].feed, 0, "first"), 0);
    sl__loop_crank(k.loop, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(say_newest(probe[0].feed, 0, "older"), 0);
        assert_int_equal(say_newest(probe[0].feed, UINT32_MAX, "older too"), 0);
    }
    assert_int_equal(say_newest(probe[0].feed, 0, "newest"), 0);
    assert_int_equal(say_newest(probe[0].feed, UINT32_MAX, "B"), 0);
    sl_feed_close(probe[0].feed); /* behind both */
    mem_stream_open_window(k.m, 1 << 20);
    assert_string_equal(kit_text(&k), "5\r\nfirst\r\n6\r\nnewest\r\n1\r\nB\r\n" LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

static void test_takes_nothing(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    sl__loop_crank(k.loop, 3600 * 1000); /* as long as nothing waits */
    k.m->window = 0;
    for (int i = 0; i < 19; i++) {
        assert_int_equal(say_newest(probe[0].feed, 1, i % 2 ? "frame" : "other frame"), 0);
        sl__loop_crank(k.loop, 1000);
        assert_false(k.m->closed); /* that more comes is no sign of life */
    }
    sl__loop_crank(k.loop, 1001);
    assert_true(k.m->closed);
    assert_int_equal(probe[0].closes, 1);
    kit_close(&k);
}

static void test_takes_little(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    k.m->window = 0;
    for (int i = 0; i < 50; i++) { /* more waits every time, and yet some has left */
        assert_int_equal(say(probe[0].feed, "01234567"), 0);
        sl__loop_crank(k.loop, 19000);
        mem_stream_open_window(k.m, 1);
        assert_false(k.m->closed);
    }
    sl__loop_crank(k.loop, 20001);
    sl__loop_crank(k.loop, 20001);
    assert_true(k.m->closed);
    kit_close(&k);
    assert_int_equal(probe[0].closes, 1);
}

/* 40 bytes within 20 s at least, or all that waits. */
static void test_takes_too_little(void **state)
{
    static const struct {
        size_t sip;
        bool is_cut;
    } rows[] = {
        {39,  true },
        {40,  false},
        {41,  false},
        {200, false}, /* all of it: then less can be taken */
    };
    sl_server_options o = options;
    struct kit k;

    (void)state;
    o.rate_min = 2;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        probe_count = 0;
        kit_open(&k, &o);
        kit_feed(&k, GET("/feed"));
        said(&k);
        k.m->window = 0;
        sl__loop_crank(k.loop, 30000);
        for (int n = 0; n < 10; n++)
            assert_int_equal(say(probe[0].feed, "0123456789"), 0);
        sl__loop_crank(k.loop, 19000);
        mem_stream_open_window(k.m, rows[i].sip);
        k.m->window = 0;
        assert_int_equal(say(probe[0].feed, "x"), 0);
        sl__loop_crank(k.loop, 1001);
        assert_int_equal(k.m->closed, rows[i].is_cut);
        assert_int_equal(k.server->slow_readers, rows[i].is_cut);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_all_slices),
        cmocka_unit_test(test_http_1_0),
        cmocka_unit_test(test_head_request),
        cmocka_unit_test(test_headers_of_the_handler),
        cmocka_unit_test(test_behind_an_answer),
        cmocka_unit_test(test_behind_an_answer_that_waits),
        cmocka_unit_test(test_what_comes_behind_is_dropped),
        cmocka_unit_test(test_answered_later),
        cmocka_unit_test(test_after_a_body),
        cmocka_unit_test(test_answered_by_the_hook),
        cmocka_unit_test(test_gone_before_the_answer),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_newest_only),
        cmocka_unit_test(test_takes_nothing),
        cmocka_unit_test(test_takes_too_little),
        cmocka_unit_test(test_takes_little),
    };

    return cmocka_run_group_tests_name("serve/feed", tests, NULL, NULL);
}
