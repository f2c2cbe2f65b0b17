/* SPDX-License-Identifier: MIT */
/*
 * The live wire: what viewers say, mixed with what cameras do, on streams in memory and a clock
 * turned by hand. The bytes are a script; each act is one of `acts` and three bytes.
 *
 * True all the way: what a viewer gets can be read; hello comes first; no record is missed by
 * who stays; frames come in order, whole, newer than the last, to who asked for them and did
 * not take it back; what waits has a bound.
 */
#include "sluice/log.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/codec.h"
#include "hub/live_wire.h"
#include "net/mem_stream.h"
#include "serve/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET                                                                              \
    "GET /api/live HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"       \
    "Sec-WebSocket-Protocol: sluice.v1\r\n\r\n"

#define VIEWERS   4
#define CAMERAS   6
#define QUEUE     (64 * 1024)
#define BODY_MAX  (QUEUE / 3)
#define STEPS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct camera {
    struct live_stream *s;
    uint32_t shots; /* that were pictures or not: each is counted */
};

struct page {
    struct mem_stream *m;
    bool greeted, is_wild;                          /* wild: it said what we do not follow */
    uint32_t last[CAMERAS + 1], until[CAMERAS + 1]; /* sequences: seen; allowed */
    bool afresh[CAMERAS + 1]; /* asked for anew: the newest comes at once, seen or not */
    uint64_t events;          /* the number of the next */
};

static struct scene {
    sl_loop *loop;
    sl_server *server;
    struct frames *frames;
    struct live_wire *live;
    sl_route routes[LIVE_WIRE_ROUTES];
    struct camera camera[CAMERAS + 1]; /* from 1 on, like their numbers */
    struct page page[VIEWERS];
    uint64_t events;
} * scene;

/* ---- what a viewer gets ---- */

static void check_text(struct page *p, sl_str text)
{
    sl_json doc = {0};
    sl_value root, record;
    sl_str type;

    SL_ASSERT(sl_json_read(&doc, text, NULL, NULL, NULL) == 0);
    root = sl_json_root(&doc);
    type = sl_value_raw(sl_value_get(root, SL_STR("type")));
    SL_ASSERT(p->greeted || sl_str_eq(type, SL_STR("\"hello\"")));
    p->greeted = true;
    if (sl_str_eq(type, SL_STR("\"event\""))) {
        char wanted[32];

        record = sl_value_get(sl_value_get(root, SL_STR("record")), SL_STR("n"));
        snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)p->events++);
        SL_ASSERT(sl_str_eq(sl_value_raw(record), sl_str_of(wanted)));
    }
    sl_json_deinit(&doc);
}

static uint32_t little32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;

    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static void check_frame(struct page *p, sl_str bytes)
{
    static const char head[4] = {1, 1, 24, 0};
    uint32_t stream, sequence;
    char said[32];
    int n;

    SL_ASSERT(bytes.len > 24 && memcmp(bytes.ptr, head, 4) == 0);
    stream = little32(bytes.ptr + 4);
    sequence = little32(bytes.ptr + 8);
    SL_ASSERT(stream >= 1 && stream <= CAMERAS && little32(bytes.ptr + 12) == 1);
    SL_ASSERT(sequence > p->last[stream]
              || (sequence == p->last[stream] && (p->afresh[stream] || p->is_wild)));
    SL_ASSERT(sequence <= scene->camera[stream].shots);
    p->afresh[stream] = false;
    SL_ASSERT(p->is_wild || sequence <= p->until[stream]);
    p->last[stream] = sequence;
    n = snprintf(said, sizeof said, "%u,%u.", stream, sequence);
    SL_ASSERT(bytes.len >= 27 + (size_t)n && memcmp(bytes.ptr + 24, "\xff\xd8\xff", 3) == 0
              && memcmp(bytes.ptr + 27, said, (size_t)n) == 0);
}

/* Whole messages at the front of what was sent; how many bytes that was. */
static size_t read_messages(struct page *p, const char *sent, size_t len)
{
    size_t at = 0;

    for (;;) {
        const uint8_t *b = (const uint8_t *)sent + at;
        size_t left = len - at, head = 2;
        uint64_t size;

        if (left < 2) return at;
        size = b[1];
        SL_ASSERT(size < 128 && (b[0] & 0xf0) == 0x80); /* not masked, whole, plain */
        if (size >= 126) {
            size_t more = size == 126 ? 2 : 8;

            if (left < 2 + more) return at;
            for (size = 0; more > 0; more--)
                size = size << 8 | b[head++];
        }
        if (left < head + size) return at;
        if ((b[0] & 15) == 1) check_text(p, (sl_str){sent + at + head, size});
        if ((b[0] & 15) == 2) check_frame(p, (sl_str){sent + at + head, size});
        SL_ASSERT((b[0] & 15) <= 2 || size <= 125);
        at += head + size;
    }
}

