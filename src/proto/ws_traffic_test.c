/* SPDX-License-Identifier: MIT */
/* Long conversations, limits and memory: what a table of short rows cannot show. */
#include "base/alloc.h"
#include "proto/ws.h"
#include "proto/ws_tape_test.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <malloc.h>

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t held_bytes(void)
{
    if (__sanitizer_get_current_allocated_bytes != NULL)
        return __sanitizer_get_current_allocated_bytes();

    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* ---- the peer: what it says, on the wire and as it should arrive ---- */

struct peer {
    uint32_t seed;
    bool masks;
    uint8_t *wire;
    size_t len, cap;
    struct tape model; /* only its text is used */
};

static uint32_t below(struct peer *p, uint32_t n)
{
    return tape_random(&p->seed) % n;
}

static void peer_init(struct peer *p, uint32_t seed, bool masks)
{
    *p = (struct peer){.seed = seed, .masks = masks};
    tape_init(&p->model, 0, masks, false);
}

static void peer_deinit(struct peer *p)
{
    tape_deinit(&p->model);
    free(p->wire);
}

static void put(struct peer *p, const void *bytes, size_t n)
{
    if (p->len + n > p->cap) {
        p->cap = 2 * (p->len + n);
        p->wire = realloc(p->wire, p->cap);
        assert_non_null(p->wire);
    }
    if (n > 0) memcpy(p->wire + p->len, bytes, n);
    p->len += n;
}

/* Only the header, so that a test can leave the payload out. */
static void put_head(struct peer *p, uint8_t b0, uint64_t len, uint8_t mask[4])
{
    uint8_t head[WS_HEAD_MAX];
    size_t n = ws_frame_head(head, WS_TEXT, len);
    uint32_t random = p->masks ? tape_random(&p->seed) : 0;

    head[0] = b0;
    if (p->masks) head[1] |= 0x80;
    put(p, head, n);
    memcpy(mask, &random, 4);
    if (p->masks) put(p, mask, 4);
}

static void put_frame(struct peer *p, uint8_t b0, const uint8_t *payload, size_t n)
{
    uint8_t mask[4];

    put_head(p, b0, n, mask);
    size_t at = p->len;
    put(p, payload, n);
    for (size_t i = 0; i < n; i++)
        p->wire[at + i] ^= mask[i & 3];
}

static void say_control(struct peer *p)
{
    uint8_t payload[WS_CONTROL_MAX];
    size_t n = below(p, 2) ? below(p, 8) : below(p, WS_CONTROL_MAX + 1);
    bool ping = below(p, 2);

    for (size_t i = 0; i < n; i++)
        payload[i] = (uint8_t)below(p, 256);
    put_frame(p, ping ? 0x89 : 0x8A, payload, n);
    tape_note(&p->model, ping ? 'p' : 'q', (sl_str){(char *)payload, n});
}

/* One message, in `fragments` frames with controls between them. */
static void say_message(struct peer *p, bool text, const uint8_t *bytes, size_t n,
                        unsigned fragments, bool controls)
{
    size_t at = 0;

    for (unsigned f = 1; f <= fragments; f++) {
        size_t rest = n - at;
        size_t take = f == fragments ? rest : below(p, (uint32_t)rest + 1);
        uint8_t op = f > 1 ? WS_CONT : text ? WS_TEXT : WS_BINARY;

        put_frame(p, (f == fragments ? 0x80 : 0) | op, bytes + at, take);
        at += take;
        while (controls && f < fragments && below(p, 3) == 0)
            say_control(p);
    }
    tape_note(&p->model, text ? 'T' : 'B', (sl_str){(const char *)bytes, n});
}

/* Text with characters of every width, much like JSON; `n` is met exactly. */
static void fill_text(struct peer *p, uint8_t *out, size_t n)
{
    static const char *const words[] = {
        "{\"type\":\"frame\",",
        "\"defects\":[1,-2.50e3,true,null],",
        "plain words and spaces ",
        "\"\\u00e9\\\"\\\\\":",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "}",
        "[",
    };
    size_t at = 0;

    while (at < n) {
        const char *w = words[below(p, sizeof words / sizeof *words)];
        size_t len = strlen(w);

        if (len > n - at) {
            w = " ";
            len = 1;
        }
        memcpy(out + at, w, len);
        at += len;
    }
}

static size_t some_size(struct peer *p)
{
    static const size_t edges[] = {0,     1,     125,   126,    127,    65535, 65536,
                                   65537, 16383, 16384, 131072, 200000, 4096,  300000};

    switch (below(p, 8)) {
    case 0: return edges[below(p, sizeof edges / sizeof *edges)];
    case 1: return below(p, 60000);
    default: return below(p, 600);
    }
}

static void say_something(struct peer *p)
{
    static uint8_t bytes[300000];
    bool text = below(p, 2);
    size_t n = some_size(p);

    if (text) {
        fill_text(p, bytes, n);
    } else {
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)(i * 31 + n);
    }
    say_message(p, text, bytes, n, below(p, 2) ? 1 : 1 + below(p, 6), true);
    while (below(p, 4) == 0)
        say_control(p);
}

