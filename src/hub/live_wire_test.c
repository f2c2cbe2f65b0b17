/* SPDX-License-Identifier: MIT */
/* Viewers on in-memory streams, with the clock turned by hand; the decoding is the real one. */
#include "hub/live_wire.h"

#include "base/codec.h"
#include "serve/http_test.h"
#include "serve/rooms.h"
#include "serve/ws_test.h"

#define GET_LIVE                                                                         \
    "GET /api/live HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"       \
    "Sec-WebSocket-Protocol: sluice.v1\r\n\r\n"
#define PLENTY ((size_t)1 << 30)

struct bench {
    struct kit k;
    struct frames *frames;
    struct live_wire *live;
    sl_route routes[LIVE_WIRE_ROUTES];
    struct live_stream *cam; /* number 1 */
    uint32_t frames_sent;    /* by the camera */
};

/* A viewer's end. */
struct page {
    struct bench *b;
    struct mem_stream *m;
    size_t read; /* of what was sent */
    uint8_t op;  /* of the message that was read last */
    char text[4096];
    sl_str bytes;
};

static void settle(struct bench *b)
{
    do {
        while (b->k.loop->pending > 0)
            uv_run(b->k.loop->uv, UV_RUN_ONCE);
        sl__loop_crank(b->k.loop, 1);
    } while (b->k.loop->pending > 0);
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    sl_server_options o = {.routes = NULL, .route_count = LIVE_WIRE_ROUTES};

    if (b == NULL) return -1;
    memcpy(b->routes, live_wire_routes, sizeof live_wire_routes);
    o.routes = b->routes;
    kit_open(&b->k, &o);
    assert_int_equal(frames_new(b->k.loop, 1024, &b->frames), 0);
    assert_int_equal(live_wire_new(b->k.loop, b->frames, "1.2", &b->live), 0);
    b->routes[0].user = b->routes[1].user = b->live;
    assert_int_equal(live_wire_start(b->live, b->k.server), 0);
    b->cam = frames_get(b->frames, "glass", SL_STR("cam"));
    assert_non_null(b->cam);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    struct live_wire_stats stats;

    settle(b);
    live_wire_get_stats(b->live, &stats);
    assert_int_equal(stats.viewers, 0);
    live_wire_free(b->live);
    frames_free(b->frames);
    kit_close(&b->k);
    free(b);
    return 0;
}

static struct live_wire_stats stats_of(const struct bench *b)
{
    struct live_wire_stats stats;

    live_wire_get_stats(b->live, &stats);
    return stats;
}

static void dial(struct bench *b, struct page *p)
{
    struct stream_options o = {.waiting_max = b->k.server->options.queue_max};
    const char *end;

    *p = (struct page){.b = b, .m = mem_stream_open(b->k.loop, &o)};
    assert_non_null(p->m);
    sl__server_take_stream(b->k.server, &p->m->s);
    mem_stream_feed(p->m, GET_LIVE, sizeof GET_LIVE - 1);
    sl__loop_crank(b->k.loop, 0);
    end = memmem(p->m->sent, p->m->sent_len, "\r\n\r\n", 4);
    assert_non_null(end);
    assert_memory_equal(p->m->sent, "HTTP/1.1 101 ", 13);
    assert_non_null(
        memmem(p->m->sent, p->m->sent_len, "Sec-WebSocket-Protocol: sluice.v1\r\n", 35));
    p->read = (size_t)(end + 4 - p->m->sent);
}

static void hang_up(struct page *p)
{
    if (!p->m->closed) sl__stream_close(&p->m->s, SL_E_CLOSED);
    sl__loop_crank(p->b->k.loop, 0);
    assert_true(p->m->gone);
    mem_stream_free(p->m);
}

/* The next message that has come; false: there is none. */
static bool next(struct page *p)
{
    const uint8_t *at = (const uint8_t *)p->m->sent + p->read;
    size_t left = p->m->sent_len - p->read, head = 2;
    uint64_t len;

    if (left < head) return false;
    p->op = at[0] & 0x0f;
    len = at[1];
    if (len >= 126) {
        size_t more = len == 126 ? 2 : 8;

        len = 0;
        for (size_t i = 0; i < more; i++)
            len = len << 8 | at[head++];
    }
    assert_true(left >= head + len);
    p->bytes = (sl_str){(const char *)at + head, len};
    p->read += head + len;
    snprintf(p->text, sizeof p->text, "%.*s", p->op == WS_TEXT ? (int)len : 0, p->bytes.ptr);
    return true;
}

