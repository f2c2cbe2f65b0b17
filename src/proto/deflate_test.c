/* SPDX-License-Identifier: MIT */
#include "proto/deflate.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "proto/ws_tape_test.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <zlib.h>

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;

    for (; *hex != 0; hex += *hex == ' ' ? 1 : 2) {
        char two[3] = {hex[0], hex[1], 0};
        if (*hex != ' ') out[n++] = (uint8_t)strtol(two, NULL, 16);
    }
    return n;
}

/* All that comes out of `in`, in `out` of `cap` bytes. returns how many, or the error */
static long inflate_all(struct deflate *d, const uint8_t *in, size_t n, uint8_t *out,
                        size_t cap)
{
    size_t have = 0;
    sl_str piece;
    int rc = inflate_begin(d, (sl_str){(const char *)in, n});

    if (rc < 0) return rc;
    do {
        rc = inflate_next(d, &piece);
        if (rc < 0) return rc;
        assert_true(rc == 0 || piece.len == INFLATE_CHUNK);
        assert_true(have + piece.len <= cap);
        if (piece.len > 0) memcpy(out + have, piece.ptr, piece.len);
        have += piece.len;
    } while (rc == 1);
    return (long)have;
}

struct row {
    const char *name, *hex;
    const char *text; /* NULL: it is refused */
};

/* clang-format off */
static const struct row rows[] = {
    {"7.2.3.1 one block",                   "f248cdc9c90700", "Hello"},
    {"7.2.3.2 looks back at the message before", "f200110000", NULL},
    {"7.2.3.3 no compression",              "000500faff48656c6c6f00", "Hello"},
    {"7.2.3.4 BFINAL set",                  "f348cdc9c9070000", "Hello"},
    {"7.2.1 BFINAL set twice",              "010300fcff48656c 010200fdff6c6f 00", "Hello"},
    {"7.2.1 a block behind BFINAL looks back at it", "010500faff48656c6c6f 02610f380100", "HelloelloHelloHello"},
    {"7.2.1 the tail itself has BFINAL",    "f248cdc9c907000000ffff01", "Hello"},
    {"7.2.3.5 two blocks",                  "f248050000 00ffff cac9c90700", "Hello"},
    {"7.2.3.6 empty",                       "00", ""},
    {"7.2.3.6 empty, no byte at all",       "", ""},
    {"7.2.3.6 empty, a block of fixed codes", "0200", ""},
    {"7.2.2 the tail was left on",          "f248cdc9c907000000ffff00", "Hello"},
    {"7.2.1 BFINAL set, no empty block",    "f348cdc9c90700", NULL},
    {"7.2.1 no empty block",                "f248cdc9c907", NULL},
    {"7.2.2 cut within a block",            "f248cd", NULL},
    {"7.2.2 cut within a stored block",     "000500faff4865", NULL},
    {"1951 3.2.3 reserved block type",      "06", NULL},
    {"1951 3.2.4 lengths do not match",     "000500ffff48656c6c6f00", NULL},
    {"1951 3.2.5 distance beyond the start", "4b04220000", NULL},
    {"1950 a zlib header",                  "789cf348cdc9c90700058c01f5", NULL},
    {"1952 a gzip header",                  "1f8b0800000000000003", NULL},
    {"no DEFLATE",                          "ffffffff", NULL},
};
/* clang-format on */

static void test_inflate(void **state)
{
    struct deflate *d = deflate_new();
    uint8_t in[128], out[INFLATE_CHUNK];

    (void)state;
    assert_non_null(d);
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) { /* no row spoils the next */
        const struct row *r = &rows[i / 2];
        size_t n = from_hex(r->hex, in);
        long len = inflate_all(d, in, n, out, sizeof out);

        if (r->text == NULL
                ? len != SL_E_WS_PROTO
                : len != (long)strlen(r->text) || memcmp(out, r->text, (size_t)len) != 0)
            fail_msg("%s: %ld '%.*s'", r->name, len, len > 0 ? (int)len : 0, out);
    }
    deflate_free(d);
    deflate_free(NULL);
}

static void fill(uint8_t *out, size_t n, uint32_t seed, unsigned variety)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)('a' + tape_random(&seed) % variety);
}

