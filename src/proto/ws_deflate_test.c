/* SPDX-License-Identifier: MIT */
/* permessage-deflate within the frames, RFC 7692 §6: who may set RSV1, and what comes out. */
#include "base/alloc.h"
#include "proto/deflate.h"
#include "proto/ws.h"
#include "proto/ws_tape_test.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define LIMIT 100000

struct row {
    const char *name, *hex; /* masks are zero, so that payloads can be read */
    int rc, code;
    const char *tape;
};

/* f2 48 cd c9 c9 07 00 is "Hello" */
/* clang-format off */
static const struct row rows[] = {
    {"6.1 text", "c187 00000000 f248cdc9c90700", 0, 0, "T(Hello)"},
    {"6.1 binary", "c287 00000000 f248cdc9c90700", 0, 0, "B(Hello)"},
    {"6.1 masked", "c187 01020304 f34acecdc80503", 0, 0, "T(Hello)"},
    {"6.1 a message that is not compressed", "8185 00000000 48656c6c6f", 0, 0, "T(Hello)"},
    {"6.1 one of each", "c187 00000000 f248cdc9c90700 8181 00000000 78 c187 00000000 f248cdc9c90700", 0, 0, "T(Hello)T(x)T(Hello)"},
    {"7.2.3.1 two fragments", "4183 00000000 f248cd 8084 00000000 c9c90700", 0, 0, "T(Hello)"},
    {"6.1 a fragment of nothing at each end", "4180 00000000 0087 00000000 f248cdc9c90700 8080 00000000", 0, 0, "T(Hello)"},
    {"6.1 ping between fragments", "4283 00000000 f248cd 8981 00000000 70 8084 00000000 c9c90700", 0, 0, "p(p)B(Hello)"},
    {"6.1 close between fragments", "4283 00000000 f248cd 8880 00000000", 0, 0, "c()"},
    {"6.2 RSV1 of a continuation", "4183 00000000 f248cd c084 00000000 c9c90700", SL_E_WS_PROTO, 1002, ""},
    {"6.2 RSV1 of a continuation, first frame without", "0283 00000000 f248cd c084 00000000 c9c90700", SL_E_WS_PROTO, 1002, ""},
    {"6.1 RSV1 of a ping", "c980 00000000", SL_E_WS_PROTO, 1002, ""},
    {"6.1 RSV1 of a pong", "ca80 00000000", SL_E_WS_PROTO, 1002, ""},
    {"6.1 RSV1 of a close", "c880 00000000", SL_E_WS_PROTO, 1002, ""},
    {"6.2 RSV2", "a180 00000000", SL_E_WS_PROTO, 1002, ""},
    {"6.2 RSV1 and RSV2", "e180 00000000", SL_E_WS_PROTO, 1002, ""},
    {"6.2 RSV1 and RSV3", "d180 00000000", SL_E_WS_PROTO, 1002, ""},
    {"6.2 RSV1 of an unknown opcode", "c380 00000000", SL_E_WS_PROTO, 1002, ""},
    {"7.2.3.3 no compression", "c18b 00000000 000500faff48656c6c6f00", 0, 0, "T(Hello)"},
    {"7.2.3.4 BFINAL", "c188 00000000 f348cdc9c9070000", 0, 0, "T(Hello)"},
    {"7.2.3.5 two blocks", "c18d 00000000 f24805000000ffffcac9c90700", 0, 0, "T(Hello)"},
    {"7.2.3.2 the message before is not looked at", "c187 00000000 f248cdc9c90700 c185 00000000 f200110000",
     SL_E_WS_PROTO, 1007, "T(Hello)"},
    {"7.2.3.6 empty text", "c181 00000000 00", 0, 0, "T()"},
    {"7.2.3.6 empty binary", "c281 00000000 00", 0, 0, "B()"},
    {"7.2.3.6 empty, no byte", "c180 00000000", 0, 0, "T()"},
    {"7.2.3.6 empty, no byte in fragments", "4180 00000000 8080 00000000", 0, 0, "T()"},
    {"7.2.2 cut", "c183 00000000 f248cd", SL_E_WS_PROTO, 1007, ""},
    {"7.2.2 no DEFLATE", "c184 00000000 ffffffff", SL_E_WS_PROTO, 1007, ""},
    {"7.2.2 no DEFLATE in fragments", "4182 00000000 ffff 8082 00000000 ffff", SL_E_WS_PROTO, 1007, ""},
    {"8.1 not UTF-8 once inflated", "c188 00000000 000200fdfffffe00", SL_E_WS_UTF8, 1007, ""},
    {"8.1 ends within a character", "c187 00000000 000100feffc300", SL_E_WS_UTF8, 1007, ""},
    {"8.1 binary may be anything", "c288 00000000 000200fdfffffe00", 0, 0, "B(\xff\xfe)"},
    {"8.1 compressed bytes are no text", "c188 00000000 000200fdffc3a900", 0, 0, "T(\xc3\xa9)"},
};
/* clang-format on */

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;

    for (; *hex != 0; hex += *hex == ' ' ? 1 : 2) {
        char two[3] = {hex[0], hex[1], 0};
        if (*hex != ' ') out[n++] = (uint8_t)strtol(two, NULL, 16);
    }
    return n;
}

