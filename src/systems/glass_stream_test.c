/* SPDX-License-Identifier: MIT */
/* The events of /stream/frames: their framing, who gets what, the line that keeps proxies. */
#include "systems/glass_stream.h"

#include "serve/http_test.h"
#include "systems/glass_relay.h"

static sl_loop *loop; /* the hub's part, played */

void hub_set_timer(struct hub *hub, struct timer *t, uint64_t in_ms)
{
    (void)hub;
    sl__loop_set_timer(loop, t, in_ms);
}

void hub_cancel_timer(struct hub *hub, struct timer *t)
{
    (void)hub;
    sl__loop_cancel_timer(loop, t);
}

struct bench {
    struct kit k;
    struct cameras cameras;
    struct glass_stream gs;
    sl_route route;
};

static void on_request(sl_request *r, void *user)
{
    glass_stream_join(user, r);
}

static void open_bench(struct bench *b)
{
    sl_server_options o = {.routes = &b->route, .route_count = 1, .queue_max = 1000};

    *b = (struct bench){0};
    b->route = (sl_route)SL_ROUTE(SL_GET, "/stream/frames", SL_RIGHT_OPEN, on_request, &b->gs);
    assert_int_equal(cameras_init(&b->cameras), 0);
    kit_open(&b->k, &o);
    loop = b->k.loop;
    glass_stream_init(&b->gs, NULL, &b->cameras);
}

static void close_bench(struct bench *b)
{
    kit_disconnect(&b->k);
    assert_true(list_is_empty(&b->gs.viewers));
    assert_false(timer_is_set(&b->gs.keep));
    kit_close(&b->k);
    cameras_deinit(&b->cameras);
}

static void look(struct bench *b)
{
    kit_feed(&b->k, "GET /stream/frames HTTP/1.1\r\nHost: h\r\n\r\n");
}

/* A frame as live_relay_frame makes one: our members, then the device's text. */
static void frame(struct bench *b, const char *camera, const char *ours, const char *text)
{
    struct camera *cam = cameras_get(&b->cameras, sl_str_of(camera));
    sl_buf *head = sl_buf_copy(sl_str_of(ours)), *body = sl_buf_copy(sl_str_of(text));
    sl_message m = {.text = true};

    assert_int_equal(sl_message_add(&m, head, sl_buf_str(head)), 0);
    if (body->len == 0)
        sl_buf_drop(body);
    else
        assert_int_equal(sl_message_add(&m, body, sl_buf_str(body)), 0);
    glass_stream_send(&b->gs, cam->number, &m);
    cameras_keep_last(&b->cameras, cam, &m);
}

static const char *said(struct bench *b)
{
    sl__loop_crank(b->k.loop, 0);
    return kit_text(&b->k);
}

static void test_events(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b);
    assert_has(said(&b), "\r\nContent-Type: text/event-stream\r\n");
    assert_has(said(&b), "\r\nCache-Control: no-store\r\n");
    mem_stream_clear(b.k.m);
    assert_string_equal(said(&b), "");
    frame(&b, "cam", "{\"a\":1,", "\"frame\":\"AAAA\"}");
    assert_string_equal(said(&b), "1e\r\ndata: {\"a\":1,\"frame\":\"AAAA\"}\n\n\r\n");
    mem_stream_clear(b.k.m);
    sl__loop_crank(b.k.loop, 10000);
    assert_string_equal(said(&b), ""); /* once per frame */
    close_bench(&b);
}

/* Not one byte of a frame is copied, as a rule. */
static void test_frames_are_shared(void **state)
{
    sl_buf *body = sl_buf_copy(SL_STR("{\"frame\":\"AAAA\"}"));
    sl_message m = {.text = true};
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b);
    b.k.m->window = 0;
    assert_int_equal(sl_message_add(&m, body, sl_buf_str(body)), 0);
    assert_false(sl__buf_is_shared(body));
    glass_stream_send(&b.gs, 1, &m);
    assert_true(sl__buf_is_shared(body));
    close_bench(&b);
    sl_buf_drop(body);
}

