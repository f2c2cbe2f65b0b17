/* SPDX-License-Identifier: MIT */
/*
 * The vector scan, written once: included by scan_avx512.c, scan_avx2.c, scan_sse2.c and
 * scan_neon.c, each of which first defines what it can do with a block of 64 bytes:
 *
 *   SCAN_FN                 how its functions are declared (inline, with the instruction set)
 *   struct block            64 bytes in registers
 *   block_load, _store, _xor
 *   block_load_part         n bytes, zero behind them
 *   block_store_part        the first n bytes; returns them, zero behind them
 *   block_repeat            a mask of four bytes all over
 *   block_is_ascii          no byte has its high bit set
 *   blocks_are_plain        both; besides no quote, no backslash, no control byte
 *   block_classify          one bit per byte in each of struct bits
 *   struct utf8, utf8_load, utf8_is_clean, utf8_block
 *   prefix_xor              each bit the xor of itself and all lower ones
 *   note                    append the positions of the set bits
 *
 * A step:  load -> xor mask -> store -> UTF-8 unless all ASCII -> classify -> bits -> positions
 *
 * Inside a long string that is plain (a picture as base64) a step ends after one test.
 */
#ifndef BASE_SCAN_BODY_H
#define BASE_SCAN_BODY_H

#include "base/scan_inside.h"

/* What crosses from block to block; kept in registers during a feed. */
struct state {
    uint64_t in_string; /* all ones or zero */
    uint64_t escaped;   /* 1: the first byte of the next block is escaped */
    uint64_t scalar;    /* 1: the last byte belonged to a scalar */
    uint64_t bad;
};

/*
 * Which bytes are escaped by a backslash before them. Only backslashes at an odd distance in
 * a run count; runs are told apart by the parity of their first bit: adding the runs that
 * start on odd bits to all backslashes carries to the bit behind each of them.
 */
SCAN_FN uint64_t find_escaped(struct state *st, uint64_t backslash)
{
    const uint64_t even = UINT64_C(0x5555555555555555);

    if (backslash == 0) {
        uint64_t escaped = st->escaped;
        st->escaped = 0;
        return escaped;
    }
    backslash &= ~st->escaped;
    uint64_t follows = backslash << 1 | st->escaped;
    uint64_t odd_starts = backslash & ~even & ~follows;
    uint64_t on_even;
    st->escaped = __builtin_add_overflow(odd_starts, backslash, &on_even);
    return (even ^ (on_even << 1)) & follows;
}

/* `n` bytes of the block count, the others are spaces. */
SCAN_FN void json_block(struct state *st, sl_json_index *x, const struct bits *b, uint32_t pos,
                        unsigned n)
{
    uint64_t escaped = find_escaped(st, b->backslash);
    uint64_t quote = b->quote & ~escaped;
    uint64_t in_string = prefix_xor(quote) ^ st->in_string; /* with the opening quote */
    uint64_t op = b->op & ~in_string;
    uint64_t scalar = ~(b->op | b->space | quote | in_string);
    uint64_t starts = scalar & ~(scalar << 1 | st->scalar);
    uint64_t escape = b->backslash & ~escaped;

    st->bad |= (b->control & (in_string | ~b->space)) | (b->backslash & ~in_string);
    st->in_string = 0 - (in_string >> 63);
    st->scalar = scalar >> (n - 1) & 1;
    if (n < 64) st->escaped = escaped >> n & 1;

    if (x->n + 64 > x->cap && !index_grow(x)) return;
    note(x, pos, op | quote | starts | escape);
}

/* Copy, unmask and look at the plain inside of a string. returns bytes done, by 128. */
SCAN_FN size_t skip_plain(uint8_t *dst, const uint8_t *src, size_t n, struct block mask,
                          bool store)
{
    size_t i = 0;

    for (; n - i >= 128; i += 128) {
        struct block a = block_load(src + i), b = block_load(src + i + 64);
        if (store) {
            a = block_xor(a, mask);
            b = block_xor(b, mask);
        }
        if (!blocks_are_plain(a, b)) break; /* not stored yet: it may lie in place */
        if (store) {
            block_store(dst + i, a);
            block_store(dst + i + 64, b);
        }
    }
    return i;
}