static struct deflate *shared; /* as a server does: all connections have the same */

static void begin(struct tape *t, bool json)
{
    tape_init(t, LIMIT, true, json);
    t->options.deflate = shared;
}

static void expect(const struct row *r, struct tape *t, int rc, const char *how)
{
    if (rc != r->rc || t->parser.close_code != r->code || strlen(r->tape) != t->len
        || memcmp(t->text, r->tape, t->len) != 0)
        fail_msg("%s, %s: rc %d, code %d, tape '%s'", r->name, how, rc, t->parser.close_code,
                 t->text);
}

static void test_rows(void **state)
{
    uint8_t wire[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        size_t n = from_hex(r->hex, wire);
        struct tape t;

        begin(&t, false);
        expect(r, &t, tape_feed(&t, wire, n), "whole");
        tape_deinit(&t);
        for (uint32_t seed = 1; seed < 20; seed++) {
            begin(&t, seed & 1);
            expect(r, &t, tape_feed_cut(&t, wire, n, seed < 3 ? 1 : 6, 128, seed * 7919),
                   "cut");
            tape_deinit(&t);
        }
    }
}

/* §5.2 of RFC 6455: a bit that nobody has agreed on. */
static void test_rsv1_without_agreement(void **state)
{
    uint8_t wire[32];
    size_t n = from_hex("c187 00000000 f248cdc9c90700", wire);
    struct tape t;

    (void)state;
    tape_init(&t, LIMIT, true, false);
    assert_int_equal(tape_feed(&t, wire, n), SL_E_WS_PROTO);
    assert_int_equal(t.parser.close_code, 1002);
    assert_string_equal(t.text, "");
    tape_deinit(&t);
}

/* ---- larger ones ---- */

struct wire {
    uint8_t *bytes;
    size_t n;
};

/* A compressed message in masked frames of at most `most` bytes of payload. */
static void put_message(struct wire *w, const uint8_t *payload, size_t n, size_t most)
{
    size_t at = 0;

    do {
        size_t take = n - at < most ? n - at : most;
        uint8_t head[WS_HEAD_MAX], mask[4] = {0x12, 0xF0, (uint8_t)at, 5};
        size_t k = ws_frame_head(head, at == 0 ? WS_TEXT : WS_CONT, take);

        if (at == 0) head[0] |= WS_RSV1;
        if (at + take < n) head[0] &= 0x7F;
        head[1] |= 0x80;
        w->bytes = realloc(w->bytes, w->n + k + 4 + take);
        assert_non_null(w->bytes);
        memcpy(w->bytes + w->n, head, k);
        memcpy(w->bytes + w->n + k, mask, 4);
        for (size_t i = 0; i < take; i++)
            w->bytes[w->n + k + 4 + i] = payload[at + i] ^ mask[i & 3];
        w->n += k + 4 + take;
        at += take;
    } while (at < n);
}

