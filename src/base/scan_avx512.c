/* SPDX-License-Identifier: MIT */
/*
 * 64 bytes as one AVX-512 register, where there is VBMI2 (2019 and later, which do not slow
 * down for it): comparisons give their bits at once, and one instruction lists those set.
 */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_TARGET \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,bmi,pclmul,popcnt")))
#define SCAN_FN    static inline __attribute__((always_inline)) SCAN_TARGET
#define SCAN_ENTRY SCAN_TARGET
#define SCAN_NAME  scan_feed_avx512

#include "base/scan_inside.h"
#include "base/scan_utf8.h"

struct block {
    __m512i v;
};

SCAN_FN struct block block_load(const uint8_t *p)
{
    return (struct block){_mm512_loadu_si512(p)};
}

SCAN_FN void block_store(uint8_t *p, struct block v)
{
    _mm512_storeu_si512(p, v.v);
}

SCAN_FN struct block block_load_part(const uint8_t *p, unsigned n)
{
    return (struct block){_mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - n), p)};
}

SCAN_FN struct block block_store_part(uint8_t *p, struct block v, unsigned n)
{
    uint64_t there = ~UINT64_C(0) >> (64 - n);
    _mm512_mask_storeu_epi8(p, there, v.v);
    return (struct block){_mm512_maskz_mov_epi8(there, v.v)};
}

SCAN_FN struct block block_repeat(const uint8_t mask[4])
{
    int m;
    memcpy(&m, mask, sizeof m);
    return (struct block){_mm512_set1_epi32(m)};
}

SCAN_FN struct block block_xor(struct block v, struct block m)
{
    return (struct block){_mm512_xor_si512(v.v, m.v)};
}

SCAN_FN bool block_is_ascii(struct block v)
{
    return _mm512_movepi8_mask(v.v) == 0;
}

/* A table for the low nibble of a byte, in each lane. */
#define TABLE(...) _mm512_broadcast_i32x4(_mm_setr_epi8(__VA_ARGS__))

SCAN_FN uint64_t equal(__m512i v, char c)
{
    return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(c));
}

/* Quote, backslash, below 0x20; above 0x7F as well, as signed bytes are below 0x20 too. */
SCAN_FN uint64_t not_plain(__m512i v)
{
    const __m512i quotes = TABLE(0, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0, 0, 0);
    return _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(quotes, v), v)
           | _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(0x20));
}

SCAN_FN bool blocks_are_plain(struct block v, struct block w)
{
    return (not_plain(v.v) | not_plain(w.v)) == 0;
}

SCAN_FN struct bits block_classify(struct block b)
{
    const __m512i spaces = TABLE(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0);
    const __m512i ops = TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
    __m512i folded = _mm512_or_si512(b.v, _mm512_set1_epi8(0x20)); /* [ ] to { }, see avx2 */

    return (struct bits){
        .quote = equal(b.v, '"'),
        .backslash = equal(b.v, '\\'),
        .op = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(ops, b.v), folded),
        .space = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(spaces, b.v), b.v),
        .control = _mm512_cmplt_epu8_mask(b.v, _mm512_set1_epi8(0x20)),
    };
}

SCAN_FN uint64_t prefix_xor(uint64_t bits)
{
    __m128i ones = _mm_set1_epi8((char)0xFF);
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), ones, 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

static const uint8_t ascending[64] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
};

SCAN_FN void note_16(uint32_t *to, __m128i places, __m512i pos)
{
    _mm512_storeu_si512(to, _mm512_add_epi32(pos, _mm512_cvtepu8_epi32(places)));
}

/* Sixteen at a time; what is written too much is written over. */
SCAN_FN void note(sl_json_index *x, uint32_t pos, uint64_t bits)
{
    uint32_t *to = x->at + x->n;
    unsigned count = (unsigned)_mm_popcnt_u64(bits);
    __m512i from = _mm512_set1_epi32((int)pos);
    __m512i places = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(ascending));

    note_16(to, _mm512_castsi512_si128(places), from);
    note_16(to + 16, _mm512_extracti32x4_epi32(places, 1), from);
    if (__builtin_expect(count > 32, 0)) {
        note_16(to + 32, _mm512_extracti32x4_epi32(places, 2), from);
        note_16(to + 48, _mm512_extracti32x4_epi32(places, 3), from);
    }
    x->n += count;
}

struct utf8 {
    __m512i before; /* the 64 bytes in front: only the last three count */
    bool clean;     /* those are ASCII */
};

SCAN_FN struct utf8 utf8_load(const uint8_t last[3])
{
    int tail =
        (int)((uint32_t)last[0] << 8 | (uint32_t)last[1] << 16 | (uint32_t)last[2] << 24);
    return (struct utf8){_mm512_maskz_set1_epi32(0x8000, tail),
                         ((last[0] | last[1] | last[2]) & 0x80) == 0};
}

SCAN_FN bool utf8_is_clean(const struct utf8 *u)
{
    return u->clean;
}

SCAN_FN __m512i lookup(__m512i table, __m512i v)
{
    return _mm512_shuffle_epi8(table, _mm512_and_si512(v, _mm512_set1_epi8(0x0F)));
}

/* As in scan_avx2.c, which explains it. */
SCAN_FN bool utf8_block(struct utf8 *u, struct block b, unsigned first, unsigned end)
{
    const __m512i high_1 = TABLE(UTF8_HIGH_1), low_1 = TABLE(UTF8_LOW_1);
    const __m512i high_2 = TABLE(UTF8_HIGH_2);
    __m512i across = _mm512_alignr_epi32(b.v, u->before, 12);
    __m512i prev1 = _mm512_alignr_epi8(b.v, across, 15);
    __m512i prev2 = _mm512_alignr_epi8(b.v, across, 14);
    __m512i prev3 = _mm512_alignr_epi8(b.v, across, 13);
    __m512i wrong = _mm512_and_si512(
        _mm512_and_si512(lookup(high_1, _mm512_srli_epi16(prev1, 4)), lookup(low_1, prev1)),
        lookup(high_2, _mm512_srli_epi16(b.v, 4)));
    __m512i third = _mm512_subs_epu8(prev2, _mm512_set1_epi8((char)(0xE0 - 0x80)));
    __m512i fourth = _mm512_subs_epu8(prev3, _mm512_set1_epi8((char)(0xF0 - 0x80)));
    __m512i must =
        _mm512_and_si512(_mm512_or_si512(third, fourth), _mm512_set1_epi8((char)0x80));
    uint64_t fresh = ~UINT64_C(0) >> (64 - end) & ~UINT64_C(0) << first;

    u->before = b.v;
    u->clean = block_is_ascii(b);
    return (_mm512_test_epi8_mask(_mm512_xor_si512(must, wrong), _mm512_set1_epi8((char)0xFF))
            & fresh)
           == 0;
}

#include "base/scan_body.h"

#endif
