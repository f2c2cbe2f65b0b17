/* SPDX-License-Identifier: MIT */
#include "base/codec.h"

#include <stdbool.h>
#include <string.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define NOT_A_DIGIT 0x80 /* no value has this bit, so one OR of all finds any */

/* From '+' on; what lies in front of the table or behind it is no digit either. */
static const uint8_t base64_values[] = {
    62,   0x80, 0x80, 0x80, 63,   52,   53, 54, 55, 56, 57, 58, 59, 60, 61, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
    10,   11,   12,   13,   14,   15,   16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
    36,   37,   38,   39,   40,   41,   42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
};

static inline uint32_t base64_value(char c)
{
    unsigned i = (unsigned char)c - (unsigned)'+';

    return i < sizeof base64_values ? base64_values[i] : NOT_A_DIGIT;
}

size_t sl__base64_encode(char *dst, const void *src, size_t n)
{
    const uint8_t *in = src;
    char *out = dst;

    for (; n >= 3; n -= 3, in += 3, out += 4) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

        out[0] = base64_digits[bits >> 18];
        out[1] = base64_digits[bits >> 12 & 63];
        out[2] = base64_digits[bits >> 6 & 63];
        out[3] = base64_digits[bits & 63];
    }
    if (n > 0) {
        uint32_t bits = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0);

        out[0] = base64_digits[bits >> 18];
        out[1] = base64_digits[bits >> 12 & 63];
        out[2] = n > 1 ? base64_digits[bits >> 6 & 63] : '=';
        out[3] = '=';
        out += 4;
    }
    return (size_t)(out - dst);
}

/* Four digits, of which the last `pad` (0 to 2) are '='; false if they are not base64. */
static bool decode_group(const char *in, unsigned pad, uint8_t *out)
{
    uint32_t a = base64_value(in[0]), b = base64_value(in[1]);
    uint32_t c = pad < 2 ? base64_value(in[2]) : 0, d = pad < 1 ? base64_value(in[3]) : 0;
    uint32_t bits = a << 18 | b << 12 | c << 6 | d;

    if ((a | b | c | d) & NOT_A_DIGIT) return false;
    if (pad > 0 && (bits & ((1u << (8 * pad)) - 1)) != 0) return false; /* §3.5 */
    out[0] = (uint8_t)(bits >> 16);
    if (pad < 2) out[1] = (uint8_t)(bits >> 8);
    if (pad < 1) out[2] = (uint8_t)bits;
    return true;
}

int sl__base64_decode(void *dst, size_t cap, sl_str text, size_t *out)
{
    unsigned pad = 0;
    uint8_t *to = dst;

    *out = 0;
    if (text.len == 0) return 0;
    if (text.len % 4 != 0) return SL_E_INVAL;
    if (text.ptr[text.len - 1] == '=') pad = text.ptr[text.len - 2] == '=' ? 2 : 1;
    if (text.len / 4 * 3 - pad > cap) return SL_E_TOO_BIG;

    for (size_t i = 0; i < text.len; i += 4) {
        if (!decode_group(text.ptr + i, i + 4 == text.len ? pad : 0, to)) return SL_E_INVAL;
        to += 3;
    }
    *out = text.len / 4 * 3 - pad;
    return 0;
}

size_t sl__hex_encode(char *dst, const void *src, size_t n)
{
    const uint8_t *in = src;

    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = "0123456789abcdef"[in[i] >> 4];
        dst[2 * i + 1] = "0123456789abcdef"[in[i] & 15];
    }
    return 2 * n;
}

static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9') return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A') + 10;
    return NOT_A_DIGIT;
}

int sl__hex_decode(void *dst, size_t cap, sl_str text, size_t *out)
{
    uint8_t *to = dst;

    *out = 0;
    if (text.len % 2 != 0) return SL_E_INVAL;
    if (text.len / 2 > cap) return SL_E_TOO_BIG;

    for (size_t i = 0; i < text.len; i += 2) {
        unsigned high = hex_value(text.ptr[i]), low = hex_value(text.ptr[i + 1]);

        if ((high | low) & NOT_A_DIGIT) return SL_E_INVAL;
        *to++ = (uint8_t)(high << 4 | low);
    }
    *out = text.len / 2;
    return 0;
}

#define SHA1_BLOCK 64

static inline uint32_t rotate(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

/* RFC 3174 §6.1, one block of 512 bits */
static void sha1_block(uint32_t h[5], const uint8_t *block)
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

    for (int t = 0; t < 16; t++) {
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16
               | (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    }
    for (int t = 16; t < 80; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    for (int t = 0; t < 80; t++) {
        static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
        uint32_t choice = t < 20   ? (b & c) | (~b & d)
                          : t < 40 ? b ^ c ^ d
                          : t < 60 ? (b & c) | (b & d) | (c & d)
                                   : b ^ c ^ d;
        uint32_t next = rotate(a, 5) + choice + e + w[t] + k[t / 20];

        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void sl__sha1(sl_str bytes, uint8_t digest[SHA1_BYTES])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t last[2 * SHA1_BLOCK] = {0};
    size_t whole = bytes.len / SHA1_BLOCK * SHA1_BLOCK, rest = bytes.len - whole;
    size_t last_len = rest < SHA1_BLOCK - 8 ? SHA1_BLOCK : 2 * SHA1_BLOCK;
    uint64_t bits = (uint64_t)bytes.len * 8;

    for (size_t i = 0; i < whole; i += SHA1_BLOCK) {
        sha1_block(h, (const uint8_t *)bytes.ptr + i);
    }
    /* §4: one bit, zeros, and the length in bits as the last eight bytes */
    if (rest > 0) memcpy(last, bytes.ptr + whole, rest);
    last[rest] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        last[last_len - 1 - i] = (uint8_t)(bits >> (8 * i));
    for (size_t i = 0; i < last_len; i += SHA1_BLOCK)
        sha1_block(h, last + i);

    for (unsigned i = 0; i < SHA1_BYTES; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}