static void skip_all(struct page *p)
{
    while (next(p))
        ;
}

/* The next text message has this in it. */
static void expect(struct page *p, const char *part)
{
    if (!next(p)) fail_msg("no message, for \"%s\"", part);
    assert_int_equal(p->op, WS_TEXT);
    assert_has(p->text, part);
}

/* How many frames have come, and the sequence of the last. */
static int frames_of(struct page *p, uint32_t *last)
{
    int n = 0;

    while (next(p)) {
        if (p->op != WS_BINARY) continue;
        n++;
        memcpy(last, p->bytes.ptr + 8, 4);
    }
    return n;
}

static void say(struct page *p, const char *text)
{
    bench_send(p->m, 0x81, text, strlen(text));
    sl__loop_crank(p->b->k.loop, 0);
}

/* A frame of about this size. */
static void shoot(struct bench *b, struct live_stream *s, size_t size)
{
    char *picture = calloc(1, size);
    sl_buf *text = sl_buf_new(0, sl__base64_len(size));

    assert_non_null(picture);
    assert_non_null(text);
    memcpy(picture, "\xff\xd8\xff", 3);
    snprintf(picture + 3, size - 3, "%u", ++b->frames_sent);
    text->len = sl__base64_encode((char *)sl__buf_data(text), picture, size);
    stream_take_frame(s, text, sl_buf_str(text));
    sl_buf_drop(text);
    free(picture);
}

/* ---- what everybody is told ---- */

static void test_newcomers_are_told_all_streams(void **state)
{
    struct bench *b = *state;
    struct page p;

    frames_get(b->frames, "herd", SL_STR("pen \"3\""));
    stream_set_link(b->cam, true, "websocket", "10.0.0.7:1234");
    dial(b, &p);
    expect(&p, "{\"type\":\"hello\",\"version\":\"1.2\",\"now_us\":");
    assert_has(p.text, ",\"fps_max\":60}");
    expect(&p, "{\"type\":\"stream\",\"stream\":1,\"system\":\"glass\",\"device\":\"cam\","
               "\"connected\":true,\"since_us\":");
    assert_has(p.text, ",\"wire\":\"websocket\",\"peer\":\"10.0.0.7\",\"fps\":0}");
    expect(&p, "\"stream\":2,\"system\":\"herd\",\"device\":\"pen \\\"3\\\"\"");
    assert_false(next(&p));
    frames_get(b->frames, "herd", SL_STR("new"));
    sl__loop_crank(b->k.loop, 0);
    expect(&p, "\"stream\":3");
    assert_int_equal(stats_of(b).viewers, 1);
    hang_up(&p);
}

/* Who cannot take them is told the last of each. */
static void test_of_states_the_newest_waits(void **state)
{
    struct bench *b = *state;
    struct page p;

    dial(b, &p);
    skip_all(&p);
    p.m->window = 0;
    for (int i = 0; i < 100; i++) {
        stream_set_link(b->cam, i % 2 == 0, i % 2 == 0 ? "http" : "",
                        i % 2 == 0 ? "1.2.3.4:5" : "");
        sl__loop_crank(b->k.loop, 1);
    }
    mem_stream_open_window(p.m, PLENTY);
    expect(&p, "\"connected\":false");
    assert_false(next(&p));
    hang_up(&p);
}

static void test_records_are_told_to_all(void **state)
{
    struct bench *b = *state;
    struct page one, two;

    live_wire_event(b->live, "glass", "detection", SL_STR("cam"), SL_STR("{}")); /* to nobody */
    dial(b, &one);
    dial(b, &two);
    skip_all(&one);
    skip_all(&two);
    live_wire_event(b->live, "glass", "detection", SL_STR("c\"am"), SL_STR("{\"x\": 2.80}"));
    sl__loop_crank(b->k.loop, 10);
    expect(&one, "{\"type\":\"event\",\"system\":\"glass\",\"kind\":\"detection\","
                 "\"device\":\"c\\\"am\",\"record\":{\"x\": 2.80}}");
    expect(&two, "\"event\"");
    assert_int_equal(stats_of(b).events, 2);
    hang_up(&one);
    hang_up(&two);
}

