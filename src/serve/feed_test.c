/* SPDX-License-Identifier: MIT */
/* Answers without an end: framing, both kinds of queue, every way to end, no memory. */
#include "serve/http_test.h"
#include "serve/request.h"

#define FEEDS_MAX 8

static struct probe {
    sl_feed *feed;  /* while it lives */
    int rc, closes; /* of sl_answer_feed; calls of on_close */
} probe[FEEDS_MAX];
static int probe_count;
static sl_request *later;
static struct probe *then_close, *then_send; /* what on_close does to another feed */

static sl_message text_of(const char *z)
{
    return (sl_message){
        .text = true, .n = z[0] != '\0', .bytes = strlen(z), .slice = {{NULL, {z, strlen(z)}}}};
}

static int say(sl_feed *f, const char *z)
{
    sl_message m = text_of(z);

    return sl_feed_send(f, &m);
}

static int say_newest(sl_feed *f, uint32_t key, const char *z)
{
    sl_message m = text_of(z);

    return sl_feed_send_newest(f, key, &m);
}

static void on_close(sl_feed *f, void *user)
{
    struct probe *p = user;

    assert_ptr_equal(f, p->feed);
    p->closes++;
    assert_int_equal(say(f, "x"), SL_E_CLOSED);
    assert_int_equal(say_newest(f, 1, "x"), SL_E_CLOSED);
    sl_feed_close(f);
    p->feed = NULL;
    if (then_send != NULL && then_send->feed != NULL)
        assert_int_equal(say(then_send->feed, "bye"), 0);
    if (then_close != NULL && then_close->feed != NULL) sl_feed_close(then_close->feed);
}

static void answer(sl_request *r)
{
    struct probe *p = &probe[probe_count++];

    assert_true(probe_count <= FEEDS_MAX);
    *p = (struct probe){0};
    p->rc = sl_answer_feed(r, "text/event-stream", on_close, p, &p->feed);
    assert_true((p->rc == 0) == (p->feed != NULL));
}

static void on_feed(sl_request *r, void *user)
{
    (void)user;
    answer(r);
}

static void on_later(sl_request *r, void *user)
{
    (void)user;
    later = r;
}

static void on_hello(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", SL_STR("hello"));
}

/* As many bytes as the path says. */
static void on_large(sl_request *r, void *user)
{
    static char bytes[70000];
    sl_str n = sl_request_param(r, "n");

    (void)user;
    sl_answer(r, 200, "text/plain", (sl_str){bytes, strtoul(n.ptr, NULL, 10)});
}

static const sl_route routes[] = {
    SL_ROUTE(SL_GET | SL_POST, "/feed", SL_RIGHT_OPEN, on_feed, NULL),
    SL_ROUTE(SL_GET, "/later", SL_RIGHT_OPEN, on_later, NULL),
    SL_ROUTE(SL_GET, "/hello", SL_RIGHT_OPEN, on_hello, NULL),
    SL_ROUTE(SL_GET, "/large/:n", SL_RIGHT_OPEN, on_large, NULL),
};

static const sl_server_options options = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .idle_ms = 5000,
    .queue_max = 1000,
};

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEAD                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
    "Transfer-Encoding: chunked\r\nConnection: close\r\n"    \
    "Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\n\r\n"
#define HEAD_10                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n" \
    "Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\n\r\n"
#define LAST "0\r\n\r\n"

static void open_kit(struct kit *k)
{
    probe_count = 0;
    then_close = then_send = NULL;
    later = NULL;
    kit_open(k, &options);
}

static void open_feed(struct kit *k)
{
    open_kit(k);
    kit_feed(k, GET("/feed"));
    assert_int_equal(probe[0].rc, 0);
}

/* What has been sent leaves. */
static const char *said(struct kit *k)
{
    sl__loop_crank(k->loop, 0);
    return kit_text(k);
}

static void stop(struct kit *k)
{
    k->loop->stopping = true;
    k->server->stop.on_stop(&k->server->stop);
    sl__loop_crank(k->loop, 0);
}

/* The peer has read to our end and ends as well. */
static void assert_ends(struct kit *k, struct probe *p)
{
    assert_true(k->m->shut);
    assert_int_equal(p->closes, 0);
    mem_stream_feed_end(k->m);
    sl__loop_crank(k->loop, 0);
    assert_true(k->m->gone);
    assert_int_equal(p->closes, 1);
}

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
        assert_memory_equal(k.m->sent + k.m->sent_len - 10, HEAD + sizeof HEAD - 11, 10);
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

/* ---- the ends ---- */

static void test_lives_in_silence(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(say(probe[0].feed, "."), 0);
        sl__loop_crank(k.loop, i % 3 ? 24 * 3600 * 1000 : 7000);
    }
    assert_false(k.m->closed);
    assert_int_equal(probe[0].closes, 0);
    kit_close(&k);
}