/* Another zlib with a window of exactly these bits must be able to read it. */
static void expect_window(const sl_buf *b, unsigned bits, const uint8_t *text, size_t n)
{
    static uint8_t wire[DEFLATE_MAX + 4], out[DEFLATE_MAX];
    z_stream z = {0};

    memcpy(wire, sl_buf_str(b).ptr, b->len);
    memcpy(wire + b->len, "\0\0\xff\xff", 4);
    z.next_in = wire;
    z.avail_in = (unsigned)b->len + 4;
    z.next_out = out;
    z.avail_out = sizeof out;
    assert_int_equal(inflateInit2(&z, -(int)bits), Z_OK);
    assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(sizeof out - z.avail_out, n);
    assert_memory_equal(out, text, n);
    inflateEnd(&z);
}

static void test_round_trips(void **state)
{
    static const size_t sizes[] = {5,          64,    250,   251,   700,   4096,
                                   16383,      16384, 16385, 32768, 49152, DEFLATE_MAX - 1,
                                   DEFLATE_MAX};
    static uint8_t text[DEFLATE_MAX], back[DEFLATE_MAX];
    struct deflate *d = deflate_new();
    sl_buf *b;

    (void)state;
    assert_non_null(d);
    for (unsigned bits = DEFLATE_BITS_MIN; bits <= DEFLATE_BITS_MAX; bits++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t n = sizes[i], cut = n / 3;
            struct iovec iov[3] = {
                {(void *)"head", 4      },
                {text,           cut    },
                {text + cut,     n - cut}
            };

            fill(text, n, (uint32_t)(bits * 100 + i), 3);
            int rc = deflate_message(d, bits, iov, 3, 4, &b);
            if (n == 5) { /* nothing to gain */
                assert_int_equal(rc, 0);
                assert_null(b);
                continue;
            }
            assert_int_equal(rc, 1);
            assert_true(b->len < n && b->start >= WS_HEAD_MAX);
            expect_window(b, bits, text, n);
            assert_int_equal(
                inflate_all(d, (const uint8_t *)sl_buf_str(b).ptr, b->len, back, sizeof back),
                n);
            assert_memory_equal(back, text, n);
            sl_buf_drop(b);
        }
    }
    deflate_free(d);
}

static void test_what_is_not_worth_it(void **state)
{
    static uint8_t noise[DEFLATE_MAX + 1];
    struct deflate *d = deflate_new();
    uint32_t seed = 99;
    sl_buf *b;

    (void)state;
    assert_non_null(d);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)tape_random(&seed);
    for (size_t n = 0; n <= sizeof noise; n = n < 300 ? n + 1 : n * 2) {
        struct iovec iov = {noise, n};
        assert_int_equal(deflate_message(d, 15, &iov, 1, 0, &b), 0);
        assert_int_equal(gzip_pack((sl_str){(char *)noise, n}, &b), 0);
        assert_null(b);
    }
    memset(noise, 'a', sizeof noise);
    struct iovec most = {noise, DEFLATE_MAX}, more = {noise, DEFLATE_MAX + 1};
    assert_int_equal(deflate_message(d, 15, &most, 1, 0, &b), 1);
    sl_buf_drop(b);
    assert_int_equal(deflate_message(d, 15, &more, 1, 0, &b), 0);
    assert_int_equal(deflate_message(d, 15, &more, 1, 1, &b), 1);
    sl_buf_drop(b);
    deflate_free(d);
}