static void test_rates_and_the_time(void **state)
{
    struct bench *b = *state;
    int rates = 0, times = 0;
    struct page p;

    dial(b, &p);
    skip_all(&p);
    for (int ms = 0; ms < 20000; ms += 100) {
        if (ms < 10000) shoot(b, b->cam, 30);
        sl__loop_crank(b->k.loop, 100);
    }
    while (next(&p)) {
        if (strstr(p.text, "\"type\":\"time\"") != NULL) times++;
        if (strstr(p.text, "\"type\":\"rates\"") == NULL) continue;
        rates++;
        assert_has(p.text, "{\"stream\":1,\"fps\":");
        assert_has(p.text, ",\"frame_us\":");
    }
    assert_in_range(rates, 5, 7); /* none of a stream that is silent; the wall clock decides */
    assert_in_range(times, 3, 4);
    hang_up(&p);
    assert_int_equal(b->k.loop->pending, 0);
}

static void test_streams_over_http(void **state)
{
    struct bench *b = *state;

    kit_feed(&b->k, "GET /api/streams HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(kit_text(&b->k), "HTTP/1.1 200 OK\r\n");
    assert_has(kit_text(&b->k),
               "{\"streams\":[{\"stream\":1,\"system\":\"glass\",\"device\":\"cam\","
               "\"connected\":false,\"since_us\":");
    assert_has(kit_text(&b->k), "Cache-Control: no-store\r\n");
}

/* ---- frames ---- */

static void test_frames_come_to_who_asks(void **state)
{
    struct bench *b = *state;
    struct page p, q;
    uint32_t last = 0;

    dial(b, &p);
    dial(b, &q);
    shoot(b, b->cam, 200);
    settle(b);
    assert_int_equal(frames_of(&p, &last), 0);
    say(&p, "{\"type\":\"subscribe\",\"streams\":[1]}");
    settle(b);
    assert_int_equal(frames_of(&p, &last), 1); /* the newest at once */
    assert_int_equal(p.bytes.len, FRAME_HEAD_SIZE + 200);
    assert_memory_equal(p.bytes.ptr + FRAME_HEAD_SIZE,
                        "\xff\xd8\xff"
                        "1",
                        5);
    shoot(b, b->cam, 200);
    settle(b);
    assert_int_equal(frames_of(&p, &last), 1);
    assert_int_equal(last, 2);
    say(&p, "{\"type\":\"unsubscribe\",\"streams\":[1]}");
    say(&p, "{\"type\":\"unsubscribe\",\"streams\":[1]}"); /* it is as it should be */
    shoot(b, b->cam, 200);
    settle(b);
    assert_int_equal(frames_of(&p, &last), 0);
    assert_int_equal(frames_of(&q, &last), 0);
    assert_int_equal(stats_of(b).frames_sent, 2);
    hang_up(&p);
    hang_up(&q);
}

static const struct {
    double fps;
    const char *say;
} caps[] = {
    {60,  "{\"type\":\"subscribe\",\"streams\":[1]}"             },
    {60,  "{\"type\":\"subscribe\",\"streams\":[1],\"fps\":null}"},
    {20,  "{\"type\":\"subscribe\",\"streams\":[1],\"fps\":20}"  },
    {5,   "{\"type\":\"subscribe\",\"streams\":[1],\"fps\":5.0}" },
    {0.5, "{\"type\":\"subscribe\",\"streams\":[1],\"fps\":0.5}" },
};

/* A camera of 40 per second, for 10 s. The last one of all is seen, whatever the rate. */
static void test_rates_are_capped(void **state)
{
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        double wanted = caps[i].fps < 40 ? caps[i].fps * 10 : 400;
        uint32_t last = 0;
        struct page p;
        int n;

        dial(b, &p);
        say(&p, caps[i].say);
        for (int k = 0; k < 400; k++) {
            shoot(b, b->cam, 30);
            settle(b); /* 1 ms, or a few */
            sl__loop_crank(b->k.loop, 24);
        }
        n = frames_of(&p, &last);
        if (n < wanted * 0.9 - 1 || n > wanted * 1.2 + 2)
            fail_msg("%g per second: %d", caps[i].fps, n);
        sl__loop_crank(b->k.loop, 4100);
        frames_of(&p, &last);
        assert_int_equal(last, b->frames_sent);
        hang_up(&p);
    }
}

