/* SPDX-License-Identifier: MIT */
/* Who is there, minute by minute: glass on a hub that the test plays, its clock by hand. */
#include "systems/glass_live.h"

#include "hub/intake_inside.h"
#include "hub/sockets.h"
#include "serve/http_test.h"
#include "serve/ws_test.h"
#include "systems/glass.h"

/* ---- the hub ---- */

struct bench {
    struct kit k; /* its own connection calls by HTTP */
    struct frames *frames;
    struct sockets *sockets;
    struct intakes *x;
    struct glass *glass;
    sl_route routes[32];
    struct mem_stream *viewer;
};

static struct bench *now; /* whose hub it is */

int hub_append(struct hub *h, struct record *r, struct sender *s)
{
    (void)h;
    (void)r;
    (void)s;
    return SL_E_FULL;
}

bool hub_is_stopping(const struct hub *h)
{
    (void)h;
    return false;
}

bool hub_shows_frames(const struct hub *h)
{
    (void)h;
    return false;
}

sl_server *hub_server(struct hub *h)
{
    (void)h;
    return now->k.server;
}

sl_sio *hub_sio(struct hub *h)
{
    (void)h;
    return sockets_server(now->sockets);
}

void hub_set_timer(struct hub *h, struct timer *t, uint64_t in_ms)
{
    (void)h;
    sl__loop_set_timer(now->k.loop, t, in_ms);
}

void hub_cancel_timer(struct hub *h, struct timer *t)
{
    (void)h;
    sl__loop_cancel_timer(now->k.loop, t);
}

uint64_t hub_now_us(const struct hub *h)
{
    (void)h;
    return sl_loop_now_us(now->k.loop);
}

struct live_stream *hub_live_stream(struct hub *h, const char *system, sl_str device)
{
    (void)h;
    return frames_get(now->frames, system, device);
}

bool hub_has_live_viewers(const struct hub *h)
{
    (void)h;
    return true;
}

void hub_live_event(struct hub *h, const char *system, const char *kind, sl_str device,
                    sl_str record)
{
    (void)h;
    (void)system;
    (void)kind;
    (void)device;
    (void)record;
}

int hub_keep_picture(struct hub *h, sl_buf *buf, sl_str text, media_fn *on_kept, void *user)
{
    (void)h;
    (void)buf;
    (void)text;
    (void)on_kept;
    (void)user;
    return SL_E_FULL;
}

void hub_leave_out_pictures(struct hub *h, int rc, uint32_t records)
{
    (void)h;
    (void)rc;
    (void)records;
}

/* ---- people ---- */

#define MINUTE_MS 60000
#define FRAME     "{\"type\":\"frame\",\"frame\":\"/9j/\"}"

static struct mem_stream *dial(struct bench *b)
{
    struct stream_options o = {.waiting_max = b->k.server->options.queue_max};
    struct mem_stream *m = mem_stream_open(b->k.loop, &o);

    assert_non_null(m);
    sl__server_take_stream(b->k.server, &m->s);
    mem_stream_feed(m, UPGRADE, sizeof UPGRADE - 1);
    sl__loop_crank(b->k.loop, 0);
    assert_memory_equal(m->sent, "HTTP/1.1 101 ", 13);
    mem_stream_clear(m);
    return m;
}

static void say(struct bench *b, struct mem_stream *m, const char *text)
{
    bench_send(m, 0x81, text, strlen(text));
    sl__loop_crank(b->k.loop, 0);
}

static struct mem_stream *camera(struct bench *b)
{
    struct mem_stream *m = dial(b);

    say(b, m, "{\"type\":\"device_register\",\"device_id\":\"cam\"}");
    return m;
}

static void hang_up(struct bench *b, struct mem_stream *m)
{
    if (!m->closed) sl__stream_close(&m->s, SL_E_CLOSED);
    sl__loop_crank(b->k.loop, 0);
    mem_stream_free(m);
}

/* Time passes in steps, in which the viewer says something: it lives. */
static void wait_ms(struct bench *b, uint64_t ms)
{
    while (ms > 0) {
        uint64_t step = ms < 1000 ? ms : 1000;

        sl__loop_crank(b->k.loop, step);
        bench_send(b->viewer, 0x8a, "", 0);
        ms -= step;
    }
    sl__loop_crank(b->k.loop, 0);
}

/* How often the viewer was told this since the last time that anything was asked. */
static int told(struct bench *b, const char *status)
{
    char text[128];
    int n = 0;
    size_t len = (size_t)snprintf(
        text, sizeof text,
        "{\"type\":\"device_status\",\"device_id\":\"cam\",\"status\":\"%s\"}", status);

    for (const char *at = b->viewer->sent, *end = at + b->viewer->sent_len;
         at != NULL && (at = memmem(at, (size_t)(end - at), text, len)) != NULL; at += len)
        n++;
    return n;
}

static bool is_connected(struct bench *b)
{
    sl_json_out out = {0};
    struct live_stream *s = frames_find_device(b->frames, SL_STR("cam"));
    uint32_t connected = 0, disconnected = 0;
    bool is;

    assert_non_null(s);
    sl_out_object(&out);
    stream_put(s, &out);
    sl_out_end(&out);
    is = memmem(out.ptr, out.len, "\"connected\":true", 16) != NULL;
    sl_out_deinit(&out);
    glass_system.count_devices(b->glass, &connected, &disconnected);
    assert_int_equal(connected, is); /* all who are asked say the same */
    return is;
}

