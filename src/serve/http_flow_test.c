/* SPDX-License-Identifier: MIT */
/* Answers that come later, peers that go, the stop, memory: a connection in any order. */
#include "serve/http_flow_test.h"

/* ---- answers that come later ---- */

static void test_one_at_a_time(void **state)
{
    struct kit k;

    (void)state;
    for (int cut = 0; cut <= 2; cut++) {
        open_kit(&k);
        static const char in[] = GET("/later") GET("/later") GET("/hello") GET("/later");
        kit_feed_cut(&k, in, sizeof in - 1, 0);
        assert_int_equal(later_count, 1); /* the others wait for its answer */
        assert_true(k.m->s.paused);
        assert_int_equal(k.m->sent_len, 0);
        answer_later(&k, 0, "first");
        assert_int_equal(later_count, 2);
        assert_string_equal(kit_text(&k), OK("first"));
        answer_later(&k, 1, "secnd");
        assert_int_equal(later_count, 3);
        assert_string_equal(kit_text(&k), OK("first") OK("secnd") OK("hello"));
        answer_later(&k, 2, "third");
        assert_string_equal(kit_text(&k), OK("first") OK("secnd") OK("hello") OK("third"));
        assert_false(k.m->s.paused);
        kit_feed(&k, GET("/hello"));
        assert_has(kit_text(&k), OK("third") OK("hello"));
        kit_close(&k);
    }
}

/* What arrives while an answer is awaited is kept, in order, and at most a little of it. */
static void test_bytes_behind(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    assert_false(k.m->s.paused); /* no need, as long as the peer waits too */
    kit_feed(&k, "GET /hel");
    assert_true(k.m->s.paused);
    answer_later(&k, 0, "first");
    assert_false(k.m->s.paused);
    kit_feed(&k, "lo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(kit_text(&k), OK("first") OK("hello"));
    kit_close(&k);
}

static void test_body_in_later_request(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, POST("/later") "abcd" GET("/hello"));
    assert_int_equal(later_count, 1);
    assert_true(sl_str_eq(sl_request_body(later[0]), SL_STR("abcd")));
    assert_string_equal(sl_request_peer(later[0]), "?"); /* nothing is known of a test's peer */
    assert_false(sl_request_is_gone(later[0]));
    answer_later(&k, 0, "first");
    assert_string_equal(kit_text(&k), OK("first") OK("hello"));
    kit_close(&k);
}

/* ---- peers that go ---- */

static void test_gone_before_the_answer(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k,
             "POST /later?q=1 HTTP/1.1\r\nHost: h\r\nX-A: b\r\nContent-Length: 4\r\n\r\nabcd");
    assert_int_equal(later_count, 1);
    kit_disconnect(&k);
    assert_true(sl_request_is_gone(later[0]));
    assert_true(sl_str_eq(sl_request_body(later[0]), SL_STR("abcd"))); /* and still whole */
    assert_true(sl_str_eq(sl_request_header(later[0], "x-a"), SL_STR("b")));
    assert_true(sl_str_eq(sl_request_query(later[0], "q"), SL_STR("1")));
    assert_string_equal(sl_request_peer(later[0]), "?");
    assert_int_equal(sl_request_set_header(later[0], "X-B", SL_STR("c")), 0);
    sl_answer(later[0], 200, "text/plain", SL_STR("nobody hears")); /* frees it */
    kit_close(&k);
}

/* The same for each way of answering, and even after the server itself has gone. */
static void test_answers_to_nobody(void **state)
{
    static const sl_asset assets[] = {
        {"/a", "text/plain", "\"1\"", (const void *)"x", NULL, 1, 0}
    };
    sl_buf *b = sl_buf_copy(SL_STR("x"));
    struct kit k;

    (void)state;
    open_kit(&k);
    for (int i = 0; i < 5; i++) {
        kit_feed(&k, GET("/later"));
        kit_disconnect(&k);
        kit_connect(&k);
    }
    assert_int_equal(later_count, 5);
    kit_close(&k);
    sl_answer_buf(later[0], 200, "text/plain", b);
    sl_answer_error(later[1], 500, "no %s", "one");
    sl_answer_file(later[2], "/", SL_STR("etc/passwd"));
    sl_answer_asset(later[3], assets, 1, SL_STR("/a"));
    sl_answer_asset(later[4], assets, 1, SL_STR("/b"));
    sl_buf_drop(b);
}