static void test_another_cap_is_heard_at_once(void **state)
{
    struct bench *b = *state;
    uint32_t last = 0;
    struct page p;

    dial(b, &p);
    say(&p, "{\"type\":\"subscribe\",\"streams\":[1],\"fps\":0.1}");
    for (int i = 0; i < 5; i++) {
        shoot(b, b->cam, 30);
        settle(b);
    }
    assert_in_range(frames_of(&p, &last), 1, 2);
    assert_true(last < 5);
    say(&p, "{\"type\":\"subscribe\",\"streams\":[1],\"fps\":30}"); /* not in ten seconds */
    assert_int_equal(frames_of(&p, &last), 1);
    assert_int_equal(last, 5);
    hang_up(&p);
}

static void test_a_slow_viewer_gets_the_newest(void **state)
{
    struct bench *b = *state;
    struct page slow, quick;
    uint32_t last = 0;

    dial(b, &slow);
    dial(b, &quick);
    say(&slow, "{\"type\":\"subscribe\",\"streams\":[1]}");
    say(&quick, "{\"type\":\"subscribe\",\"streams\":[1]}");
    skip_all(&slow);
    slow.m->window = 0;
    for (int i = 0; i < 50; i++) {
        shoot(b, b->cam, 1000);
        settle(b);
        sl__loop_crank(b->k.loop, 20);
        assert_true(sl__stream_waiting(&slow.m->s) < 1400); /* one, and a message */
    }
    assert_int_equal(frames_of(&quick, &last), 50);
    assert_int_equal(stats_of(b).frames_conflated, 49);
    assert_int_equal(stats_of(b).frames_sent, 51);
    assert_int_equal(b->k.loop->ages.bucket[0], 50); /* the quick one's: no time passed */
    sl__loop_crank(b->k.loop, 300);
    mem_stream_open_window(slow.m, PLENTY);
    sl__loop_crank(b->k.loop, 0);
    assert_in_range(b->k.loop->ages.sum_us, 320000, 322000);
    assert_int_equal(frames_of(&slow, &last), 1);
    assert_int_equal(last, 50);
    hang_up(&slow);
    hang_up(&quick);
}

#define TILES 40

/* A wall that does not read: its frames take half the room, records find the other. */
static void test_frames_leave_room_for_records(void **state)
{
    struct bench *b = *state;
    size_t max = b->k.server->options.queue_max;
    char list[TILES * 8 + 64] = "{\"type\":\"subscribe\",\"streams\":[1";
    struct live_stream *s[TILES] = {b->cam};
    bool seen[TILES + 1] = {false};
    char *record = malloc(max / 4);
    struct page p;

    for (int i = 1; i < TILES; i++) {
        char id[16];

        snprintf(id, sizeof id, "cam-%d", i);
        s[i] = frames_get(b->frames, "glass", sl_str_of(id));
        assert_non_null(s[i]);
        snprintf(list + strlen(list), 16, ",%u", stream_number(s[i]));
    }
    snprintf(list + strlen(list), 16, "]}");
    dial(b, &p);
    say(&p, list);
    skip_all(&p);
    p.m->window = 0;
    for (int i = 0; i < TILES; i++)
        shoot(b, s[i], 100000);
    settle(b);
    assert_in_range(sl__stream_waiting(&p.m->s), max / 2 - 100100, max / 2);

    memset(record, '1', max / 4);
    live_wire_event(b->live, "glass", "detection", SL_STR("cam"), (sl_str){record, max / 4});
    sl__loop_crank(b->k.loop, 10);
    assert_false(p.m->closed);
    mem_stream_open_window(p.m, PLENTY);
    sl__loop_crank(b->k.loop, 100); /* the others come when there is room again */
    while (next(&p)) {
        if (p.op == WS_BINARY) seen[(uint8_t)p.bytes.ptr[4]] = true;
    }
    for (int i = 1; i <= TILES; i++) {
        if (!seen[i]) fail_msg("stream %d", i);
    }
    free(record);
    hang_up(&p);
}