static void test_line_ends_inside(void **state)
{
    static const char *const in[] = {
        "\"frame\": 1\n}", "\"frame\":\r1}", "\"frame\": \r\n1}", "\n\n\"frame\":1}\n", "\r\r}",
    };
    static const char *const out[] = {
        "\"frame\": 1 }", "\"frame\": 1}", "\"frame\":   1}", "  \"frame\":1} ", "  }",
    };
    char event[64];
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b);
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        mem_stream_clear(b.k.m);
        frame(&b, "cam", "{", in[i]);
        snprintf(event, sizeof event, "%zx\r\ndata: {%s\n\n\r\n", 9 + strlen(out[i]), out[i]);
        assert_string_equal(said(&b), event);
    }
    kit_disconnect(&b.k);
    kit_connect(&b.k);
    look(&b); /* the last one is told with its line ends taken out as well */
    assert_has(said(&b), "data: {  }\n\n");
    close_bench(&b);
}

static void test_newcomers_get_the_last_of_each(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    frame(&b, "one", "{\"n\":1}", "");
    frame(&b, "one", "{\"n\":2}", "");
    frame(&b, "two", "{\"n\":3}", "");
    look(&b);
    assert_lacks(said(&b), "{\"n\":1}");
    assert_has(said(&b), "data: {\"n\":2}\n\n");
    assert_has(said(&b), "data: {\"n\":3}\n\n");
    close_bench(&b);
}

static void test_a_slow_viewer_gets_the_newest(void **state)
{
    char text[32];
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b);
    mem_stream_clear(b.k.m);
    b.k.m->window = 0;
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "{\"n\":%d}", i);
        frame(&b, i % 2 ? "odd" : "even", text, "");
        sl__loop_crank(b.k.loop, 0);
    }
    mem_stream_open_window(b.k.m, 1 << 20);
    assert_string_equal(said(&b),
                        "11\r\ndata: {\"n\":498}\n\n\r\n11\r\ndata: {\"n\":499}\n\n\r\n");
    close_bench(&b);
}

static void test_keep(void **state)
{
    struct mem_stream *first;
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b);
    first = b.k.m;
    sl__loop_crank(b.k.loop, 10000);
    kit_connect(&b.k);
    look(&b);
    mem_stream_clear(b.k.m);
    sl__loop_crank(b.k.loop, 4999);
    assert_string_equal(said(&b), "");
    sl__loop_crank(b.k.loop, 1);
    assert_string_equal(said(&b), "8\r\n: keep\n\n\r\n"); /* one timer for all */
    sl__loop_crank(b.k.loop, 15000);
    assert_string_equal(said(&b), "8\r\n: keep\n\n\r\n8\r\n: keep\n\n\r\n");
    sl__stream_close(&first->s, UV_ECONNRESET);
    sl__loop_crank(b.k.loop, 0);
    assert_true(timer_is_set(&b.gs.keep)); /* the other one is there still */
    mem_stream_free(first);
    close_bench(&b);
}

static void test_no_memory(void **state)
{
    bool whole = false;
    struct bench b;
    long n;

    (void)state;
    for (n = 0; !whole && n < 100; n++) {
        open_bench(&b);
        frame(&b, "one", "{\n1}", "");
        sl__alloc_fail_after(n);
        look(&b);
        if (!list_is_empty(&b.gs.viewers))
            glass_stream_send(&b.gs, 7, &cameras_get(&b.cameras, SL_STR("one"))->last);
        sl__loop_crank(b.k.loop, 0);
        sl__alloc_fail_after(-1);
        whole = strstr(kit_text(&b.k), "c\r\ndata: { 1}\n\n\r\nc\r\ndata: { 1}\n\n") != NULL;
        close_bench(&b);
    }
    assert_true(whole && n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_frames_are_shared),
        cmocka_unit_test(test_line_ends_inside),
        cmocka_unit_test(test_newcomers_get_the_last_of_each),
        cmocka_unit_test(test_a_slow_viewer_gets_the_newest),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("systems/glass_stream", tests, NULL, NULL);
}