static void look(struct page *p)
{
    struct mem_stream *m = p->m;
    size_t used;

    if (m == NULL) return;
    SL_ASSERT(m->closed || sl__stream_waiting(&m->s) <= QUEUE + 4096);
    used = read_messages(p, m->sent, m->sent_len);
    if (used > 0) memmove(m->sent, m->sent + used, m->sent_len - used);
    m->sent_len -= used;
}

/* ---- what a viewer does ---- */

static void dial(struct page *p)
{
    struct stream_options o = {.waiting_max = QUEUE};
    const char *end;

    if (p->m != NULL) return;
    *p = (struct page){.m = mem_stream_open(scene->loop, &o), .events = scene->events};
    SL_ASSERT(p->m != NULL);
    sl__server_take_stream(scene->server, &p->m->s);
    mem_stream_feed(p->m, GET, sizeof GET - 1);
    sl__loop_crank(scene->loop, 0);
    end = memmem(p->m->sent, p->m->sent_len, "\r\n\r\n", 4);
    SL_ASSERT(end != NULL && memcmp(p->m->sent, "HTTP/1.1 101 ", 13) == 0);
    p->m->sent_len -= (size_t)(end + 4 - p->m->sent);
    memmove(p->m->sent, end + 4, p->m->sent_len);
}

static void hang_up(struct page *p)
{
    if (p->m == NULL) return;
    if (!p->m->closed) sl__stream_close(&p->m->s, SL_E_CLOSED);
    sl__loop_crank(scene->loop, 0);
    SL_ASSERT(p->m->gone);
    mem_stream_free(p->m);
    p->m = NULL;
}

static void feed(struct page *p, const void *bytes, size_t n)
{
    if (p->m == NULL || p->m->closed) return;
    mem_stream_feed(p->m, bytes, n);
    sl__loop_crank(scene->loop, 0);
}

/* Masked by zeros. */
static void say(struct page *p, uint8_t first, sl_str text)
{
    uint8_t out[8 + 256] = {first, (uint8_t)(0x80 | text.len)};
    size_t head = 2;

    SL_ASSERT(text.len <= 256);
    if (text.len > 125) {
        out[1] = 0x80 | 126;
        out[head++] = (uint8_t)(text.len >> 8);
        out[head++] = (uint8_t)text.len;
    }
    memset(out + head, 0, 4);
    memcpy(out + head + 4, text.ptr, text.len);
    feed(p, out, head + 4 + text.len);
}

static void ask(struct page *p, bool more, unsigned which, unsigned fps)
{
    char text[160];
    size_t n = 0;

    for (uint32_t i = 1; i <= CAMERAS; i++) {
        if ((which >> (i - 1) & 1) == 0) continue;
        p->afresh[i] |= more && p->until[i] != UINT32_MAX;
        if (more)
            p->until[i] = UINT32_MAX;
        else if (p->until[i] == UINT32_MAX)
            p->until[i] = scene->camera[i].shots;
        n += (size_t)snprintf(text + n, 16, ",%u", i);
    }
    if (n == 0) return;
    char all[256];
    int len = snprintf(all, sizeof all, "{\"type\":\"%s\",\"streams\":[%s]",
                       more ? "subscribe" : "unsubscribe", text + 1);
    if (more && fps > 0)
        len += snprintf(all + len, sizeof all - (size_t)len, ",\"fps\":%g",
                        fps % 600 / 10.0 + 0.1);
    all[len++] = '}';
    say(p, 0x81, (sl_str){all, (size_t)len});
}

/* ---- what cameras do ---- */

static void shoot(uint32_t number, size_t size, bool is_picture)
{
    struct camera *c = &scene->camera[number];
    char *picture = calloc(1, size + 64);
    sl_buf *text = sl_buf_new(0, sl__base64_len(size + 64));

    SL_ASSERT(picture != NULL && text != NULL);
    snprintf(picture, size + 64, "%s%u,%u.", is_picture ? "\xff\xd8\xff" : "no", number,
             ++c->shots);
    text->len = sl__base64_encode((char *)sl__buf_data(text), picture, size + 64);
    stream_take_frame(c->s, text, sl_buf_str(text));
    sl_buf_drop(text);
    free(picture);
}

static void tell(size_t size)
{
    char *record = malloc(size + 64);
    int n;

    SL_ASSERT(record != NULL);
    n = snprintf(record, 64, "{\"n\":%llu,\"x\":\"", (unsigned long long)scene->events++);
    memset(record + n, 'x', size);
    memcpy(record + (size_t)n + size, "\"}", 2);
    live_wire_event(scene->live, "glass", "detection", SL_STR("cam"),
                    (sl_str){record, (size_t)n + size + 2});
    free(record);
}

