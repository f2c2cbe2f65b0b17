/* SPDX-License-Identifier: MIT */
/* The scalar twin: a byte at a time, and the rule that the vector code must equal. */
#include "base/scan_inside.h"

enum class { SCALAR, OP, SPACE, QUOTE, BACKSLASH, CONTROL };

static const uint8_t class_of[256] = {
    [0x00 ... 0x08] = CONTROL,
    ['\t'] = SPACE,
    ['\n'] = SPACE,
    [0x0B ... 0x0C] = CONTROL,
    ['\r'] = SPACE,
    [0x0E ... 0x1F] = CONTROL,
    [' '] = SPACE,
    ['{'] = OP,
    ['}'] = OP,
    ['['] = OP,
    [']'] = OP,
    [':'] = OP,
    [','] = OP,
    ['"'] = QUOTE,
    ['\\'] = BACKSLASH,
};

struct utf8_state utf8_after(const uint8_t last[3])
{
    struct utf8_state u = {0};
    /* An unfinished character begins with the last byte, or the one before, or ... */
    unsigned from = last[2] >= 0xC0 ? 2 : last[1] >= 0xE0 ? 1 : last[0] >= 0xF0 ? 0 : 3;

    for (unsigned i = from; i < 3; i++)
        if (!utf8_step(&u, last[i])) return (struct utf8_state){0};
    return u;
}

static void note(sl_json_index *x, uint64_t pos)
{
    if (x->n == x->cap && !index_grow(x)) return;
    x->at[x->n++] = (uint32_t)pos;
}

static void in_string(struct scan *s, uint64_t pos, uint8_t c)
{
    bool escaped = s->escaped;

    s->escaped = false;
    if (c < 0x20) s->index->bad = true;
    if (escaped) return;
    if (c == '\\') {
        s->escaped = true;
        note(s->index, pos);
    } else if (c == '"') {
        s->in_string = false;
        note(s->index, pos);
    }
}

static void json_step(struct scan *s, uint64_t pos, uint8_t c)
{
    bool after_scalar = s->scalar;

    s->scalar = false;
    if (s->in_string) {
        in_string(s, pos, c);
        return;
    }
    switch ((enum class)class_of[c]) {
    case SPACE: break;
    case CONTROL:
    case BACKSLASH: s->index->bad = true; break;
    case QUOTE:
        s->in_string = true;
        note(s->index, pos);
        break;
    case OP: note(s->index, pos); break;
    case SCALAR:
        s->scalar = true;
        if (!after_scalar) note(s->index, pos);
    }
}

int scan_feed_scalar(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n)
{
    bool store = scan_must_store(s, dst, src);
    bool json = scan_wants_json(s, n);
    struct utf8_state u = utf8_after(s->last);

    for (size_t i = 0; i < n; i++) {
        uint8_t c = src[i];
        if (store) dst[i] = c ^= s->mask[i & 3];
        if (s->flags && !utf8_step(&u, c)) return SL_E_UTF8;
        if (json && !s->index->overflow) json_step(s, s->pos + i, c);
    }
    scan_turn_mask(s, n);
    return scan_advance(s, store ? dst : src, n, s->flags != 0);
}