static void expect_model(struct tape *t, const struct peer *p, int rc)
{
    assert_int_equal(rc, 0);
    assert_int_equal(t->parser.close_code, 0);
    assert_int_equal(t->count, p->model.count);
    assert_int_equal(t->len, p->model.len);
    assert_memory_equal(t->text, p->model.text, t->len);
}

/* ---- the tests ---- */

static void test_random_traffic_equals_the_model(void **state)
{
    static const struct {
        size_t most;
        unsigned wanted;
    } ways[] = {
        {SIZE_MAX, 0  },
        {65536,    0  },
        {65536,    256},
        {1500,     128},
        {40,       0  },
        {40,       128}
    };

    (void)state;
    for (uint32_t round = 1; round <= 60; round++) {
        struct peer p;

        peer_init(&p, round * 2654435761u, round % 5 != 0);
        for (unsigned i = 0; i < 24; i++)
            say_something(&p);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            struct tape t;

            tape_init(&t, 300000, p.masks, round & 1);
            int rc = tape_feed_cut(&t, p.wire, p.len, ways[w].most, ways[w].wanted, round);
            expect_model(&t, &p, rc);
            assert_false(ws_is_partial(&t.parser));
            tape_deinit(&t);
        }
        peer_deinit(&p);
    }
}

/* What came in one pass and what came in pieces must carry the same index. */
static void test_index_does_not_depend_on_the_cut(void **state)
{
    (void)state;
    for (uint32_t round = 1; round <= 20; round++) {
        struct tape a, b;
        struct peer p;

        peer_init(&p, round * 40503u, true);
        for (unsigned i = 0; i < 10; i++)
            say_something(&p);
        tape_init(&a, 300000, true, true);
        tape_init(&b, 300000, true, true);
        a.note_index = b.note_index = true;
        assert_int_equal(tape_feed(&a, p.wire, p.len), 0);
        assert_int_equal(tape_feed_cut(&b, p.wire, p.len, 3000, 100, round), 0);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.text, b.text, a.len);
        tape_deinit(&a);
        tape_deinit(&b);
        peer_deinit(&p);
    }
}

static void test_every_length_form(void **state)
{
    static const size_t sizes[] = {0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 65537};
    static uint8_t bytes[65537];

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t most = 1; most <= 70000; most = most * 3 + 1) {
            struct peer p;
            struct tape t;

            peer_init(&p, 77, i & 1);
            fill_text(&p, bytes, sizes[i]);
            say_message(&p, true, bytes, sizes[i], 1, false);
            say_message(&p, false, bytes, sizes[i], 2, false);
            tape_init(&t, 65537, p.masks, true);
            expect_model(&t, &p, tape_feed_cut(&t, p.wire, p.len, most, 128, 5));
            tape_deinit(&t);
            peer_deinit(&p);
        }
    }
}