/* Until no worker has a picture in hand. */
static void settle(void)
{
    do {
        while (scene->loop->pending > 0)
            uv_run(scene->loop->uv, UV_RUN_ONCE);
        sl__loop_crank(scene->loop, 1);
    } while (scene->loop->pending > 0);
}

/* ---- the script ---- */

static void set_window(struct page *p, uint8_t a)
{
    if (p->m == NULL || p->m->closed) return;
    if (a < 128) {
        p->m->window = a;
    } else {
        mem_stream_open_window(p->m, (size_t)1 << (a % 20 + 4));
        sl__loop_crank(scene->loop, 0);
    }
}

static void step(const uint8_t *b, sl_str rest)
{
    struct page *p = &scene->page[b[1] % VIEWERS];
    uint32_t camera = b[1] % CAMERAS + 1;

    rest.len = rest.len < b[2] ? rest.len : b[2];
    switch (b[0] % 14) {
    case 0: dial(p); break;
    case 1: hang_up(p); break;
    case 2: ask(p, true, b[2], b[3] * 3u); break;
    case 3: ask(p, false, b[2], 0); break;
    case 4: shoot(camera, (size_t)b[2] * b[3] % BODY_MAX, true); break;
    case 5: shoot(camera, b[2], b[3] & 1); break;
    case 6: settle(); break;
    case 7: sl__loop_crank(scene->loop, b[2] * (b[3] & 1 ? 100u : 1u)); break;
    case 8: tell((size_t)b[2] * b[3] % BODY_MAX); break;
    case 9: set_window(p, b[2]); break;
    case 10:
        stream_set_link(scene->camera[camera].s, b[2] & 1, b[2] & 2 ? "http" : "websocket",
                        "10.0.0.7:1234");
        break;
    case 11: /* any message */
        p->is_wild = true;
        say(p, b[3] & 1 ? 0x82 : 0x81, rest);
        break;
    case 12: /* any bytes */
        p->is_wild = true;
        feed(p, rest.ptr, rest.len);
        break;
    default: /* a flood of one answer each */
        for (int i = 0; i < b[2]; i++)
            say(p, b[3] & 1 ? 0x89 : 0x81, SL_STR("{\"type\":\"ping\"}"));
    }
}

static void open_scene(void)
{
    sl_server_options o = {.route_count = LIVE_WIRE_ROUTES, .queue_max = QUEUE};
    int rc;

    sl_log_set_level(SL_LOG_ERROR);
    scene = calloc(1, sizeof *scene);
    SL_ASSERT(scene != NULL);
    memcpy(scene->routes, live_wire_routes, sizeof live_wire_routes);
    o.routes = scene->routes;
    rc = sl_loop_new(&scene->loop);
    SL_ASSERT(rc == 0);
    sl__loop_crank(scene->loop, 0);
    rc = sl_server_new(scene->loop, &o, &scene->server, NULL);
    if (rc == 0) rc = frames_new(scene->loop, 16, &scene->frames);
    if (rc == 0) rc = live_wire_new(scene->loop, scene->frames, "1", &scene->live);
    for (size_t i = 0; i < LIVE_WIRE_ROUTES; i++)
        scene->routes[i].user = scene->live;
    if (rc == 0) rc = live_wire_start(scene->live, scene->server);
    SL_ASSERT(rc == 0);
    for (uint32_t i = 1; i <= CAMERAS; i++) {
        char name[] = {'c', (char)('0' + i), '\0'};

        scene->camera[i].s = frames_get(scene->frames, "glass", sl_str_of(name));
        SL_ASSERT(scene->camera[i].s != NULL && stream_number(scene->camera[i].s) == i);
    }
}

static void close_scene(void)
{
    struct live_wire_stats stats;

    for (int i = 0; i < VIEWERS; i++) {
        look(&scene->page[i]);
        hang_up(&scene->page[i]);
    }
    settle();
    live_wire_get_stats(scene->live, &stats);
    SL_ASSERT(stats.viewers == 0);
    live_wire_free(scene->live);
    frames_free(scene->frames);
    sl_server_free(scene->server);
    sl_loop_free(scene->loop);
    free(scene);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    open_scene();
    for (size_t i = 0; n >= 4 && i < STEPS_MAX; i++) {
        step(data, (sl_str){(const char *)data + 4, n - 4});
        for (int v = 0; v < VIEWERS; v++)
            look(&scene->page[v]);
        data += 4;
        n -= 4;
    }
    close_scene();
    return 0;
}
