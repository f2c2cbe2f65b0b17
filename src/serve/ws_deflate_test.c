/* SPDX-License-Identifier: MIT */
/* permessage-deflate from the handshake to the rooms; sessions on in-memory streams. */
#include "serve/ws_deflate.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "net/outbox.h"
#include "serve/rooms.h"
#include "serve/ws_test.h"

#include <malloc.h>
#include <stdio.h>

#define DIAL(extension)                                                                \
    "GET /ws?x=1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"     \
    "Sec-WebSocket-Extensions: " extension "\r\n\r\n"
#define OFFER     DIAL("permessage-deflate; client_max_window_bits")
#define OFFER_9   DIAL("permessage-deflate; server_max_window_bits=9")
#define OFFER_12  DIAL("permessage-deflate; server_max_window_bits=12")
#define BOTH      "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
#define TEXT_SIZE 2000

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t held_bytes(void)
{
    if (__sanitizer_get_current_allocated_bytes != NULL)
        return __sanitizer_get_current_allocated_bytes();

    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static char text[TEXT_SIZE + 1];

static void fill_text(void)
{
    size_t n = 0;

    for (unsigned i = 0; n < TEXT_SIZE; i++) {
        int k = snprintf(text + n, sizeof text - n, "{\"n\":%u,\"type\":\"chip\"},", i);
        n += (size_t)k < sizeof text - n ? (size_t)k : sizeof text - 1 - n;
    }
}

static void begin(struct ws_bench *b, uint32_t min)
{
    sl_server_options o = {.deflate_min = min, .cork_us = SL_CORK_NONE};

    memset(b, 0, sizeof *b);
    bench_init(b, &o);
    fill_text();
}

static struct mem_stream *open_stream(struct ws_bench *b, const char *upgrade)
{
    struct stream_options o = {.waiting_max = b->server->options.queue_max};
    struct mem_stream *m = mem_stream_open(b->loop, &o);

    assert_non_null(m);
    http_conn_open(b->server, &m->s);
    mem_stream_feed(m, upgrade, strlen(upgrade));
    sl__loop_crank(b->loop, 0);
    return m;
}

static struct mem_stream *dial(struct ws_bench *b, const char *upgrade)
{
    struct mem_stream *m = open_stream(b, upgrade);

    assert_memory_equal(m->sent, "HTTP/1.1 101 ", 13);
    mem_stream_clear(m);
    return m;
}

/* One frame that was sent: its first byte, and what its payload says once it is inflated. */
static unsigned take_frame(struct mem_stream *m, size_t *at, char *out, size_t *n)
{
    const uint8_t *p = (const uint8_t *)m->sent + *at;
    size_t len = p[1], head = 2;

    assert_true(*at + 2 <= m->sent_len);
    if (len == 126) len = (size_t)p[2] << 8 | p[3], head = 4;
    assert_true(len < 126 || head == 4);
    assert_true(*at + head + len <= m->sent_len);
    *at += head + len;
    *n = len;
    if (!(p[0] & 0x40)) {
        memcpy(out, p + head, len);
        return p[0];
    }
    struct deflate *d = deflate_new();
    sl_str piece;

    assert_non_null(d);
    assert_int_equal(inflate_begin(d, (sl_str){(const char *)p + head, len}), 0);
    assert_int_equal(inflate_next(d, &piece), 0);
    memcpy(out, piece.ptr, piece.len);
    *n = piece.len;
    deflate_free(d);
    return p[0];
}

static void expect_frame(struct mem_stream *m, size_t *at, unsigned first, const char *want,
                         size_t want_len)
{
    static char out[INFLATE_CHUNK];
    size_t n;

    assert_int_equal(take_frame(m, at, out, &n), first);
    assert_int_equal(n, want_len);
    assert_memory_equal(out, want, n);
}

static void send_deflated(struct mem_stream *m, const char *bytes, size_t n)
{
    struct deflate *d = deflate_new();
    struct iovec iov = {(void *)bytes, n};
    sl_buf *b;

    assert_non_null(d);
    assert_int_equal(deflate_message(d, 15, &iov, 1, 0, &b), 1);
    bench_send(m, 0xC1, sl_buf_str(b).ptr, b->len);
    sl_buf_drop(b);
    deflate_free(d);
}

/* ---- the handshake ---- */

static void the_answer_says_what_is_agreed_on(void **state)
{
    static const struct {
        uint32_t min;
        const char *upgrade, *status, *extension; /* NULL: no such header */
    } rows[] = {
        {256, OFFER,                                                     "101", BOTH "\r\n"                          },
        {256, OFFER_9,                                                   "101", BOTH "; server_max_window_bits=9\r\n"},
        {256, DIAL("permessage-deflate; server_max_window_bits=8"),      "101", NULL                                 },
        {256, DIAL("permessage-deflate; x"),                             "101", NULL                                 },
        {256, DIAL("x\r\nsec-websocket-extensions: permessage-deflate"), "101", BOTH "\r\n"                          },
        {256, UPGRADE,                                                   "101", NULL                                 },
        {256, DIAL("permessage-deflate;"),                               "400", NULL                                 },
        {256, DIAL("permessage-deflate\r\nSec-WebSocket-Extensions: ="), "400", NULL                                 },
        {0,   OFFER,                                                     "101", NULL                                 },
        {0,   DIAL("permessage-deflate;"),                               "101", NULL                                 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ws_bench b;
        begin(&b, rows[i].min);
        struct mem_stream *m = open_stream(&b, rows[i].upgrade);
        const char *name = "\r\nSec-WebSocket-Extensions: ", *has;

        assert_memory_equal(m->sent + 9, rows[i].status, 3);
        char *head = strndup(m->sent, m->sent_len);
        has = strstr(head, name);
        if ((has != NULL) != (rows[i].extension != NULL)) fail_msg("row %zu: %s", i, head);
        if (has != NULL)
            assert_memory_equal(has + strlen(name), rows[i].extension,
                                strlen(rows[i].extension));
        free(head);
        assert_int_equal(b.server->deflate_users, has != NULL);
        bench_hang_up(&b, m);
        assert_null(b.server->deflate); /* nobody is left to need it */
        bench_deinit(&b);
    }
}

/* ---- messages both ways ---- */

static void what_pays_leaves_compressed(void **state)
{
    struct ws_bench b;
    size_t at = 0;

    (void)state;
    begin(&b, 256);
    b.echo = true;
    struct mem_stream *m = dial(&b, OFFER);

    send_deflated(m, text, TEXT_SIZE);
    assert_int_equal(b.text_len, TEXT_SIZE);
    assert_memory_equal(b.text, text, TEXT_SIZE);
    bench_send(m, 0x81, text, 256);
    bench_send(m, 0x81, text, 255);       /* too short */
    bench_send(m, 0x82, text, TEXT_SIZE); /* binary */
    bench_send(m, 0x89, "ping", 4);
    send_deflated(m, text, TEXT_SIZE);
    sl__loop_crank(b.loop, 0);
    assert_true(m->sent_len < 2 * TEXT_SIZE);
    expect_frame(m, &at, 0xC1, text, TEXT_SIZE);
    expect_frame(m, &at, 0xC1, text, 256);
    expect_frame(m, &at, 0x81, text, 255);
    expect_frame(m, &at, 0x82, text, TEXT_SIZE);
    expect_frame(m, &at, 0xC1, text, TEXT_SIZE);
    expect_frame(m, &at, 0x8A, "ping", 4); /* the newest pong leaves last */
    assert_int_equal(at, m->sent_len);
    bench_hang_up(&b, m);
    bench_deinit(&b);
}

static void binary_only_if_wanted(void **state)
{
    sl_server_options o = {.deflate_min = 256, .deflate_binary = true, .cork_us = SL_CORK_NONE};
    struct ws_bench b = {.echo = true};
    size_t at = 0;

    (void)state;
    fill_text();
    bench_init(&b, &o);
    struct mem_stream *m = dial(&b, OFFER);
    bench_send(m, 0x82, text, TEXT_SIZE);
    sl__loop_crank(b.loop, 0);
    expect_frame(m, &at, 0xC2, text, TEXT_SIZE);
    bench_hang_up(&b, m);
    bench_deinit(&b);
}

static void rsv1_is_refused_where_it_was_not_agreed_on(void **state)
{
    struct ws_bench b;

    (void)state;
    begin(&b, 256);
    struct mem_stream *other = dial(&b, OFFER);
    struct mem_stream *m = dial(&b, UPGRADE);

    send_deflated(m, text, TEXT_SIZE);
    assert_int_equal(b.closes, 1);
    assert_int_equal(b.code, 1002);
    bench_hang_up(&b, m);
    bench_hang_up(&b, other);
    bench_deinit(&b);
}

static void a_bomb_is_1009(void **state)
{
    const size_t size = 60000;
    struct ws_bench b;
    char *zeros = calloc(1, size);

    (void)state;
    begin(&b, 256);
    b.ops.message_max = size - 1;
    struct mem_stream *m = dial(&b, OFFER);
    send_deflated(m, zeros, size - 1);
    assert_int_equal(b.messages, 1);
    send_deflated(m, zeros, size);
    assert_int_equal(b.messages, 1);
    assert_int_equal(b.code, 1009);
    sl__loop_crank(b.loop, 0);
    assert_int_equal((uint8_t)m->sent[0], 0x88);
    assert_memory_equal(m->sent + 2, "\x03\xf1message inflates beyond the limit: 59999", 42);
    bench_hang_up(&b, m);
    bench_deinit(&b);
    free(zeros);
}

/* One read's worth: so many compressed messages, and a plain one of 20 bytes behind them. */
static void send_at_once(struct mem_stream *m, int count, const char *bytes, size_t n)
{
    static uint8_t wire[60000];
    struct deflate *d = deflate_new();
    struct iovec iov = {(void *)bytes, n};
    size_t len = 0;
    sl_buf *b;

    assert_non_null(d);
    assert_int_equal(deflate_message(d, 15, &iov, 1, 0, &b), 1);
    for (int i = 0; i <= count; i++) {
        sl_str payload = i < count ? sl_buf_str(b) : (sl_str){text, 20};
        size_t k = ws_frame_head(wire + len, WS_TEXT, payload.len);

        if (i < count) wire[len] |= WS_RSV1;
        wire[len + 1] |= 0x80;
        memset(wire + len + k, 0, 4);
        memcpy(wire + len + k + 4, payload.ptr, payload.len);
        len += k + 4 + payload.len;
        assert_true(len < sizeof wire / 2);
    }
    sl_buf_drop(b);
    deflate_free(d);
    mem_stream_feed(m, wire, len);
}

/* 600 KB within a few bytes: more than a turn inflates. Who else is there is served meanwhile.
 */
static void what_inflates_to_much_takes_several_turns(void **state)
{
    const size_t size = 60000;
    struct ws_bench b;
    char *zeros = calloc(1, size);
    int turns = 0;

    (void)state;
    begin(&b, 256);
    struct mem_stream *much = dial(&b, OFFER), *other = dial(&b, OFFER),
                      *gone = dial(&b, OFFER);
    sl_ws *last = b.last;

    send_at_once(much, 10, zeros, size);
    assert_int_equal(b.messages, 4); /* 256 KiB are not quite five */
    assert_true(much->s.paused);
    send_at_once(other, 1, text, TEXT_SIZE);
    send_at_once(gone, 3, zeros, size);
    assert_int_equal(b.messages, 4); /* all share it */
    assert_true(other->s.paused);

    sl__ws_pause(last); /* whoever uses it wants a pause as well, and is over it */
    sl__ws_resume(last);
    assert_true(gone->s.paused);
    bench_hang_up(&b, gone);
    for (; b.messages < 13 && turns < 100; turns++) {
        int before = b.messages;

        sl__loop_crank(b.loop, 2);
        assert_true(b.messages - before <= 5 + 2);
    }
    assert_int_equal(b.messages, 13);
    assert_true(turns >= 2);
    assert_false(much->s.paused);
    assert_false(other->s.paused);

    send_deflated(much, zeros, size); /* as ever */
    assert_int_equal(b.messages, 14);
    bench_hang_up(&b, much);
    bench_hang_up(&b, other);
    bench_deinit(&b);
    free(zeros);
}

/* ---- rooms ---- */

static void publish(sl_room *room, bool newest, bool is_text, const char *bytes, size_t n)
{
    sl_message m = {.text = is_text};
    sl_buf *b = sl_buf_copy((sl_str){bytes, n});

    assert_non_null(b);
    assert_int_equal(sl_message_add(&m, b, sl_buf_str(b)), 0);
    if (newest)
        assert_int_equal(sl_room_publish_newest(room, 1, &m, NULL), 0);
    else
        assert_int_equal(sl_room_publish(room, &m, NULL), 0);
    sl_buf_drop(b);
}

static void mixed_members_get_the_right_bytes(void **state)
{
    static const char *const dials[] = {UPGRADE, OFFER, OFFER_9, UPGRADE, OFFER_12, OFFER};
    enum { N = sizeof dials / sizeof *dials };
    struct ws_bench b;
    struct mem_stream *m[N];
    sl_ws *ws[N];
    sl_room *room;

    (void)state;
    begin(&b, 256);
    assert_int_equal(sl_room_new(b.server, SL_ROOM_SKIP, &room), 0);
    for (int i = 0; i < N; i++) {
        m[i] = dial(&b, dials[i]);
        ws[i] = b.last;
        assert_int_equal(sl_room_join(room, ws[i]), 0);
    }
    for (int round = 0; round < 3; round++) {
        publish(room, false, true, text, TEXT_SIZE);
        publish(room, false, true, "short", 5);
        if (round == 1) assert_int_equal(sl_ws_send_text(ws[1], SL_STR("only you")), 0);
        if (round == 1) assert_int_equal(sl_ws_send_text(ws[2], SL_STR("only you")), 0);
        publish(room, false, false, text, TEXT_SIZE);
        publish(room, false, true, text, 400);
        publish(room, true, true, text, TEXT_SIZE);
        sl__loop_crank(b.loop, 0);
        for (int i = 0; i < N; i++) {
            unsigned first = ws[i]->deflate_bits > 0 ? 0xC1 : 0x81;
            size_t at = 0;

            expect_frame(m[i], &at, first, text, TEXT_SIZE);
            expect_frame(m[i], &at, 0x81, "short", 5);
            if (round == 1 && (i == 1 || i == 2)) expect_frame(m[i], &at, 0x81, "only you", 8);
            expect_frame(m[i], &at, 0x82, text, TEXT_SIZE);
            expect_frame(m[i], &at, first, text, 400);
            expect_frame(m[i], &at, 0x81, text, TEXT_SIZE); /* the newest: never */
            assert_int_equal(at, m[i]->sent_len);
            mem_stream_clear(m[i]);
        }
    }
    sl_room_free(room);
    for (int i = 0; i < N; i++)
        bench_hang_up(&b, m[i]);
    bench_deinit(&b);
}

/* The packets that wait for slow members: how often each was made. */
static void compressed_once_per_window(void **state)
{
    static const char *const dials[] = {UPGRADE,  UPGRADE, OFFER,  OFFER,
                                        OFFER_12, OFFER_9, OFFER_9};
    enum { N = sizeof dials / sizeof *dials };
    struct ws_bench b;
    struct mem_stream *m[N];
    const struct packet *p[N][2];
    sl_room *room;

    (void)state;
    begin(&b, 256);
    assert_int_equal(sl_room_new(b.server, SL_ROOM_SKIP, &room), 0);
    for (int i = 0; i < N; i++) {
        m[i] = dial(&b, dials[i]);
        assert_int_equal(sl_room_join(room, b.last), 0);
        m[i]->window = 0;
    }
    publish(room, false, true, text, 1000);
    publish(room, false, true, text, 100);
    sl__loop_crank(b.loop, 0);
    for (int i = 0; i < N; i++) {
        const struct outbox *o = m[i]->s.out;
        assert_true(o != NULL && o->n == 2);
        for (unsigned k = 0; k < 2; k++)
            p[i][k] = o->ring[(o->head + k) & (o->cap - 1)];
        assert_ptr_equal(p[i][1], p[0][1]); /* too short: one for all */
    }
    assert_ptr_equal(p[1][0], p[0][0]);
    assert_ptr_not_equal(p[2][0], p[0][0]);
    assert_ptr_equal(p[3][0], p[2][0]);
    assert_ptr_equal(p[4][0], p[2][0]); /* 1,000 bytes are not worth more than 11 bits */
    assert_ptr_not_equal(p[5][0], p[2][0]);
    assert_ptr_equal(p[6][0], p[5][0]);
    sl_room_free(room);
    for (int i = 0; i < N; i++)
        bench_hang_up(&b, m[i]);
    bench_deinit(&b);
}

static void a_large_batch_ends_in_between(void **state)
{
    struct ws_bench b;
    sl_room *room;
    size_t at[2] = {0, 0};

    (void)state;
    begin(&b, 256);
    assert_int_equal(sl_room_new(b.server, SL_ROOM_SKIP, &room), 0);
    struct mem_stream *m[2] = {dial(&b, OFFER), NULL};
    assert_int_equal(sl_room_join(room, b.last), 0);
    m[1] = dial(&b, UPGRADE);
    assert_int_equal(sl_room_join(room, b.last), 0);
    for (size_t i = 0; i < 200; i++)
        publish(room, false, true, text + i, 300 + i);
    sl__loop_crank(b.loop, 0);
    for (size_t i = 0; i < 200; i++) {
        expect_frame(m[0], &at[0], 0xC1, text + i, 300 + i);
        expect_frame(m[1], &at[1], 0x81, text + i, 300 + i);
    }
    sl_room_free(room);
    bench_hang_up(&b, m[0]);
    bench_hang_up(&b, m[1]);
    bench_deinit(&b);
}

/* ---- memory ---- */

#define CROWD 50

/* What `CROWD` sessions hold that have talked and are quiet now, the first one aside. */
static size_t crowd_bytes(const char *upgrade)
{
    struct mem_stream *m[CROWD + 1];
    struct ws_bench b;
    size_t before = 0, grown;

    begin(&b, 256);
    b.echo = true;
    for (int i = 0; i <= CROWD; i++) {
        m[i] = dial(&b, upgrade);
        if (b.server->deflate != NULL) send_deflated(m[i], text, TEXT_SIZE);
        bench_send(m[i], 0x81, text, TEXT_SIZE);
        sl__loop_crank(b.loop, 0);
        free(m[i]->sent); /* the peer's memory, not ours */
        m[i]->sent = NULL;
        m[i]->sent_len = m[i]->sent_cap = 0;
        if (i == 0) before = held_bytes();
    }
    grown = held_bytes() - before;
    for (int i = 0; i <= CROWD; i++)
        bench_hang_up(&b, m[i]);
    bench_deinit(&b);
    return grown;
}

static void an_idle_session_holds_nothing_for_it(void **state)
{
    size_t plain = crowd_bytes(UPGRADE), agreed = crowd_bytes(OFFER);

    (void)state;
    assert_true(plain > 0);
    assert_int_equal(agreed, plain);
    assert_true(agreed / CROWD < 1024);
}

static void without_memory(void **state)
{
    bool done = false;

    (void)state;
    for (long after = 0; !done; after++) {
        struct ws_bench b;
        sl_room *room;
        size_t at = 0;

        assert_true(after < 300);
        begin(&b, 256);
        b.ops.on_open = bench_on_open;
        assert_int_equal(sl_room_new(b.server, SL_ROOM_SKIP, &room), 0);
        struct stream_options o = {.waiting_max = 1 << 20};
        struct mem_stream *m = mem_stream_open(b.loop, &o);
        assert_non_null(m);
        http_conn_open(b.server, &m->s);
        sl__alloc_fail_after(after < 40 ? after : -1);
        mem_stream_feed(m, OFFER, sizeof OFFER - 1);
        sl__loop_crank(b.loop, 0);
        sl__alloc_fail_after(-1);
        assert_int_equal(b.server->deflate_users, b.last != NULL && b.last->deflate_bits > 0);
        if (b.last != NULL && after >= 40) {
            assert_int_equal(sl_room_join(room, b.last), 0);
            mem_stream_clear(m);
            m->window = 0;
            sl_message msg = {.text = true};
            assert_int_equal(sl_message_add(&msg, NULL, (sl_str){text, TEXT_SIZE}), 0);
            sl__alloc_fail_after(after - 40);
            int rc = sl_room_publish(room, &msg, NULL);
            sl__loop_crank(b.loop, 0);
            sl__alloc_fail_after(-1);
            mem_stream_open_window(m, 1 << 20);
            sl__loop_crank(b.loop, 0);
            assert_true(rc == 0 || m->sent_len == 0);
            if (m->sent_len > 0) { /* it comes: compressed if there was memory for that */
                static char out[INFLATE_CHUNK];
                size_t n;
                unsigned first = take_frame(m, &at, out, &n);
                assert_true(first == 0x81 || first == 0xC1);
                assert_int_equal(n, TEXT_SIZE);
                assert_memory_equal(out, text, n);
                done = first == 0xC1;
            }
        }
        sl_room_free(room);
        bench_hang_up(&b, m);
        bench_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_says_what_is_agreed_on),
        cmocka_unit_test(what_pays_leaves_compressed),
        cmocka_unit_test(binary_only_if_wanted),
        cmocka_unit_test(rsv1_is_refused_where_it_was_not_agreed_on),
        cmocka_unit_test(a_bomb_is_1009),
        cmocka_unit_test(what_inflates_to_much_takes_several_turns),
        cmocka_unit_test(mixed_members_get_the_right_bytes),
        cmocka_unit_test(compressed_once_per_window),
        cmocka_unit_test(a_large_batch_ends_in_between),
        cmocka_unit_test(an_idle_session_holds_nothing_for_it),
        cmocka_unit_test(without_memory),
    };

    return cmocka_run_group_tests_name("serve/ws_deflate", tests, NULL, NULL);
}