/* The announced length decides, before a byte of payload: at and below the limit, above it. */
static void test_message_limit(void **state)
{
    static const size_t limits[] = {0, 1, 125, 126, 1000, 65535, 65536, 16777216};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        for (int d = -1; d <= 1; d++) {
            for (unsigned fragments = 1; fragments <= 2; fragments++) {
                uint8_t mask[4], first = 'x';
                bool split = fragments == 2;
                struct peer p;
                struct tape t;

                if (limits[i] + (size_t)d + 1 <= split) continue; /* -1, or nothing to split */
                peer_init(&p, 3, true);
                if (split) put_frame(&p, WS_BINARY, &first, 1);
                put_head(&p, 0x80 | (split ? WS_CONT : WS_BINARY), limits[i] + d - split, mask);
                tape_init(&t, limits[i], true, false);
                int rc = tape_feed(&t, p.wire, p.len);
                assert_int_equal(rc, d == 1 ? SL_E_TOO_BIG : 0);
                assert_int_equal(t.parser.close_code, d == 1 ? WS_TOO_BIG : 0);
                tape_deinit(&t);
                peer_deinit(&p);
            }
        }
    }
}

static void test_every_allocation_may_fail(void **state)
{
    static uint8_t bytes[200000];
    struct peer p;
    bool failed_once = false;

    (void)state;
    peer_init(&p, 12345, true);
    fill_text(&p, bytes, sizeof bytes);
    say_message(&p, true, bytes, 300, 1, false);
    say_message(&p, true, bytes, 200000, 3, true);
    say_control(&p);
    say_message(&p, false, bytes, 70000, 1, false);
    say_message(&p, true, bytes, 0, 2, false);

    for (unsigned way = 0; way < 3; way++) {
        for (long n = 0;; n++) {
            struct tape t;

            tape_init(&t, 1000000, true, true);
            sl__alloc_fail_after(n);
            int rc = tape_feed_cut(&t, p.wire, p.len, way == 0 ? SIZE_MAX : 5000, way * 128, 9);
            sl__alloc_fail_after(-1);
            if (rc == 0 && t.parser.close_code == 0 && t.len == p.model.len) {
                expect_model(&t, &p, rc);
                tape_deinit(&t);
                if (n > 100) break;
                continue; /* the index may do without its memory: look further */
            }
            failed_once = true;
            assert_int_equal(rc, SL_E_NOMEM);
            assert_int_equal(t.parser.close_code, WS_INTERNAL_ERROR);
            assert_memory_equal(t.text, p.model.text, t.len); /* what came before is right */
            tape_deinit(&t);
        }
    }
    assert_true(failed_once);
    peer_deinit(&p);
}

/* A header that promises 16 MiB, then silence; and bytes that come slowly after it. */
static void test_a_promise_costs_no_memory(void **state)
{
    static uint8_t piece[4096];
    uint8_t mask[4];
    struct peer p;
    struct tape t;

    (void)state;
    peer_init(&p, 5, true);
    put_head(&p, 0x80 | WS_BINARY, 16777216, mask);
    tape_init(&t, 16777216, true, true);
    size_t before = held_bytes();

    assert_int_equal(tape_feed(&t, p.wire, p.len), 0);
    assert_true(held_bytes() - before < 200 * 1024);
    for (size_t sent = 0; sent < 4000000;) {
        size_t n = sizeof piece, room;
        uint8_t *into;

        assert_true(ws_want(&t.parser, &into, &room));
        assert_true(room >= 16384); /* never a call for a crumb */
        assert_int_equal(tape_feed_wanted(&t, piece, &n), 0);
        sent += n;
        assert_true(held_bytes() - before < 2 * sent + 200 * 1024);
    }
    ws_stop(&t.parser);
    assert_int_equal(tape_feed(&t, piece, 1), 0);
    assert_true(held_bytes() - before < 1024);
    tape_deinit(&t);
    peer_deinit(&p);
}

/* 1-byte fragments must neither be refused nor copy the message again and again. */
static void test_many_small_fragments(void **state)
{
    uint8_t byte = 'x';
    struct peer p;
    struct tape t;

    (void)state;
    peer_init(&p, 6, true);
    for (unsigned i = 0; i < 100000; i++)
        put_frame(&p, i == 0 ? WS_TEXT : WS_CONT, &byte, 1);
    put_frame(&p, 0x80 | WS_CONT, &byte, 1);
    tape_init(&t, 100001, true, false);
    assert_int_equal(tape_feed_cut(&t, p.wire, p.len, 20000, 0, 1), 0);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.len, 100001 + 3);
    tape_deinit(&t);
    peer_deinit(&p);
}

