/* SPDX-License-Identifier: MIT */
/* 64 bytes as four NEON registers: every AArch64 has them. */
#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_FN static inline __attribute__((always_inline))
#define SCAN_ENTRY
#define SCAN_NAME scan_feed_neon

#include "base/scan_inside.h"
#include "base/scan_utf8.h"

struct block {
    uint8x16_t v[4];
};

SCAN_FN struct block block_load(const uint8_t *p)
{
    return (struct block){
        {vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}
    };
}

SCAN_FN void block_store(uint8_t *p, struct block b)
{
    for (int i = 0; i < 4; i++)
        vst1q_u8(p + 16 * i, b.v[i]);
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

SCAN_FN struct block block_repeat(const uint8_t mask[4])
{
    uint32_t m;
    memcpy(&m, mask, sizeof m);
    uint8x16_t x = vreinterpretq_u8_u32(vdupq_n_u32(m));
    return (struct block){
        {x, x, x, x}
    };
}

SCAN_FN struct block block_xor(struct block b, struct block m)
{
    for (int i = 0; i < 4; i++)
        b.v[i] = veorq_u8(b.v[i], m.v[i]);
    return b;
}

SCAN_FN uint8x16_t any(const uint8x16_t v[4])
{
    return vorrq_u8(vorrq_u8(v[0], v[1]), vorrq_u8(v[2], v[3]));
}

SCAN_FN bool block_is_ascii(struct block b)
{
    return vmaxvq_u8(any(b.v)) < 0x80;
}

/* One bit per byte of 64 comparisons: each keeps the bit of its place, pairs are added up. */
SCAN_FN uint64_t join(const uint8x16_t v[4])
{
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                       1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t place = vld1q_u8(places);
    uint8x16_t low = vpaddq_u8(vandq_u8(v[0], place), vandq_u8(v[1], place));
    uint8x16_t high = vpaddq_u8(vandq_u8(v[2], place), vandq_u8(v[3], place));
    uint8x16_t sum = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

SCAN_FN uint8x16_t equal(uint8x16_t v, char c)
{
    return vceqq_u8(v, vdupq_n_u8((uint8_t)c));
}

/* Quote, backslash, below 0x20; above 0x7F as well, as signed bytes are below 0x20 too. */
SCAN_FN uint8x16_t not_plain(struct block b)
{
    for (int i = 0; i < 4; i++)
        b.v[i] = vorrq_u8(vorrq_u8(equal(b.v[i], '"'), equal(b.v[i], '\\')),
                          vcltq_s8(vreinterpretq_s8_u8(b.v[i]), vdupq_n_s8(0x20)));
    return any(b.v);
}

SCAN_FN bool blocks_are_plain(struct block v, struct block w)
{
    return vmaxvq_u8(vorrq_u8(not_plain(v), not_plain(w))) == 0;
}

SCAN_FN struct bits block_classify(struct block b)
{
    uint8x16_t quote[4], backslash[4], op[4], space[4], control[4];

    for (int i = 0; i < 4; i++) {
        uint8x16_t v = b.v[i], folded = vorrq_u8(v, vdupq_n_u8(0x20)); /* [ ] to { } */
        quote[i] = equal(v, '"');
        backslash[i] = equal(v, '\\');
        op[i] = vorrq_u8(vorrq_u8(equal(folded, '{'), equal(folded, '}')),
                         vorrq_u8(equal(v, ':'), equal(v, ',')));
        space[i] = vorrq_u8(vorrq_u8(equal(v, ' '), equal(v, '\t')),
                            vorrq_u8(equal(v, '\n'), equal(v, '\r')));
        control[i] = vcltq_u8(v, vdupq_n_u8(0x20));
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
    uint8x16_t before; /* the 16 bytes in front: only the last three count */
    bool clean;        /* those are ASCII */
};

SCAN_FN struct utf8 utf8_load(const uint8_t last[3])
{
    uint8x16_t before = vdupq_n_u8(0);

    before = vsetq_lane_u8(last[0], before, 13);
    before = vsetq_lane_u8(last[1], before, 14);
    before = vsetq_lane_u8(last[2], before, 15);
    return (struct utf8){before, ((last[0] | last[1] | last[2]) & 0x80) == 0};
}

SCAN_FN bool utf8_is_clean(const struct utf8 *u)
{
    return u->clean;
}

/* As in scan_utf8.h; the high bit of what is returned, or any other, marks an error. */
SCAN_FN uint8x16_t utf8_errors(uint8x16_t before, uint8x16_t v)
{
    static const uint8_t high_1[16] = {UTF8_HIGH_1}, low_1[16] = {UTF8_LOW_1};
    static const uint8_t high_2[16] = {UTF8_HIGH_2};
    uint8x16_t prev1 = vextq_u8(before, v, 15);
    uint8x16_t prev2 = vextq_u8(before, v, 14);
    uint8x16_t prev3 = vextq_u8(before, v, 13);
    uint8x16_t wrong = vqtbl1q_u8(vld1q_u8(high_1), vshrq_n_u8(prev1, 4));

    wrong = vandq_u8(wrong, vqtbl1q_u8(vld1q_u8(low_1), vandq_u8(prev1, vdupq_n_u8(0x0F))));
    wrong = vandq_u8(wrong, vqtbl1q_u8(vld1q_u8(high_2), vshrq_n_u8(v, 4)));
    uint8x16_t must =
        vorrq_u8(vcgeq_u8(prev2, vdupq_n_u8(0xE0)), vcgeq_u8(prev3, vdupq_n_u8(0xF0)));
    return veorq_u8(vandq_u8(must, vdupq_n_u8(0x80)), wrong);
}

SCAN_FN bool utf8_block(struct utf8 *u, struct block b, unsigned first, unsigned end)
{
    uint64_t fresh = ~UINT64_C(0) >> (64 - end) & ~UINT64_C(0) << first;
    uint8x16_t bad[4];

    for (int i = 0; i < 4; i++) {
        uint8x16_t errors = utf8_errors(i ? b.v[i - 1] : u->before, b.v[i]);
        bad[i] = vtstq_u8(errors, errors);
    }
    u->before = b.v[3];
    u->clean = block_is_ascii(b);
    return (join(bad) & fresh) == 0;
}

#include "base/scan_body.h"

#endif
