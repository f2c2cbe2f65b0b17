/* SPDX-License-Identifier: MIT */
#include "base/codec.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#define Z(text) SL_STR(text)

static const struct {
    sl_str plain, base64;
} vectors[] = {
  /* RFC 4648 §10, and every digit */
    {Z(""),                      Z("")                                    },
    {Z("f"),                     Z("Zg==")                                },
    {Z("fo"),                    Z("Zm8=")                                },
    {Z("foo"),                   Z("Zm9v")                                },
    {Z("foob"),                  Z("Zm9vYg==")                            },
    {Z("fooba"),                 Z("Zm9vYmE=")                            },
    {Z("foobar"),                Z("Zm9vYmFy")                            },
    {Z("\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61\x96\x9b\x71"
       "\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3\x5d\xb7\xe3\x9e"
       "\xbb\xf3\xdf\xbf"),
     Z("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")},
};

static void test_rfc_4648_10_base64_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        sl_str plain = vectors[i].plain, base64 = vectors[i].base64;
        char text[80];
        uint8_t bytes[64];
        size_t n = 99;

        assert_int_equal(sl__base64_len(plain.len), base64.len);
        assert_int_equal(sl__base64_encode(text, plain.ptr, plain.len), base64.len);
        assert_memory_equal(text, base64.ptr, base64.len);
        assert_int_equal(sl__base64_decode(bytes, plain.len, base64, &n), 0);
        assert_int_equal(n, plain.len);
        assert_memory_equal(bytes, plain.ptr, plain.len);
        if (plain.len == 0) continue;
        assert_int_equal(sl__base64_decode(bytes, plain.len - 1, base64, &n), SL_E_TOO_BIG);
        assert_int_equal(n, 0);
    }
}

static void test_base64_is_strict(void **state)
{
    static const sl_str rows[] = {
        Z("Zg"),       Z("Zg="),       Z("Zm9vYg"),   Z("Z"), /* §3.2: padding is not optional
                                                               */
        Z("===="),     Z("Z==="),      Z("Zm9v===="), Z("="),        Z("Zg==Zg=="),
        Z("Zm8=Zm8="), Z("Z=m8"),      Z("Zg=v"),     Z("=Zm8"),     /* only at the end */
        Z("Zh=="),     Z("Zm9="),      Z("Zv=="),     Z("Zm//Zm9="), /* §3.5: bits that are left
                                                                        over */
        Z("Zm9v\n"),   Z("Zm9\nvYg="), Z(" Zm9vYg="), Z("Zm 9"),     /* §3.3: nothing else */
        Z("Zm9-"),     Z("Zm9_"),      Z("Zm9\0"),    Z("Zm9\x80"), /* §5 is another alphabet */
        Z("Zm9*"),     Z("Zm9,"),      Z("Zm9."),     Z("Zm9:"),     Z("Zm9@"),
        Z("Zm9["),     Z("Zm9`"),      Z("Zm9{"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[64];
        size_t n = 99;

        assert_int_equal(sl__base64_decode(bytes, sizeof bytes, rows[i], &n), SL_E_INVAL);
        assert_int_equal(n, 0);
    }
}

/* Every byte in every place: 64 digits and no more. */
static void test_base64_knows_64_digits(void **state)
{
    (void)state;
    for (size_t place = 0; place < 4; place++) {
        unsigned good = 0;

        for (unsigned c = 0; c < 256; c++) {
            char text[] = "AAAABBBB";
            uint8_t bytes[6];
            size_t n;

            text[place] = (char)c;
            good += sl__base64_decode(bytes, sizeof bytes, (sl_str){text, 8}, &n) == 0;
        }
        assert_int_equal(good, 64);
    }
}

static void test_long_texts_come_back(void **state)
{
    uint8_t plain[300], back[300];
    char text[600];
    size_t n;

    (void)state;
    srand(7);
    for (size_t len = 0; len <= sizeof plain; len++) {
        for (size_t i = 0; i < len; i++)
            plain[i] = (uint8_t)rand();
        n = sl__base64_encode(text, plain, len);
        assert_int_equal(sl__base64_decode(back, sizeof back, (sl_str){text, n}, &n), 0);
        assert_int_equal(n, len);
        assert_memory_equal(back, plain, len);
        n = sl__hex_encode(text, plain, len);
        assert_int_equal(sl__hex_decode(back, sizeof back, (sl_str){text, n}, &n), 0);
        assert_int_equal(n, len);
        assert_memory_equal(back, plain, len);
    }
}

static void test_rfc_4648_10_hex(void **state)
{
    static const sl_str bad[] = {Z("6"),  Z("666"), Z("6g"), Z("G6"), Z("0x"),  Z(" 6"),
                                 Z("6/"), Z("6:"),  Z("6@"), Z("6`"), Z("6\0"), Z("6\xb1")};
    char text[12];
    uint8_t bytes[6];
    size_t n;

    (void)state;
    assert_int_equal(sl__hex_encode(text, "foobar", 6), 12);
    assert_memory_equal(text, "666f6f626172", 12);
    assert_int_equal(sl__hex_decode(bytes, 6, Z("666F6f626172"), &n), 0);
    assert_int_equal(n, 6);
    assert_memory_equal(bytes, "foobar", 6);
    assert_int_equal(sl__hex_decode(bytes, 5, Z("666F6f626172"), &n), SL_E_TOO_BIG);
    assert_int_equal(sl__hex_decode(bytes, 0, Z(""), &n), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sl__hex_decode(bytes, 6, bad[i], &n), SL_E_INVAL);
        assert_int_equal(n, 0);
    }
}

