/* SPDX-License-Identifier: MIT */
/* 64 bytes as four SSE2 registers: every x86-64 has them. Text beyond ASCII goes bytewise. */
#if defined(__x86_64__)

#include <emmintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_FN static inline __attribute__((always_inline))
#define SCAN_ENTRY
#define SCAN_NAME scan_feed_sse2

#include "base/scan_inside.h"

struct block {
    __m128i v[4];
};

SCAN_FN struct block block_load(const uint8_t *p)
{
    struct block r;
    for (int i = 0; i < 4; i++)
        r.v[i] = _mm_loadu_si128((const __m128i *)p + i);
    return r;
}

SCAN_FN void block_store(uint8_t *p, struct block v)
{
    for (int i = 0; i < 4; i++)
        _mm_storeu_si128((__m128i *)p + i, v.v[i]);
}

SCAN_FN struct block block_repeat(const uint8_t mask[4])
{
    int m;
    memcpy(&m, mask, sizeof m);
    __m128i x = _mm_set1_epi32(m);
    return (struct block){
        {x, x, x, x}
    };
}

SCAN_FN struct block block_xor(struct block v, struct block m)
{
    for (int i = 0; i < 4; i++)
        v.v[i] = _mm_xor_si128(v.v[i], m.v[i]);
    return v;
}

SCAN_FN struct block block_load_part(const uint8_t *p, unsigned n)
{
    uint8_t part[64] = {0};

    memcpy(part, p, n);
    return block_load(part);
}

SCAN_FN struct block block_store_part(uint8_t *p, struct block v, unsigned n)
{
    uint8_t part[64];

    block_store(part, v);
    memcpy(p, part, n);
    return block_load_part(part, n);
}

SCAN_FN __m128i any(const __m128i v[4])
{
    return _mm_or_si128(_mm_or_si128(v[0], v[1]), _mm_or_si128(v[2], v[3]));
}

SCAN_FN bool block_is_ascii(struct block v)
{
    return _mm_movemask_epi8(any(v.v)) == 0;
}

SCAN_FN uint64_t join(const __m128i v[4])
{
    uint64_t r = 0;
    for (int i = 0; i < 4; i++)
        r |= (uint64_t)(uint32_t)_mm_movemask_epi8(v[i]) << (16 * i);
    return r;
}

SCAN_FN __m128i equal(__m128i v, char c)
{
    return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

/* Quote, backslash, below 0x20; above 0x7F as well, as signed bytes are below 0x20 too. */
SCAN_FN __m128i not_plain(struct block v)
{
    for (int i = 0; i < 4; i++)
        v.v[i] = _mm_or_si128(_mm_or_si128(equal(v.v[i], '"'), equal(v.v[i], '\\')),
                              _mm_cmplt_epi8(v.v[i], _mm_set1_epi8(0x20)));
    return any(v.v);
}

SCAN_FN bool blocks_are_plain(struct block v, struct block w)
{
    return _mm_movemask_epi8(_mm_or_si128(not_plain(v), not_plain(w))) == 0;
}

SCAN_FN struct bits block_classify(struct block b)
{
    __m128i quote[4], backslash[4], op[4], space[4], control[4];

    for (int i = 0; i < 4; i++) {
        __m128i v = b.v[i], folded = _mm_or_si128(v, _mm_set1_epi8(0x20)); /* [ ] to { } */
        quote[i] = equal(v, '"');
        backslash[i] = equal(v, '\\');
        op[i] = _mm_or_si128(_mm_or_si128(equal(folded, '{'), equal(folded, '}')),
                             _mm_or_si128(equal(v, ':'), equal(v, ',')));
        space[i] = _mm_or_si128(_mm_or_si128(equal(v, ' '), equal(v, '\t')),
                                _mm_or_si128(equal(v, '\n'), equal(v, '\r')));
        control[i] = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
    }
    return (struct bits){join(quote), join(backslash), join(op), join(space), join(control)};
}

SCAN_FN uint64_t prefix_xor(uint64_t bits)
{
    for (unsigned by = 1; by < 64; by *= 2)
        bits ^= bits << by;
    return bits;
}

SCAN_FN void note(sl_json_index *x, uint32_t pos, uint64_t bits)
{
    uint32_t *to = x->at + x->n;

    for (; bits; bits &= bits - 1)
        *to++ = pos + (uint32_t)__builtin_ctzll(bits);
    x->n = (uint32_t)(to - x->at);
}

struct utf8 {
    struct utf8_state state;
};

SCAN_FN struct utf8 utf8_load(const uint8_t last[3])
{
    return (struct utf8){utf8_after(last)};
}

SCAN_FN bool utf8_is_clean(const struct utf8 *u)
{
    return u->state.need == 0;
}

SCAN_FN bool utf8_block(struct utf8 *u, struct block v, unsigned first, unsigned end)
{
    uint8_t bytes[64];
    struct utf8_state state = u->state;
    bool ok = true;

    block_store(bytes, v);
    for (unsigned i = first; ok && i < end; i++)
        ok = utf8_step(&state, bytes[i]);
    u->state = state;
    return ok;
}

#include "base/scan_body.h"

#endif