static void test_half_closed(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    mem_stream_feed_end(k.m);
    sl__loop_crank(k.loop, 0);
    assert_false(k.m->closed); /* it may still be reading */
    answer_later(&k, 0, "first");
    assert_string_equal(kit_text(&k), OK("first"));
    assert_true(k.m->closed);
    kit_close(&k);
}

static void test_ended_between_and_within(void **state)
{
    static const char *const starts[] = {"", "GET /he", POST("/echo") "ab", GET("/hello")};
    struct kit k;

    (void)state;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        open_kit(&k);
        kit_feed(&k, starts[i]);
        mem_stream_feed_end(k.m);
        sl__loop_crank(k.loop, 0);
        assert_true(k.m->closed);
        kit_close(&k);
    }
}

/* ---- the stop ---- */

static void stop(struct kit *k)
{
    k->loop->stopping = true;
    k->server->stop.on_stop(&k->server->stop);
    sl__loop_crank(k->loop, 0);
}

static void test_stop_idle(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/hello"));
    stop(&k);
    assert_true(k.m->closed);
    kit_close(&k);
}

static void test_stop_in_progress(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later") GET("/hello"));
    stop(&k);
    assert_false(k.m->closed);
    answer_later(&k, 0, "first");
    assert_string_equal(kit_text(&k), ANSWER("200 OK", "text/plain", "5", CLOSE, "", "first"));
    assert_true(k.m->shut);
    kit_close(&k);
}

static void test_stop_within_a_body(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, POST("/echo") "ab");
    stop(&k);
    assert_false(k.m->closed);
    kit_feed(&k, "cd");
    assert_has(kit_text(&k), CLOSE);
    assert_has(kit_text(&k), "\r\n\r\nabcd");
    assert_true(k.m->shut);
    kit_close(&k);
}

static void test_stop_while_sending(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    k.m->window = 10;
    kit_feed(&k, GET("/large/300000"));
    stop(&k);
    assert_false(k.m->closed);
    mem_stream_open_window(k.m, 400000);
    sl__loop_crank(k.loop, 0);
    assert_true(k.m->shut);
    kit_close(&k);
}

#define UPGRADE                                                                    \
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