static void test_who_misses_a_record_is_cut_off(void **state)
{
    struct bench *b = *state;
    size_t max = b->k.server->options.queue_max;
    char *record = malloc(max / 4);
    struct page p, other;
    sl_room_stats rooms;

    memset(record, '1', max / 4);
    dial(b, &p);
    dial(b, &other);
    p.m->window = 0;
    for (int i = 0; i < 5; i++) {
        live_wire_event(b->live, "glass", "detection", SL_STR("cam"),
                        (sl_str){record, max / 4});
        sl__loop_crank(b->k.loop, 10);
    }
    assert_true(p.m->closed);
    assert_false(other.m->closed);
    assert_int_equal(stats_of(b).viewers, 1);
    rooms_get_stats(b->k.server->rooms, &rooms);
    assert_int_equal(rooms.closed_full + stats_of(b).cut_off, 1);
    free(record);
    hang_up(&p);
    hang_up(&other);
}

/* ---- what viewers say ---- */

#define STREAM_TOLD "streams holds what is no stream's number"
#define FPS_TOLD    "fps must be a number from 0.1 to 60"

static const struct {
    const char *said, *told; /* NULL: nothing */
} messages[] = {
    {"{\"type\":\"ping\"}",                                              "{\"type\":\"pong\"}"  },
    {"{\"type\":\"subscribe\"}",                                         "must be an array"     },
    {"{\"type\":\"subscribe\",\"streams\":1}",                           "must be an array"     },
    {"{\"type\":\"subscribe\",\"streams\":[]}",                          NULL                   },
    {"{\"type\":\"subscribe\",\"streams\":[0]}",                         STREAM_TOLD            },
    {"{\"type\":\"subscribe\",\"streams\":[2]}",                         STREAM_TOLD            },
    {"{\"type\":\"subscribe\",\"streams\":[-1]}",                        STREAM_TOLD            },
    {"{\"type\":\"subscribe\",\"streams\":[4294967297]}",                STREAM_TOLD            },
    {"{\"type\":\"subscribe\",\"streams\":[1.5]}",                       STREAM_TOLD            },
    {"{\"type\":\"subscribe\",\"streams\":[\"1\"]}",                     STREAM_TOLD            },
    {"{\"type\":\"subscribe\",\"streams\":[1],\"fps\":0.09}",            FPS_TOLD               },
    {"{\"type\":\"subscribe\",\"streams\":[1],\"fps\":60.1}",            FPS_TOLD               },
    {"{\"type\":\"subscribe\",\"streams\":[1],\"fps\":-1}",              FPS_TOLD               },
    {"{\"type\":\"subscribe\",\"streams\":[1],\"fps\":\"10\"}",          FPS_TOLD               },
    {"{\"type\":\"subscribe\",\"streams\":[1],\"fps\":1e999}",           FPS_TOLD               },
    {"{\"type\":\"subscribe\",\"streams\":[1,1,1],\"fps\":0.1,\"x\":1}", NULL                   },
    {"{\"type\":\"subscribe\",\"streams\":[1],\"fps\":60}",              NULL                   },
    {"{\"type\":\"unsubscribe\",\"streams\":[7]}",                       STREAM_TOLD            },
    {"{\"type\":\"unsubscribe\",\"streams\":{}}",                        "must be an array"     },
    {"{\"type\":\"something new\"}",                                     NULL                   },
    {"{}",                                                               NULL                   },
    {"[]",                                                               "must be a JSON object"},
    {"{\"type\":",                                                       "must be a JSON object"},
};

static void test_what_viewers_say(void **state)
{
    struct bench *b = *state;
    struct page p;

    dial(b, &p);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        skip_all(&p);
        say(&p, messages[i].said);
        if (messages[i].told != NULL) expect(&p, messages[i].told);
        if (next(&p)) fail_msg("%s: %s", messages[i].said, p.text);
    }
    bench_send(p.m, 0x82, "\1\2", 2);
    sl__loop_crank(b->k.loop, 0);
    expect(&p, "\"type\":\"error\",\"message\":\"a message must be a JSON object\"");
    assert_false(p.m->closed);
    hang_up(&p);
}