/* The second picture of about the same size is received where it will stay. */
static void test_large_messages_are_received_in_place(void **state)
{
    static uint8_t bytes[150000];
    struct peer p;
    struct tape t;

    (void)state;
    tape_init(&t, 1000000, true, true);
    for (unsigned i = 0; i < 4; i++) {
        size_t size = i % 2 ? 150000 : 140000, at = 64, room;
        uint8_t *first, *into;

        peer_init(&p, 8 + i, true);
        fill_text(&p, bytes, size);
        say_message(&p, true, bytes, size, 1, false);
        assert_false(ws_want(&t.parser, &into, &room));
        assert_int_equal(tape_feed(&t, p.wire, at), 0);
        assert_true(ws_want(&t.parser, &first, &room));
        while (at < p.len) {
            assert_true(p.len - at < 4096 || ws_want(&t.parser, &into, &room));
            if (i > 0) assert_int_equal(room, p.len - at); /* one call may bring it all */
            size_t n = p.len - at < 60000 ? p.len - at : 60000;
            assert_int_equal(tape_feed_wanted(&t, p.wire + at, &n), 0);
            at += n;
        }
        assert_int_equal(t.count, i + 1);
        assert_memory_equal(sl_buf_str(t.last).ptr, bytes, size);
        assert_int_equal(t.last->cap - t.last->start, size); /* its end was known */
        if (i > 0) {
            assert_ptr_equal(sl_buf_str(t.last).ptr + 64 - 14, first);
        }
        peer_deinit(&p);
    }
    tape_deinit(&t);
}

/* Room ends with the frame: the next header is never received into this message. */
static void test_want_ends_with_the_frame(void **state)
{
    static uint8_t zeros[40000];
    uint8_t mask[4], *into;
    size_t room;
    struct peer p;
    struct tape t;

    (void)state;
    peer_init(&p, 9, true);
    tape_init(&t, 1000000, true, false);
    put_head(&p, WS_BINARY, 30000, mask); /* more fragments are to come */
    assert_int_equal(tape_feed(&t, p.wire, p.len), 0);
    assert_true(ws_want(&t.parser, &into, &room));
    assert_int_equal(room, 30000);
    memcpy(into, zeros, room);
    assert_int_equal(ws_feed(&t.parser, into, room), 0);
    assert_false(ws_want(&t.parser, &into, &room)); /* a header is next */
    p.len = 0;
    put_head(&p, 0x80 | WS_CONT, 5000, mask);
    put(&p, zeros, 904);
    assert_int_equal(tape_feed(&t, p.wire, p.len), 0);
    assert_true(ws_want(&t.parser, &into, &room));
    assert_int_equal(room, 4096);
    assert_int_equal(tape_feed(&t, zeros, 1), 0);
    assert_false(ws_want(&t.parser, &into, &room)); /* so little is better received with more */
    assert_int_equal(tape_feed(&t, zeros, 4095), 0);
    assert_int_equal(t.count, 1);
    tape_deinit(&t);
    peer_deinit(&p);
}

/* A read that was under way when the session stopped lands in memory that is still there. */
static void test_stop_leaves_the_wanted_place(void **state)
{
    uint8_t mask[4], *into;
    size_t room;
    struct peer p;
    struct tape t;

    (void)state;
    peer_init(&p, 10, true);
    tape_init(&t, 1000000, true, false);
    put_head(&p, 0x80 | WS_BINARY, 30000, mask);
    assert_int_equal(tape_feed(&t, p.wire, p.len), 0);
    assert_true(ws_want(&t.parser, &into, &room));
    ws_stop(&t.parser);
    memset(into, 'x', room);
    assert_false(ws_want(&t.parser, &into, &room));
    assert_int_equal(ws_feed(&t.parser, into, room), 0);
    assert_int_equal(t.count, 0);
    tape_deinit(&t);
    peer_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_traffic_equals_the_model),
        cmocka_unit_test(test_index_does_not_depend_on_the_cut),
        cmocka_unit_test(test_every_length_form),
        cmocka_unit_test(test_message_limit),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_a_promise_costs_no_memory),
        cmocka_unit_test(test_many_small_fragments),
        cmocka_unit_test(test_large_messages_are_received_in_place),
        cmocka_unit_test(test_want_ends_with_the_frame),
        cmocka_unit_test(test_stop_leaves_the_wanted_place),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("ws_traffic", tests, NULL, NULL);
}
