/* SPDX-License-Identifier: MIT */
/* 64 bytes as two AVX2 registers. Chosen at run time: only this file's functions use it. */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_TARGET __attribute__((target("avx2,bmi,pclmul,popcnt")))
#define SCAN_FN     static inline __attribute__((always_inline)) SCAN_TARGET
#define SCAN_ENTRY  SCAN_TARGET
#define SCAN_NAME   scan_feed_avx2

#include "base/scan_inside.h"
#include "base/scan_utf8.h"

struct block {
    __m256i a, b;
};

SCAN_FN struct block block_load(const uint8_t *p)
{
    return (struct block){_mm256_loadu_si256((const __m256i *)p),
                          _mm256_loadu_si256((const __m256i *)(p + 32))};
}

SCAN_FN void block_store(uint8_t *p, struct block v)
{
    _mm256_storeu_si256((__m256i *)p, v.a);
    _mm256_storeu_si256((__m256i *)(p + 32), v.b);
}

SCAN_FN struct block block_repeat(const uint8_t mask[4])
{
    int m;
    memcpy(&m, mask, sizeof m);
    return (struct block){_mm256_set1_epi32(m), _mm256_set1_epi32(m)};
}

SCAN_FN struct block block_xor(struct block v, struct block m)
{
    return (struct block){_mm256_xor_si256(v.a, m.a), _mm256_xor_si256(v.b, m.b)};
}

SCAN_FN struct block block_load_part(const uint8_t *p, unsigned n)
{
    uint8_t part[64] = {0};

    memcpy(part, p, n);
    return block_load(part);
}

SCAN_FN struct block block_store_part(uint8_t *p, struct block v, unsigned n)
{
    const __m256i up =
        _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
                         20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    __m256i end = _mm256_set1_epi8((char)n);
    __m256i far = _mm256_add_epi8(up, _mm256_set1_epi8(32));
    uint8_t part[64];

    block_store(part, v);
    memcpy(p, part, n);
    return (struct block){_mm256_and_si256(v.a, _mm256_cmpgt_epi8(end, up)),
                          _mm256_and_si256(v.b, _mm256_cmpgt_epi8(end, far))};
}

SCAN_FN bool block_is_ascii(struct block v)
{
    return _mm256_movemask_epi8(_mm256_or_si256(v.a, v.b)) == 0;
}

SCAN_FN uint64_t join(__m256i a, __m256i b)
{
    return (uint32_t)_mm256_movemask_epi8(a)
           | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

/* Bytes that are in the table at the place of their low nibble. */
SCAN_FN __m256i lookup(__m256i table, __m256i v)
{
    return _mm256_shuffle_epi8(table, v);
}

#define TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

/* Quote, backslash, below 0x20; above 0x7F as well, as signed bytes are below 0x20 too. */
SCAN_FN __m256i not_plain(__m256i v)
{
    const __m256i quotes = TABLE(0, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0, 0, 0);
    return _mm256_or_si256(_mm256_cmpeq_epi8(lookup(quotes, v), v),
                           _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v));
}

SCAN_FN bool blocks_are_plain(struct block v, struct block w)
{
    __m256i x = _mm256_or_si256(not_plain(v.a), not_plain(v.b));
    __m256i y = _mm256_or_si256(not_plain(w.a), not_plain(w.b));
    return _mm256_movemask_epi8(_mm256_or_si256(x, y)) == 0;
}

SCAN_FN uint64_t equal(struct block v, char c)
{
    __m256i x = _mm256_set1_epi8(c);
    return join(_mm256_cmpeq_epi8(v.a, x), _mm256_cmpeq_epi8(v.b, x));
}

SCAN_FN struct bits block_classify(struct block v)
{
    const __m256i spaces = TABLE(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0);
    const __m256i ops = TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
    const __m256i bit = _mm256_set1_epi8(0x20), last = _mm256_set1_epi8(0x1F);

    /* With bit 0x20 set [ and ] become { and }. So do two control bytes become , and :, but
     * those make the text bad whatever they are taken for. */
    return (struct bits){
        .quote = equal(v, '"'),
        .backslash = equal(v, '\\'),
        .op = join(_mm256_cmpeq_epi8(lookup(ops, v.a), _mm256_or_si256(v.a, bit)),
                   _mm256_cmpeq_epi8(lookup(ops, v.b), _mm256_or_si256(v.b, bit))),
        .space = join(_mm256_cmpeq_epi8(lookup(spaces, v.a), v.a),
                      _mm256_cmpeq_epi8(lookup(spaces, v.b), v.b)),
        .control = join(_mm256_cmpeq_epi8(_mm256_min_epu8(v.a, last), v.a),
                        _mm256_cmpeq_epi8(_mm256_min_epu8(v.b, last), v.b)),
    };
}