static void post_frame(struct bench *b)
{
    mem_stream_clear(b->k.m);
    kit_feed(&b->k, "POST /api/device/frames HTTP/1.1\r\nHost: h\r\nX-Device-Id: cam\r\n"
                    "Content-Length: 32\r\n\r\n{\"type\":\"frame\",\"frame\":\"/9j/\"} ");
    assert_has(kit_text(&b->k), "200 OK");
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    sl_server_options o = {0};

    if (b == NULL) return -1;
    now = b;
    b->glass = calloc(1, glass_system.state_size);
    assert_non_null(b->glass);
    assert_int_equal(intakes_new(NULL, &glass_system, b->glass, &b->x), 0);
    o.routes = b->routes;
    o.route_count = intakes_put_routes(b->x, b->routes);
    kit_open(&b->k, &o);
    assert_int_equal(frames_new(b->k.loop, 1024, &b->frames), 0);
    assert_int_equal(sockets_new(b->k.loop, 0, 0, &b->sockets, NULL), 0);
    assert_int_equal(glass_system.start(b->glass, NULL, NULL), 0);
    b->viewer = dial(b);
    say(b, b->viewer, "{\"type\":\"web_client\"}");
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    hang_up(b, b->viewer);
    kit_disconnect(&b->k);
    glass_system.stop(b->glass);
    sockets_free(b->sockets);
    frames_free(b->frames);
    kit_close(&b->k);
    intakes_free(b->x);
    free(b->glass);
    free(b);
    return 0;
}

/* ---- contract 1.3, 9: bytes are life ---- */

static void test_a_device_that_never_reads_stays_while_it_sends(void **state)
{
    struct bench *b = *state;
    struct mem_stream *m = camera(b);

    m->window = 0; /* it reads nothing: no ping reaches it */
    for (int i = 0; i < 20; i++) {
        wait_ms(b, MINUTE_MS - 1);
        say(b, m, FRAME);
    }
    assert_false(m->closed);
    assert_true(is_connected(b));
    assert_int_equal(told(b, "connected"), 1);
    assert_int_equal(told(b, "disconnected"), 0);
    hang_up(b, m);
}

static void test_a_silent_one_goes_after_a_minute(void **state)
{
    struct bench *b = *state;
    struct mem_stream *m = camera(b);

    say(b, m, FRAME);
    wait_ms(b, MINUTE_MS - 1);
    assert_true(is_connected(b));
    wait_ms(b, 1);
    assert_true(m->closed);
    assert_false(is_connected(b));
    assert_int_equal(told(b, "disconnected"), 1);
    hang_up(b, m);
}

/* It lost its network and came back: the half-open one ends unnoticed. */
static void test_the_newest_connection_wins(void **state)
{
    struct bench *b = *state;
    struct mem_stream *old = camera(b), *young;

    wait_ms(b, 30000);
    young = camera(b);
    say(b, young, FRAME);
    wait_ms(b, 30000);
    assert_true(old->closed);
    assert_true(is_connected(b));
    say(b, young, FRAME);
    assert_int_equal(told(b, "connected"), 1); /* it was there all the time */
    assert_int_equal(told(b, "disconnected"), 0);
    assert_int_equal(b->glass->cameras.next_number, 1);
    wait_ms(b, MINUTE_MS);
    assert_true(young->closed);
    assert_int_equal(told(b, "disconnected"), 1);
    hang_up(b, old);
    hang_up(b, young);
}

/* Contract 1.4: each call is good for a minute. */
static void test_who_calls_by_http_is_there_for_a_minute(void **state)
{
    struct bench *b = *state;

    post_frame(b);
    for (int i = 0; i < 3; i++) {
        wait_ms(b, MINUTE_MS - 1);
        assert_true(is_connected(b));
        kit_disconnect(&b->k);
        kit_connect(&b->k); /* its connection was idle for too long */
        post_frame(b);
    }
    assert_int_equal(told(b, "connected"), 1);
    wait_ms(b, MINUTE_MS - 1);
    assert_true(is_connected(b));
    wait_ms(b, 1);
    assert_false(is_connected(b));
    assert_int_equal(told(b, "disconnected"), 1);
}

/* Either way is enough; it is told once that it has gone. */
static void test_both_ways_at_once(void **state)
{
    struct bench *b = *state;
    struct mem_stream *m = camera(b);

    wait_ms(b, 30000);
    post_frame(b);
    wait_ms(b, 30000);
    assert_true(m->closed); /* by WebSocket it said nothing */
    assert_true(is_connected(b));
    wait_ms(b, 30000);
    assert_false(is_connected(b));
    assert_int_equal(told(b, "connected"), 1);
    assert_int_equal(told(b, "disconnected"), 1);
    hang_up(b, m);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_device_that_never_reads_stays_while_it_sends),
        CASE(test_a_silent_one_goes_after_a_minute),
        CASE(test_the_newest_connection_wins),
        CASE(test_who_calls_by_http_is_there_for_a_minute),
        CASE(test_both_ways_at_once),
    };

    return cmocka_run_group_tests_name("systems/glass_live", tests, NULL, NULL);
}