static void test_closed_by_us(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    sl_feed_close(probe[0].feed);
    sl_feed_close(probe[0].feed);
    assert_int_equal(say(probe[0].feed, "b"), SL_E_CLOSED);
    assert_int_equal(probe[0].closes, 0); /* not from inside */
    assert_string_equal(said(&k), HEAD "1\r\na\r\n" LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

static void test_closed_inside_the_handler(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    answer(later);
    sl_feed_close(probe[0].feed); /* with its head still waiting */
    assert_string_equal(said(&k), HEAD LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

/* Who does not read to the end gets as long as for any other answer. */
static void test_closed_with_much_waiting(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    mem_stream_clear(k.m);
    k.m->window = 0;
    assert_int_equal(say(probe[0].feed, "0123456789"), 0);
    sl_feed_close(probe[0].feed);
    for (int i = 0; i < 14; i++) {
        sl__loop_crank(k.loop, 19000);
        mem_stream_open_window(k.m, 1);
    }
    assert_false(k.m->closed);
    mem_stream_open_window(k.m, 100);
    assert_string_equal(said(&k), "a\r\n0123456789\r\n" LAST);
    assert_ends(&k, &probe[0]);

    kit_disconnect(&k);
    kit_connect(&k);
    kit_feed(&k, GET("/feed"));
    k.m->window = 0;
    assert_int_equal(say(probe[1].feed, "0123456789"), 0);
    sl_feed_close(probe[1].feed);
    sl__loop_crank(k.loop, 20001);
    sl__loop_crank(k.loop, 20001);
    assert_true(k.m->closed);
    kit_close(&k);
    assert_int_equal(probe[1].closes, 1);
}

static void test_closed_by_the_peer(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    mem_stream_feed_end(k.m);
    assert_int_equal(say(probe[0].feed, "a"), SL_E_CLOSED);
    sl__loop_crank(k.loop, 0);
    assert_string_equal(kit_text(&k), HEAD LAST);
    assert_true(k.m->gone); /* at once */
    assert_int_equal(probe[0].closes, 1);
    kit_close(&k);
}

/* "printf … | nc": its end came with the question or even before the answer. */
static void test_half_closed_before(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    mem_stream_feed_end(k.m);
    sl__loop_crank(k.loop, 0);
    assert_false(k.m->closed);
    answer(later);
    assert_int_equal(probe[0].rc, 0);
    assert_int_equal(say(probe[0].feed, "a"), SL_E_CLOSED);
    assert_string_equal(said(&k), HEAD LAST);
    assert_int_equal(probe[0].closes, 1);
    kit_close(&k);
}

static void test_broken_connection(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    sl__stream_close(&k.m->s, UV_ECONNRESET);
    assert_int_equal(probe[0].closes, 0);
    assert_int_equal(say(probe[0].feed, "b"), SL_E_CLOSED); /* it does not know yet */
    sl_feed_close(probe[0].feed);
    sl__loop_crank(k.loop, 0);
    assert_int_equal(probe[0].closes, 1);
    kit_close(&k);
}

static void test_stop(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    stop(&k);
    assert_string_equal(kit_text(&k), HEAD "1\r\na\r\n" LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

static void test_stop_before_the_answer(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    stop(&k);
    answer(later);
    assert_int_equal(probe[0].rc, 0);
    assert_string_equal(said(&k), HEAD LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

/* ---- several ---- */

/* on_close of the first speaks to the second, or ends it. */
static void test_others_from_on_close(void **state)
{
    for (int way = 0; way < 3; way++) {
        struct mem_stream *first, *second;
        struct kit k;

        (void)state;
        open_feed(&k);
        first = k.m;
        kit_connect(&k);
        kit_feed(&k, GET("/feed"));
        second = k.m;
        then_send = &probe[1];
        then_close = way > 0 ? &probe[1] : NULL;
        if (way == 2) sl__stream_close(&second->s, UV_ECONNRESET); /* goes in the same turn */
        if (way == 2) then_send = NULL;
        sl__stream_close(&first->s, UV_ECONNRESET);
        sl__loop_crank(k.loop, 0);
        assert_int_equal(probe[0].closes, 1);
        assert_int_equal(probe[1].closes, way == 2);
        then_send = then_close = NULL;
        if (way == 0) assert_string_equal(kit_text(&k), HEAD "3\r\nbye\r\n");
        if (way == 1) assert_string_equal(kit_text(&k), HEAD "3\r\nbye\r\n" LAST);
        mem_stream_free(first);
        kit_close(&k);
        assert_int_equal(probe[1].closes, 1);
    }
}

static void test_no_on_close(void **state)
{
    sl_feed *f;
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    assert_int_equal(sl_answer_feed(later, "text/plain", NULL, NULL, &f), 0);
    assert_int_equal(say(f, "a"), 0);
    kit_close(&k);
}

static void test_answered_twice(void **state)
{
    sl_feed *f;
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    later->in_handler = true; /* as inside it */
    sl_answer(later, 200, "text/plain", SL_STR("x"));
    assert_int_equal(sl_answer_feed(later, "text/plain", NULL, NULL, &f), SL_E_CLOSED);
    assert_null(f);
    request_free(later);
    kit_close(&k);
}

/* ---- memory ---- */

static void test_no_memory(void **state)
{
    bool whole = false;
    struct kit k;
    long n;

    (void)state;
    for (n = 0; !whole && n < 100; n++) {
        open_kit(&k);
        kit_feed(&k, GET("/later"));
        sl__alloc_fail_after(n);
        answer(later);
        if (probe[0].feed != NULL) {
            int a = say(probe[0].feed, "a"), b = say_newest(probe[0].feed, 1, "b");
            assert_true((a == 0 || a == SL_E_NOMEM) && (b == 0 || b == SL_E_NOMEM));
            sl_feed_close(probe[0].feed);
        }
        sl__loop_crank(k.loop, 0);
        sl__alloc_fail_after(-1);
        whole = strcmp(kit_text(&k), HEAD "1\r\na\r\n1\r\nb\r\n" LAST) == 0;
        if (probe[0].rc < 0) {
            assert_int_equal(probe[0].rc, SL_E_NOMEM);
            assert_true(k.m->closed); /* not silence for ever */
            assert_int_equal(k.m->sent_len, 0);
        }
        kit_close(&k);
        assert_int_equal(probe[0].closes, probe[0].rc == 0);
    }
    assert_true(whole && n > 6);
}

/* ---- anything at all ---- */

static uint32_t dice; /* the same throws in each run */

static uint32_t throw_below(uint32_t n)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % n;
}

/* Takes a chunked body apart. returns whether it came to its last chunk */
static bool check_chunks(const char *at, const char *end)
{
    while (at < end) {
        char *digits_end;
        size_t len = strtoul(at, &digits_end, 16);

        if (end - digits_end < 2 || (size_t)(end - digits_end) < len + 4) return false;
        assert_memory_equal(digits_end, "\r\n", 2);
        assert_memory_equal(digits_end + 2 + len, "\r\n", 2);
        at = digits_end + len + 4;
        if (len == 0) assert_ptr_equal(at, end);
        if (len == 0) return true;
    }
    return false;
}

static void live_once(struct kit *k, const char *text)
{
    struct probe *p = &probe[0];
    uint32_t n = 1 + throw_below(60);

    probe_count = 0;
    kit_feed(k, GET("/feed"));
    if (throw_below(3)) k->m->window = throw_below(500);
    while (n-- > 0 && p->feed != NULL) {
        switch (throw_below(7)) {
        case 0: (void)say(p->feed, text + 1 + throw_below(498)); break;
        case 1:
        case 2: (void)say_newest(p->feed, throw_below(3), text + 1 + throw_below(498)); break;
        case 3: mem_stream_open_window(k->m, throw_below(800)); break;
        case 4: sl__loop_crank(k->loop, throw_below(50) ? 0 : throw_below(30000)); break;
        case 5:
            if (!k->m->s.peer_ended) kit_feed(k, GET("/hello"));
            break;
        default:
            if (throw_below(8) == 0) sl_feed_close(p->feed);
            if (throw_below(20) == 0 && !k->m->s.peer_ended) mem_stream_feed_end(k->m);
        }
    }
    if (p->feed != NULL && throw_below(2)) {
        sl_feed_close(p->feed);
        mem_stream_open_window(k->m, 1 << 20);
        sl__loop_crank(k->loop, 0);
        assert_true(k->m->shut || k->m->closed);
        assert_true(check_chunks(k->m->sent + strlen(HEAD) + 37, k->m->sent + k->m->sent_len));
    }
    kit_disconnect(k);
    assert_int_equal(p->closes, 1);
    assert_true(list_is_empty(&k->server->feeds));
}

static void test_anything(void **state)
{
    char text[500];
    struct kit k;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    dice = 20260301;
    open_kit(&k);
    for (int i = 0; i < 3000; i++) {
        live_once(&k, text);
        kit_connect(&k);
    }
    kit_close(&k);
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
        cmocka_unit_test(test_takes_little),
        cmocka_unit_test(test_lives_in_silence),
        cmocka_unit_test(test_closed_by_us),
        cmocka_unit_test(test_closed_inside_the_handler),
        cmocka_unit_test(test_closed_with_much_waiting),
        cmocka_unit_test(test_closed_by_the_peer),
        cmocka_unit_test(test_half_closed_before),
        cmocka_unit_test(test_broken_connection),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_before_the_answer),
        cmocka_unit_test(test_others_from_on_close),
        cmocka_unit_test(test_no_on_close),
        cmocka_unit_test(test_answered_twice),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