/*
 * One block. The bytes from `first` to `end` are new, the others were looked at before or are
 * not there; `pos` is where the first new one stands. false: not UTF-8
 */
SCAN_FN bool step(struct state *st, struct utf8 *u, sl_json_index *x, struct block v,
                  uint32_t pos, unsigned first, unsigned end, bool utf8, bool json)
{
    unsigned n = end - first;
    uint64_t fresh = ~UINT64_C(0) >> (64 - n);

    if (utf8 && !(block_is_ascii(v) && utf8_is_clean(u)) && !utf8_block(u, v, first, end))
        return false;
    if (json) {
        struct bits b = block_classify(v);
        b.quote = b.quote >> first & fresh;
        b.backslash = b.backslash >> first & fresh;
        b.op = b.op >> first & fresh;
        b.space = b.space >> first | ~fresh;
        b.control = b.control >> first & fresh;
        json_block(st, x, &b, pos, n);
    }
    return true;
}

/*
 * `store`, `utf8` and `json` are constants where this is called: five loops from one text.
 *
 * The bytes behind the last whole block are looked at as the end of a block that overlaps it.
 * That one is loaded before anything is stored, since `dst` may be `src`.
 */
SCAN_FN int feed(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n, bool store,
                 bool utf8, bool json)
{
    struct state st = {0 - (uint64_t)s->in_string, s->escaped, s->scalar, 0};
    struct utf8 u = utf8_load(s->last);
    struct block mask = block_repeat(s->mask);
    uint32_t pos = (uint32_t)s->pos;
    unsigned rest = (unsigned)(n % 64);
    bool overlap =
        n >= 64 && rest > 0 && rest <= 61; /* 61: the three bytes in front are in it */
    struct block tail = mask;
    size_t i = 0;

    scan_turn_mask(s, n);
    if (overlap) {
        tail = block_load(src + n - 64);
        if (store)
            tail = block_xor(tail, block_repeat(s->mask)); /* turned by n, as is its start */
    }
    while (n - i >= 64) {
        if (json && st.in_string && n - i >= 128 && !st.escaped && utf8_is_clean(&u)) {
            size_t plain = skip_plain(store ? dst + i : NULL, src + i, n - i, mask, store);
            i += plain;
            if (n - i < 64) break;
        }
        struct block v = block_load(src + i);
        if (store) {
            v = block_xor(v, mask);
            block_store(dst + i, v);
        }
        if (!step(&st, &u, s->index, v, pos + (uint32_t)i, 0, 64, utf8, json)) return SL_E_UTF8;
        i += 64;
    }
    pos += (uint32_t)i;
    if (overlap) {
        if (store) block_store(dst + n - 64, tail);
        if (!step(&st, &u, s->index, tail, pos, 64 - rest, 64, utf8, json)) return SL_E_UTF8;
    } else if (rest > 0) {
        tail = block_load_part(src + i, rest);
        if (store) tail = block_store_part(dst + i, block_xor(tail, mask), rest);
        if (!step(&st, &u, s->index, tail, pos, 0, rest, utf8, json)) return SL_E_UTF8;
    }
    s->in_string = st.in_string != 0;
    s->escaped = st.escaped != 0;
    s->scalar = st.scalar != 0;
    if (json && st.bad) s->index->bad = true;
    return scan_advance(s, store ? dst : src, n, utf8);
}

SCAN_ENTRY int SCAN_NAME(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n)
{
    bool store = scan_must_store(s, dst, src);

    if (scan_wants_json(s, n)) {
        if (store) return feed(s, dst, src, n, true, true, true);
        return feed(s, NULL, src, n, false, true, true);
    }
    if (s->flags) {
        if (store) return feed(s, dst, src, n, true, true, false);
        return feed(s, NULL, src, n, false, true, false);
    }
    if (store) return feed(s, dst, src, n, true, false, false);
    scan_turn_mask(s, n);
    return scan_advance(s, src, n, false);
}

#endif