static void assert_sha1(sl_str bytes, const char *hex)
{
    uint8_t digest[SHA1_BYTES];
    char text[2 * SHA1_BYTES];

    sl__sha1(bytes, digest);
    sl__hex_encode(text, digest, sizeof digest);
    assert_memory_equal(text, hex, sizeof text);
}

static void test_rfc_3174_7_3(void **state)
{
    char *many = malloc(1000000);

    (void)state;
    assert_sha1(Z("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_sha1(Z("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    memset(many, 'a', 1000000);
    assert_sha1((sl_str){many, 1000000}, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    for (size_t i = 0; i < 640; i++)
        many[i] = (char)('0' + i % 8);
    assert_sha1((sl_str){many, 640}, "dea356a2cddd90c7a7ecedc5ebb563934f460452");
    assert_sha1((sl_str){NULL, 0}, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    free(many);
}

/* Around the end of a block, where the length moves to a block of its own. */
static void test_sha1_lengths_around_a_block(void **state)
{
    static const struct {
        size_t len;
        const char *hex;
    } rows[] = {
        {1,   "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"},
        {54,  "b05d71c64979cb95fa74a33cdb31a40d258ae02e"},
        {55,  "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {56,  "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
        {57,  "f08f24908d682555111be7ff6f004e78283d989a"},
        {63,  "03f09f5b158a7a8cdad920bddc29b81c18a551f5"},
        {64,  "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {65,  "11655326c708d70319be2610e8a57d9a5b959d3b"},
        {119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"},
        {120, "f34c1488385346a55709ba056ddd08280dd4c6d6"},
        {128, "ad5b3fdbcb526778c2839d2f151ea753995e26a0"},
    };
    char text[128];

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_sha1((sl_str){text, rows[i].len}, rows[i].hex);
    }
}

static void test_rfc_6455_1_3_handshake(void **state)
{
    uint8_t digest[SHA1_BYTES];
    char text[28];

    (void)state;
    sl__sha1(Z("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), digest);
    assert_int_equal(sl__base64_encode(text, digest, sizeof digest), sizeof text);
    assert_memory_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_4648_10_base64_both_ways),
        cmocka_unit_test(test_base64_is_strict),
        cmocka_unit_test(test_base64_knows_64_digits),
        cmocka_unit_test(test_long_texts_come_back),
        cmocka_unit_test(test_rfc_4648_10_hex),
        cmocka_unit_test(test_rfc_3174_7_3),
        cmocka_unit_test(test_sha1_lengths_around_a_block),
        cmocka_unit_test(test_rfc_6455_1_3_handshake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
