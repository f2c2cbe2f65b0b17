/* SPDX-License-Identifier: MIT */
/* Who sends or reads too slowly, at the least rate, below it and above. */
#include "serve/http_test.h"

static void on_echo(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", sl_request_body(r));
}

/* As many bytes as the path says. */
static void on_large(sl_request *r, void *user)
{
    sl_str n = sl_request_param(r, "n");
    size_t len = strtoul(n.ptr, NULL, 10);
    sl_buf *b = sl_buf_new(0, len);

    (void)user;
    memset(sl__buf_data(b), 'x', len);
    b->len = len;
    sl_answer_buf(r, 200, "text/plain", b);
    sl_buf_drop(b);
}

static const sl_route routes[] = {
    SL_ROUTE(SL_POST, "/echo", SL_RIGHT_OPEN, on_echo, NULL),
    SL_ROUTE(SL_GET, "/large/:n", SL_RIGHT_OPEN, on_large, NULL),
};

static const sl_server_options options = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .queue_max = 100000,
};

/* At the least rate, a byte below it, and above; a byte each second beats every deadline of
 * silence. */
static void test_body_that_drips(void **state)
{
    static const struct {
        uint32_t rate_min;
        size_t each; /* bytes a second, but for the last one's */
        size_t last;
        bool is_cut;
    } rows[] = {
        {100,          100, 100, false},
        {100,          100, 99,  true },
        {100,          101, 101, false},
        {100,          1,   1,   true },
        {SL_RATE_NONE, 1,   1,   false},
    };
    static char bytes[200];
    sl_server_options o = options;
    struct kit k;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        o.rate_min = rows[i].rate_min;
        kit_open(&k, &o);
        kit_feed(&k, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n");
        for (int s = 1; s <= 20; s++) {
            assert_int_equal(k.m->sent_len, 0);
            sl__loop_crank(k.loop, 1000);
            kit_feed_cut(&k, bytes, s < 20 ? rows[i].each : rows[i].last, 0);
        }
        sl__loop_crank(k.loop, 0);
        assert_int_equal(k.m->sent_len > 0, rows[i].is_cut);
        assert_int_equal(k.server->slow_bodies, rows[i].is_cut);
        if (rows[i].is_cut) {
            assert_has(kit_text(&k), "HTTP/1.1 408 Request Timeout\r\n");
            assert_has(kit_text(&k), "slower than 100 bytes a second for 20 seconds");
        }
        kit_close(&k);
    }
}

/* What leaves within 20 s: at the least rate, below, above. */
static void test_reader_that_sips(void **state)
{
    static const struct {
        size_t sip;
        bool is_cut;
    } rows[] = {
        {2000, false},
        {1999, true },
        {2001, false},
    };
    sl_server_options o = options;
    struct kit k;

    (void)state;
    o.rate_min = 100;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kit_open(&k, &o);
        k.m->window = 10;
        kit_feed(&k, "GET /large/90000 HTTP/1.1\r\nHost: h\r\n\r\n");
        sl__loop_crank(k.loop, 0);
        for (int n = 0; n < 3 && !k.m->closed; n++) {
            sl__loop_crank(k.loop, 10000);
            mem_stream_open_window(k.m, n == 0 ? rows[i].sip + 10 : rows[i].sip);
            sl__loop_crank(k.loop, 10001);
        }
        assert_int_equal(k.m->closed, rows[i].is_cut);
        assert_int_equal(k.server->slow_readers, rows[i].is_cut);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_that_drips),
        cmocka_unit_test(test_reader_that_sips),
    };

    return cmocka_run_group_tests_name("serve/pace", tests, NULL, NULL);
}