static void test_subscriptions_have_a_bound(void **state)
{
    enum { MANY = 300 };
    struct bench *b = *state;
    char list[MANY * 5 + 64] = "{\"type\":\"subscribe\",\"streams\":[1";
    struct page p;

    for (int i = 1; i < MANY; i++) {
        char id[16];

        snprintf(id, sizeof id, "%d", i);
        frames_get(b->frames, "glass", sl_str_of(id));
        snprintf(list + strlen(list), 16, ",%d", i + 1);
    }
    snprintf(list + strlen(list), 16, "]}");
    dial(b, &p);
    skip_all(&p);
    say(&p, list);
    expect(&p, "at most 256 streams can be subscribed at a time");
    assert_false(next(&p)); /* one sentence is enough */
    hang_up(&p);
}

/* A page answers pings by itself: one that does not is gone, and found within 45 s. */
static void test_silent_viewers_are_found(void **state)
{
    struct bench *b = *state;
    struct page p;
    bool pinged = false;

    dial(b, &p);
    sl__loop_crank(b->k.loop, 14999);
    while (next(&p))
        assert_int_equal(p.op, WS_TEXT);
    sl__loop_crank(b->k.loop, 1);
    while (next(&p))
        pinged |= p.op == WS_PING;
    assert_true(pinged);
    bench_send(p.m, 0x8a, "", 0);
    sl__loop_crank(b->k.loop, 39999);
    assert_false(p.m->closed);
    sl__loop_crank(b->k.loop, 1);
    assert_true(p.m->closed);
    assert_int_equal(stats_of(b).viewers, 0);
    hang_up(&p);
}

static void test_each_allocation_may_fail(void **state)
{
    struct bench *b = *state;
    struct live_wire *l;
    struct frames *f;

    sl__alloc_fail_after(0);
    assert_int_equal(live_wire_new(b->k.loop, b->frames, "1", &l), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_null(l);
    live_wire_free(NULL);

    assert_int_equal(frames_new(b->k.loop, 1024, &f), 0);
    assert_int_equal(live_wire_new(b->k.loop, f, "1", &l), 0);
    sl__alloc_fail_after(0);
    assert_int_equal(live_wire_start(l, b->k.server), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    live_wire_free(l);
    frames_free(f);

    shoot(b, b->cam, 100);
    for (long n = 0; n < 60; n++) {
        struct stream_options o = {.waiting_max = b->k.server->options.queue_max};
        struct page p = {.b = b, .m = mem_stream_open(b->k.loop, &o)};

        sl__server_take_stream(b->k.server, &p.m->s);
        sl__alloc_fail_after(n);
        mem_stream_feed(p.m, GET_LIVE, sizeof GET_LIVE - 1);
        sl__loop_crank(b->k.loop, 0);
        say(&p, "{\"type\":\"subscribe\",\"streams\":[1],\"fps\":30}");
        say(&p, "{\"type\":\"nothing\"");
        live_wire_event(b->live, "glass", "detection", SL_STR("cam"), SL_STR("{}"));
        settle(b);
        sl__loop_crank(b->k.loop, 10000);
        sl__alloc_fail_after(-1);
        hang_up(&p);
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_newcomers_are_told_all_streams),
        CASE(test_of_states_the_newest_waits),
        CASE(test_records_are_told_to_all),
        CASE(test_rates_and_the_time),
        CASE(test_streams_over_http),
        CASE(test_frames_come_to_who_asks),
        CASE(test_rates_are_capped),
        CASE(test_another_cap_is_heard_at_once),
        CASE(test_a_slow_viewer_gets_the_newest),
        CASE(test_frames_leave_room_for_records),
        CASE(test_who_misses_a_record_is_cut_off),
        CASE(test_what_viewers_say),
        CASE(test_subscriptions_have_a_bound),
        CASE(test_silent_viewers_are_found),
        CASE(test_each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("hub/live_wire", tests, NULL, NULL);
}