static void test_stop_sessions(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    ws_closed = 0;
    kit_feed(
        &k, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    mem_stream_clear(k.m);
    stop(&k);
    assert_memory_equal(k.m->sent, "\x88", 1);
    assert_memory_equal(k.m->sent + 2, "\x03\xe9", 2); /* 1001 */
    kit_disconnect(&k);
    assert_true(ws_closed != 0);
    kit_close(&k);
}

/* What was under way when the stop began finds no new session and no new connection. */
static void test_stop_takes_nothing_new(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed_cut(&k, UPGRADE, 20, 0);
    stop(&k);
    assert_false(k.m->closed);
    kit_feed(&k, &UPGRADE[20]);
    assert_has(kit_text(&k), "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(kit_text(&k), CLOSE);
    kit_disconnect(&k);
    kit_connect(&k);
    assert_true(k.m->closed);
    kit_close(&k);
}

/* ---- memory ---- */

static const char busy[] = "GET /he"; /* the rest comes in a second piece */
static const char busy_rest[] = "llo HTTP/1.1\r\nHost: h\r\n\r\n" POST(
    "/echo") "abcd"
             "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
             "OPTIONS /echo HTTP/1.1\r\nHost: h\r\nOrigin: o\r\nAccess-Control-Request-Method: POST\r\n\r\n"
             "PUT /echo HTTP/1.1\r\nHost: h\r\n\r\n" GET("/no") GET(
                 "/ws") "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/* Wherever memory ends, the connection does too, and nothing leaks or is used after. */
static void test_no_memory(void **state)
{
    struct kit k;
    bool whole = false;
    long n;

    (void)state;
    for (n = 0; !whole && n < 500; n++) {
        open_kit(&k);
        sl__alloc_fail_after(n);
        mem_stream_feed(k.m, busy, sizeof busy - 1);
        if (!k.m->s.closing) mem_stream_feed(k.m, busy_rest, sizeof busy_rest - 1);
        sl__loop_crank(k.loop, 0);
        sl__alloc_fail_after(-1);
        kit_text(&k);
        whole = strstr(k.text, "HTTP/1.1 101") != NULL;
        if (!whole) assert_true(k.m->s.closing || strstr(k.text, "503") != NULL);
        kit_close(&k);
    }
    assert_true(whole && n > 15);
}

/* ---- anything at all ---- */

static uint32_t dice; /* the same throws in each run */

static uint32_t throw_below(uint32_t n)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % n;
}

/* Requests, good and nearly good, strung together. */
static size_t write_traffic(char *out, size_t size)
{
    static const char *const parts[] = {
        GET("/hello"),
        GET("/later"),
        POST("/echo") "abcd",
        POST("/later") "a\r\nb",
        GET("/no"),
        "HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n",
        GET("/large/70000"),
        GET("/large/200"),
        ("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\n12345\r\n0\r\n\r\n"),
        "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "\r\n",
    };
    size_t len = 0;

    for (uint32_t i = 0, n = 1 + throw_below(8); i < n; i++) {
        const char *part = parts[throw_below(sizeof parts / sizeof parts[0])];
        len += (size_t)snprintf(out + len, size - len, "%s", part);
    }
    for (uint32_t i = throw_below(4); i > 1; i--) /* now and then a byte is another one */
        out[throw_below((uint32_t)len)] = (char)throw_below(256);
    return len;
}

static void answer_one(void)
{
    if (later_count == 0) return;
    sl_request *r = later[--later_count];
    switch (throw_below(3)) {
    case 0: sl_answer(r, 200, "text/plain", sl_request_body(r)); break;
    case 1: sl_answer_error(r, 500, "%s", sl_request_peer(r)); break;
    default: sl_answer_buf(r, 204, NULL, NULL); break;
    }
}

/* One connection's life among pieces, narrow windows, late answers, time and sudden ends. */
static void live_once(struct kit *k)
{
    char text[4096];
    size_t len = write_traffic(text, sizeof text), at = 0;

    k->m->window = throw_below(3) == 0 ? throw_below(1000) : SIZE_MAX / 2;
    while (at < len && !k->m->s.closing && throw_below(40) != 0) {
        size_t n = 1 + throw_below(throw_below(2) ? 8 : 200);
        if (n > len - at) n = len - at;
        if (!k->m->s.paused && !k->m->s.peer_ended) {
            mem_stream_feed(k->m, text + at, n);
            at += n - k->m->feed_len;
        }
        if (throw_below(4) == 0) answer_one();
        if (throw_below(8) == 0) mem_stream_open_window(k->m, throw_below(100000));
        if (throw_below(60) == 0) mem_stream_feed_end(k->m);
        sl__loop_crank(k->loop, throw_below(30) == 0 ? throw_below(3000) : 0);
        if (k->m->s.paused && later_count == 0) mem_stream_open_window(k->m, 1u << 20);
    }
    while (later_count > 0 && throw_below(4) != 0)
        answer_one();
    kit_disconnect(k);
    while (later_count > 0)
        answer_one(); /* to nobody */
    assert_true(list_is_empty(&k->server->connections));
}

static void test_anything(void **state)
{
    struct kit k;

    (void)state;
    dice = 20260301;
    open_kit(&k);
    for (int i = 0; i < 3000; i++) {
        live_once(&k);
        kit_connect(&k);
    }
    kit_close(&k);
}

static void test_no_memory_to_connect(void **state)
{
    struct stream_options o = {.waiting_max = 1000};
    struct mem_stream *m;
    struct kit k;

    (void)state;
    open_kit(&k);
    m = mem_stream_open(k.loop, &o);
    sl__alloc_fail_after(0);
    sl__server_take_stream(k.server, &m->s);
    sl__alloc_fail_after(-1);
    sl__loop_crank(k.loop, 0);
    assert_true(m->gone);
    mem_stream_free(m);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_bytes_behind),
        cmocka_unit_test(test_body_in_later_request),
        cmocka_unit_test(test_gone_before_the_answer),
        cmocka_unit_test(test_answers_to_nobody),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_ended_between_and_within),
        cmocka_unit_test(test_stop_idle),
        cmocka_unit_test(test_stop_in_progress),
        cmocka_unit_test(test_stop_within_a_body),
        cmocka_unit_test(test_stop_while_sending),
        cmocka_unit_test(test_stop_sessions),
        cmocka_unit_test(test_stop_takes_nothing_new),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_to_connect),
        cmocka_unit_test(test_anything),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("serve/http_flow", tests, NULL, NULL);
}