SCAN_FN uint64_t prefix_xor(uint64_t bits)
{
    __m128i ones = _mm_set1_epi8((char)0xFF);
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), ones, 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

/* For each byte of the bits, the places of those that are set, lowest first. */
#define PLACES(low, n, high) ((uint64_t)(low) | (uint64_t)(high) << 8 * (n))
#define PLACES_16(high)                                                                    \
    PLACES(0, 0, high), PLACES(0, 1, high), PLACES(0x1, 1, high), PLACES(0x0100, 2, high), \
        PLACES(0x2, 1, high), PLACES(0x0200, 2, high), PLACES(0x0201, 2, high),            \
        PLACES(0x020100, 3, high), PLACES(0x3, 1, high), PLACES(0x0300, 2, high),          \
        PLACES(0x0301, 2, high), PLACES(0x030100, 3, high), PLACES(0x0302, 2, high),       \
        PLACES(0x030200, 3, high), PLACES(0x030201, 3, high), PLACES(0x03020100, 4, high)
static const uint64_t places[256] = {
    PLACES_16(0),      PLACES_16(0x4),      PLACES_16(0x5),      PLACES_16(0x0504),
    PLACES_16(0x6),    PLACES_16(0x0604),   PLACES_16(0x0605),   PLACES_16(0x060504),
    PLACES_16(0x7),    PLACES_16(0x0704),   PLACES_16(0x0705),   PLACES_16(0x070504),
    PLACES_16(0x0706), PLACES_16(0x070604), PLACES_16(0x070605), PLACES_16(0x07060504),
};

/* Eight bits at a time and without a branch: what is written too much is written over. */
SCAN_FN void note(sl_json_index *x, uint32_t pos, uint64_t bits)
{
    uint32_t *to = x->at + x->n;

    if (bits == 0) return;
    x->n += (uint32_t)_mm_popcnt_u64(bits);
    for (unsigned i = 0; i < 64; i += 8) {
        unsigned byte = bits >> i & 0xFF;
        __m256i at = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&places[byte]));
        at = _mm256_add_epi32(at, _mm256_set1_epi32((int)(pos + i)));
        _mm256_storeu_si256((__m256i *)to, at);
        to += _mm_popcnt_u32(byte);
    }
}

struct utf8 {
    __m256i before; /* the 32 bytes in front: only the last three count */
    bool clean;     /* those are ASCII */
};

SCAN_FN struct utf8 utf8_load(const uint8_t last[3])
{
    int tail =
        (int)((uint32_t)last[0] << 8 | (uint32_t)last[1] << 16 | (uint32_t)last[2] << 24);
    return (struct utf8){_mm256_set_epi32(tail, 0, 0, 0, 0, 0, 0, 0),
                         ((last[0] | last[1] | last[2]) & 0x80) == 0};
}

SCAN_FN bool utf8_is_clean(const struct utf8 *u)
{
    return u->clean;
}

SCAN_FN __m256i utf8_errors(__m256i before, __m256i v)
{
    const __m256i high_1 = TABLE(UTF8_HIGH_1), low_1 = TABLE(UTF8_LOW_1);
    const __m256i high_2 = TABLE(UTF8_HIGH_2);
    const __m256i nibble = _mm256_set1_epi8(0x0F);

    __m256i across = _mm256_permute2x128_si256(before, v, 0x21);
    __m256i prev1 = _mm256_alignr_epi8(v, across, 15);
    __m256i prev2 = _mm256_alignr_epi8(v, across, 14);
    __m256i prev3 = _mm256_alignr_epi8(v, across, 13);
    __m256i wrong = _mm256_and_si256(
        _mm256_and_si256(lookup(high_1, _mm256_and_si256(_mm256_srli_epi16(prev1, 4), nibble)),
                         lookup(low_1, _mm256_and_si256(prev1, nibble))),
        lookup(high_2, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble)));
    /* Two continuations in a row are right where a long lead byte stands two or three back. */
    __m256i third = _mm256_subs_epu8(prev2, _mm256_set1_epi8((char)(0xE0 - 0x80)));
    __m256i fourth = _mm256_subs_epu8(prev3, _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i must =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(must, wrong);
}

SCAN_FN bool utf8_block(struct utf8 *u, struct block v, unsigned first, unsigned end)
{
    const __m256i zero = _mm256_setzero_si256();
    uint64_t right = join(_mm256_cmpeq_epi8(utf8_errors(u->before, v.a), zero),
                          _mm256_cmpeq_epi8(utf8_errors(v.a, v.b), zero));
    uint64_t fresh = ~UINT64_C(0) >> (64 - end) & ~UINT64_C(0) << first;

    u->before = v.b;
    u->clean = block_is_ascii(v);
    return (~right & fresh) == 0;
}

#include "base/scan_body.h"

#endif