/* `n` bytes of stored blocks: what they inflate to is what they hold. */
static uint8_t *stored(const uint8_t *text, size_t n, size_t *len)
{
    uint8_t *out = malloc(n + 5 * (n / 60000 + 1) + 1), *p = out;

    assert_non_null(out);
    for (size_t at = 0; at < n;) {
        size_t take = n - at < 60000 ? n - at : 60000;
        uint8_t head[5] = {0, (uint8_t)take, (uint8_t)(take >> 8), (uint8_t)~take,
                           (uint8_t)(~take >> 8)};
        memcpy(p, head, 5);
        memcpy(p + 5, text + at, take);
        p += 5 + take;
        at += take;
    }
    *p++ = 0;
    *len = (size_t)(p - out);
    return out;
}

static void fill_json(uint8_t *out, size_t n)
{
    static const char part[] = "{\"type\":\"detection\",\"a\":[1,2.50,\"\\u00e9 \xc3\xa9\"]},";

    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)part[i % (sizeof part - 1)];
    for (size_t i = 1; i < 3 && i <= n; i++) /* no character is cut at the end */
        if (out[n - i] >= 0x80) out[n - i] = 'x';
}

static void test_sizes_around_the_chunk(void **state)
{
    static const size_t sizes[] = {1,     100,   250,   16383, 16384,         16385,
                                   32767, 32768, 32769, 65535, LIMIT - 16384, LIMIT};
    static uint8_t text[LIMIT];

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct iovec iov = {text, sizes[i]};
        struct tape plain, packed, cut;
        struct wire w = {0}, raw = {0};
        sl_buf *b = NULL;

        fill_json(text, sizes[i]);
        size_t n = 0;
        uint8_t *copy = NULL;
        if (deflate_message(shared, 15, &iov, 1, 0, &b) != 1) copy = stored(text, sizes[i], &n);
        const uint8_t *payload = b != NULL ? (const uint8_t *)sl_buf_str(b).ptr : copy;
        if (b != NULL) n = b->len;
        if (n > LIMIT) n = 0; /* beyond the wire's own limit: nothing to see here */
        if (n > 0) {
            tape_init(&plain, LIMIT, true, true);
            plain.note_index = true;
            put_message(&raw, text, sizes[i], SIZE_MAX);
            raw.bytes[0] &= (uint8_t)~WS_RSV1;
            assert_int_equal(tape_feed(&plain, raw.bytes, raw.n), 0);

            put_message(&w, payload, n, 1000 + i);
            begin(&packed, true);
            packed.note_index = true;
            assert_int_equal(tape_feed(&packed, w.bytes, w.n), 0);
            begin(&cut, true);
            cut.note_index = true;
            assert_int_equal(tape_feed_cut(&cut, w.bytes, w.n, 5000, 200, (uint32_t)i + 1), 0);
            /* the same bytes, the same structure as if it had never been compressed */
            assert_int_equal(packed.len, plain.len);
            assert_memory_equal(packed.text, plain.text, plain.len);
            assert_int_equal(cut.len, plain.len);
            assert_memory_equal(cut.text, plain.text, plain.len);
            tape_deinit(&plain);
            tape_deinit(&packed);
            tape_deinit(&cut);
        }
        sl_buf_drop(b);
        free(copy);
        free(w.bytes);
        free(raw.bytes);
    }
}