static void test_bits(void **state)
{
    static const struct {
        unsigned agreed;
        size_t len;
        unsigned bits;
    } wants[] = {
        {15, 0,       9 },
        {15, 250,     9 },
        {15, 251,     10},
        {15, 762,     10},
        {15, 763,     11},
        {15, 16122,   14},
        {15, 16123,   15},
        {15, 1 << 30, 15},
        {9,  1 << 30, 9 },
        {12, 762,     10},
        {12, 9000,    12},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
        assert_int_equal(deflate_bits(wants[i].agreed, wants[i].len), wants[i].bits);
}

/* A thousandfold: what comes, comes in chunks, and nothing is held that has not been taken. */
static void test_bomb_comes_in_chunks(void **state)
{
    const size_t zeros = 64u << 20;
    struct deflate *d = deflate_new();
    uint8_t *wire = malloc(1 << 20), *chunk = calloc(1, 1 << 16);
    z_stream z = {0};
    size_t have = 0, n;
    sl_str piece;
    int rc;

    (void)state;
    assert_true(d != NULL && wire != NULL && chunk != NULL);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, 0), Z_OK);
    z.next_out = wire;
    z.avail_out = 1 << 20;
    for (size_t at = 0; at < zeros; at += 1 << 16) {
        z.next_in = chunk;
        z.avail_in = 1 << 16;
        assert_int_equal(deflate(&z, at + (1 << 16) < zeros ? Z_NO_FLUSH : Z_SYNC_FLUSH), Z_OK);
    }
    n = (1 << 20) - z.avail_out - 4;
    deflateEnd(&z);
    assert_true(n < 80000);
    assert_int_equal(inflate_begin(d, (sl_str){(char *)wire, n}), 0);
    do {
        rc = inflate_next(d, &piece);
        assert_true(rc >= 0 && piece.len <= INFLATE_CHUNK);
        have += piece.len;
    } while (rc == 1);
    assert_int_equal(have, zeros);
    free(wire);
    free(chunk);
    deflate_free(d);
}

static void test_gzip(void **state)
{
    static const size_t sizes[] = {1000, 1024, 4000, 40000, DEFLATE_MAX};
    static uint8_t text[DEFLATE_MAX + 1], back[DEFLATE_MAX + 1];
    sl_buf *b;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        z_stream z = {0};

        fill(text, sizes[i], (uint32_t)i + 1, 4);
        assert_int_equal(gzip_pack((sl_str){(char *)text, sizes[i]}, &b), 1);
        assert_true(b->len < sizes[i]);
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        z.next_in = (uint8_t *)sl_buf_str(b).ptr;
        z.avail_in = (unsigned)b->len;
        z.next_out = back;
        z.avail_out = sizeof back;
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.avail_in, 0);
        assert_int_equal(sizeof back - z.avail_out, sizes[i]);
        assert_memory_equal(back, text, sizes[i]);
        inflateEnd(&z);
        sl_buf_drop(b);
    }
    assert_int_equal(gzip_pack((sl_str){(char *)text, DEFLATE_MAX + 1}, &b), 0);
    assert_null(b);
}

static void test_without_memory(void **state)
{
    uint8_t hello[16], text[2000], out[INFLATE_CHUNK];
    size_t n = from_hex("f248cdc9c90700", hello);
    int done = 0;

    (void)state;
    fill(text, sizeof text, 1, 3);
    for (long after = 0; done < 4; after++) {
        struct deflate *d;
        struct iovec iov = {text, sizeof text};
        sl_buf *b = NULL;

        sl__alloc_fail_after(-1);
        d = deflate_new();
        assert_non_null(d);
        assert_true(after < 100);
        done = 0;
        sl__alloc_fail_after(after);
        long len = inflate_all(d, hello, n, out, sizeof out);
        assert_true(len == 5 || len == SL_E_NOMEM);
        done += len == 5;
        int rc = deflate_message(d, 12, &iov, 1, 0, &b);
        assert_true(rc == SL_E_NOMEM ? b == NULL : rc == 1);
        done += rc == 1;
        sl_buf_drop(b);
        rc = gzip_pack((sl_str){(char *)text, sizeof text}, &b);
        assert_true(rc == SL_E_NOMEM ? b == NULL : rc == 1);
        done += rc == 1;
        sl_buf_drop(b);
        sl__alloc_fail_after(-1);
        /* what had no memory once works the next time */
        assert_int_equal(inflate_all(d, hello, n, out, sizeof out), 5);
        assert_int_equal(deflate_message(d, 12, &iov, 1, 0, &b), 1);
        sl_buf_drop(b);
        deflate_free(d);
        sl__alloc_fail_after(0);
        done += deflate_new() == NULL;
        sl__alloc_fail_after(-1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inflate),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_what_is_not_worth_it),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_bomb_comes_in_chunks),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests_name("proto/deflate", tests, NULL, NULL);
}