static void test_limit(void **state)
{
    static uint8_t text[LIMIT + 50000];
    size_t half = 40000;

    (void)state;
    memset(text, 'a', sizeof text);
    for (int more = -1; more <= 1; more++) {
        struct wire w = {0};
        struct tape t;
        char why[WS_WHY_SIZE];
        /* compressed pieces one after the other inflate to their texts one after the other */
        struct iovec iov[3] = {
            {text, half                           },
            {text, half                           },
            {text, LIMIT - 2 * half + (size_t)more}
        };
        uint8_t payload[4096];
        size_t n = 0;

        for (int i = 0; i < 3; i++) {
            sl_buf *b;
            assert_int_equal(deflate_message(shared, 15, &iov[i], 1, 0, &b), 1);
            memcpy(payload + n, sl_buf_str(b).ptr, b->len);
            n += b->len;
            if (i < 2) memcpy(payload + n, "\0\0\xff\xff", 4), n += 4;
            sl_buf_drop(b);
        }
        put_message(&w, payload, n, SIZE_MAX);
        begin(&t, false);
        int rc = tape_feed(&t, w.bytes, w.n);
        assert_int_equal(rc, more > 0 ? SL_E_TOO_BIG : 0);
        assert_int_equal(t.parser.close_code, more > 0 ? 1009 : 0);
        assert_int_equal(t.count, more > 0 ? 0 : 1);
        ws_why(&t.parser, why, sizeof why);
        assert_string_equal(why, more > 0 ? "message inflates beyond the limit: 100000" : "");
        tape_deinit(&t);
        free(w.bytes);
    }
}

static void test_without_memory(void **state)
{
    static uint8_t text[60000];
    struct iovec iov = {text, sizeof text};
    struct wire w = {0};
    sl_buf *b;
    bool done = false;

    (void)state;
    fill_json(text, sizeof text);
    assert_int_equal(deflate_message(shared, 15, &iov, 1, 0, &b), 1);
    put_message(&w, (const uint8_t *)sl_buf_str(b).ptr, b->len, 700);
    sl_buf_drop(b);
    for (long after = 0; !done; after++) {
        struct deflate *fresh = deflate_new();
        struct tape t;

        assert_true(fresh != NULL && after < 100);
        begin(&t, false);
        t.options.deflate = fresh;
        sl__alloc_fail_after(after);
        int rc = tape_feed(&t, w.bytes, w.n);
        sl__alloc_fail_after(-1);
        assert_true(rc == 0 || rc == SL_E_NOMEM);
        assert_int_equal(t.parser.close_code, rc == 0 ? 0 : 1011);
        done = rc == 0;
        tape_deinit(&t);
        deflate_free(fresh);
    }
    free(w.bytes);
}

/* ---- a quota of what is inflated at a time ---- */

#define QUOTA      20000
#define QUOTA_TEXT 50000

/* Several messages of one kind, compressed where it pays, plain ones and a ping between them.
 */
static void put_talk(struct wire *w, char kind)
{
    static uint8_t text[QUOTA_TEXT];
    static const uint8_t ping[] = {0x89, 0x81, 0, 0, 0, 0, 'p'};

    for (size_t i = 0; i < 4; i++) {
        struct iovec iov = {text, QUOTA_TEXT - i * 12000};
        size_t at = w->n;
        sl_buf *b;

        fill_json(text, iov.iov_len);
        text[0] = (uint8_t)kind;
        assert_int_equal(deflate_message(shared, 15, &iov, 1, 0, &b), 1);
        put_message(w, (const uint8_t *)sl_buf_str(b).ptr, b->len, i % 2 ? SIZE_MAX : 100);
        sl_buf_drop(b);
        at = w->n;
        w->bytes = realloc(w->bytes, at + sizeof ping);
        assert_non_null(w->bytes);
        memcpy(w->bytes + at, ping, sizeof ping);
        w->n += sizeof ping;
        put_message(w, text, 20, SIZE_MAX);
        w->bytes[at + sizeof ping] &= (uint8_t)~WS_RSV1;
    }
}

struct talker {
    struct tape t;
    const struct wire *w;
    size_t at;
};

/* The next bytes, or none while it waits for its turn. */
static int go_on(struct talker *k, size_t most)
{
    size_t n = k->w->n - k->at < most ? k->w->n - k->at : most, used;
    uint8_t *piece = malloc(n ? n : 1);
    int rc;

    assert_non_null(piece);
    if (n > 0) memcpy(piece, k->w->bytes + k->at, n);
    rc = ws_feed_some(&k->t.parser, piece, n, &used);
    free(piece);
    assert_true(used == n || k->t.parser.waiting);
    k->at += used;
    return rc;
}

static void test_a_quota_is_kept_and_shared(void **state)
{
    static const size_t cuts[] = {1, 7, 1000, SIZE_MAX};

    (void)state;
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        struct ws_quota quota = {0};
        struct wire w[2] = {{0}, {0}};
        struct talker k[2];
        struct tape plain;
        int waits = 0;

        for (int i = 0; i < 2; i++) {
            put_talk(&w[i], i ? '[' : '"');
            k[i] = (struct talker){.w = &w[i]};
            begin(&k[i].t, true);
            k[i].t.options.quota = &quota;
            k[i].t.note_index = true;
        }
        for (int turn = 0; k[0].at < w[0].n || k[1].at < w[1].n || k[0].t.parser.waiting
                           || k[1].t.parser.waiting;
             turn++) {
            struct talker *one = &k[turn & 1];

            /* the first of a turn is a slice and a chunk at most */
            if (turn % 3 == 0) quota.left = QUOTA;
            assert_int_equal(go_on(one, cuts[c]), 0);
            waits += one->t.parser.waiting;
            assert_true(turn < 1000000);
        }
        assert_true(waits > 4);
        assert_null(quota.user);
        for (int i = 0; i < 2; i++) {
            begin(&plain, true);
            plain.note_index = true;
            assert_int_equal(tape_feed(&plain, w[i].bytes, w[i].n), 0);
            assert_int_equal(k[i].t.len, plain.len);
            assert_memory_equal(k[i].t.text, plain.text, plain.len);
            tape_deinit(&plain);
            tape_deinit(&k[i].t);
            free(w[i].bytes);
        }
    }
}

/* However one ends that was within a message, the others get on. */
static void test_who_ends_leaves_the_quota(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct ws_quota quota = {.left = QUOTA};
        struct wire w = {0};
        struct talker k = {.w = &w};

        put_talk(&w, '"');
        begin(&k.t, true);
        k.t.options.quota = &quota;
        if (how == 2) k.t.options.message_max = QUOTA + INFLATE_CHUNK + 1;
        assert_int_equal(go_on(&k, SIZE_MAX), 0);
        assert_true(k.t.parser.waiting);
        assert_ptr_equal(quota.user, &k.t.parser);
        if (how == 0) ws_deinit(&k.t.parser);
        if (how == 1) ws_stop(&k.t.parser);
        quota.left = QUOTA;
        if (how == 2) {
            assert_int_equal(go_on(&k, SIZE_MAX), SL_E_TOO_BIG);
            assert_int_equal(k.t.parser.close_code, 1009);
        }
        assert_null(quota.user);
        assert_false(k.t.parser.waiting);
        assert_string_equal(k.t.text, "");
        tape_deinit(&k.t);
        free(w.bytes);
    }
}

static void test_a_quota_without_memory(void **state)
{
    struct wire w = {0};
    bool done = false;

    (void)state;
    put_talk(&w, '"');
    for (long n = 0; !done; n++) {
        struct ws_quota quota = {.left = QUOTA};
        struct talker k = {.w = &w};
        int rc = 0;

        begin(&k.t, true);
        k.t.options.quota = &quota;
        sl__alloc_fail_after(n);
        while (rc == 0 && (k.at < w.n || k.t.parser.waiting)) {
            rc = go_on(&k, SIZE_MAX);
            quota.left = QUOTA;
        }
        sl__alloc_fail_after(-1);
        assert_true(rc == 0 || rc == SL_E_NOMEM);
        assert_null(quota.user);
        done = rc == 0;
        tape_deinit(&k.t);
    }
    free(w.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quota_without_memory),
        cmocka_unit_test(test_a_quota_is_kept_and_shared),
        cmocka_unit_test(test_who_ends_leaves_the_quota),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rsv1_without_agreement),
        cmocka_unit_test(test_sizes_around_the_chunk),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_without_memory),
    };

    shared = deflate_new();
    if (shared == NULL) return 1;
    int failed = cmocka_run_group_tests_name("proto/ws_deflate", tests, NULL, NULL);
    deflate_free(shared);
    return failed;
}
