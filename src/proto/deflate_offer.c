/* SPDX-License-Identifier: MIT */
/*
 * Sec-WebSocket-Extensions, RFC 6455 §9.1:
 *
 *   permessage-deflate; client_max_window_bits; server_max_window_bits="10", other
 *   '---- name -----'  '-------------- parameters ---------------------'
 *   '------------------------------ an offer ---------------------------'
 */
#include "proto/chars.h"
#include "proto/deflate.h"

#include <stdio.h>

#define VALUE_MAX 16 /* a longer value is out of every range here */

struct parameter {
    sl_str name;
    char value[VALUE_MAX]; /* unquoted */
    size_t len;            /* VALUE_MAX and more: it did not fit */
    bool has_value;
};

static void skip_space(sl_str *s)
{
    while (s->len > 0 && (s->ptr[0] == ' ' || s->ptr[0] == '\t'))
        s->ptr++, s->len--;
}

static bool take_byte(sl_str *s, char c)
{
    skip_space(s);
    if (s->len == 0 || s->ptr[0] != c) return false;
    s->ptr++, s->len--;
    return true;
}

static bool take_token(sl_str *s, sl_str *out)
{
    skip_space(s);
    size_t n = chars_span(*s, CH_TOKEN);

    *out = (sl_str){s->ptr, n};
    s->ptr += n, s->len -= n;
    return n > 0;
}

static void put_value(struct parameter *p, char c)
{
    if (p->len < VALUE_MAX) p->value[p->len] = c;
    p->len++;
}

/* What is in quotes must be a token once its backslashes are gone. */
static bool take_quoted(sl_str *s, struct parameter *p)
{
    while (s->len > 0 && s->ptr[0] != '"') {
        if (s->ptr[0] == '\\') s->ptr++, s->len--;
        if (s->len == 0 || !chars_is(s->ptr[0], CH_TOKEN)) return false;
        put_value(p, s->ptr[0]);
        s->ptr++, s->len--;
    }
    return p->len > 0 && take_byte(s, '"');
}

static bool take_value(sl_str *s, struct parameter *p)
{
    sl_str token;

    p->has_value = true;
    if (take_byte(s, '"')) return take_quoted(s, p);
    if (!take_token(s, &token)) return false;
    for (size_t i = 0; i < token.len; i++)
        put_value(p, token.ptr[i]);
    return true;
}

static bool take_parameter(sl_str *s, struct parameter *p)
{
    *p = (struct parameter){0};
    if (!take_token(s, &p->name)) return false;
    return take_byte(s, '=') ? take_value(s, p) : true;
}

/* ---- the four parameters, §7.1 ---- */

/* 8 to 15, decimal, without leading zeros; 0: not that */
static unsigned read_bits(const struct parameter *p)
{
    if (p->len == 1 && p->value[0] >= '8' && p->value[0] <= '9')
        return (unsigned)(p->value[0] - '0');
    if (p->len == 2 && p->value[0] == '1' && p->value[1] >= '0' && p->value[1] <= '5')
        return 10u + (unsigned)(p->value[1] - '0');
    return 0;
}

static bool on_takeover(struct deflate_terms *t, const struct parameter *p)
{
    (void)t; /* both are answered, asked for or not */
    return !p->has_value;
}

static bool on_server_bits(struct deflate_terms *t, const struct parameter *p)
{
    unsigned bits = p->has_value ? read_bits(p) : 0;

    t->bits = (uint8_t)bits;
    t->bits_asked = true;
    return bits >= DEFLATE_BITS_MIN;
}

/* Never answered: we inflate any window, and keep none. */
static bool on_client_bits(struct deflate_terms *t, const struct parameter *p)
{
    (void)t;
    return !p->has_value || read_bits(p) != 0;
}

struct known {
    const char *name;
    bool (*take)(struct deflate_terms *t, const struct parameter *p); /* false: decline */
};

static const struct known known[] = {
    {"server_no_context_takeover", on_takeover   },
    {"client_no_context_takeover", on_takeover   },
    {"server_max_window_bits",     on_server_bits},
    {"client_max_window_bits",     on_client_bits},
};
#define KNOWN (sizeof known / sizeof known[0])

static bool take_known(struct deflate_terms *t, const struct parameter *p, unsigned *seen)
{
    for (unsigned i = 0; i < KNOWN; i++) {
        if (!sl_str_eq(p->name, sl_str_of(known[i].name))) continue;
        if (*seen & 1u << i) return false;
        *seen |= 1u << i;
        return known[i].take(t, p);
    }
    return false;
}

/* ---- the list ---- */

/* One offer up to its comma. returns false if it is malformed; `t` is agreed if it can be kept
 */
static bool take_offer(sl_str *s, struct deflate_terms *t)
{
    struct parameter p;
    unsigned seen = 0;
    sl_str name;

    if (!take_token(s, &name)) return false;
    *t = (struct deflate_terms){.bits = DEFLATE_BITS_MAX};
    t->agreed = sl_str_eq(name, SL_STR("permessage-deflate"));
    while (take_byte(s, ';')) {
        if (!take_parameter(s, &p)) return false;
        if (t->agreed) t->agreed = take_known(t, &p, &seen);
    }
    return true;
}

int deflate_read_offers(struct deflate_terms *t, sl_str field)
{
    struct deflate_terms one;
    bool any = false;

    /* RFC 2616 §2.1: elements of a list may be empty, but one must not */
    for (;;) {
        while (take_byte(&field, ','))
            ;
        if (field.len == 0) break;
        if (!take_offer(&field, &one)) return SL_E_WS_PROTO;
        any = true;
        if (!t->agreed && one.agreed) *t = one;
        skip_space(&field);
        if (field.len > 0 && field.ptr[0] != ',') return SL_E_WS_PROTO;
    }
    return any ? 0 : SL_E_WS_PROTO;
}

size_t deflate_answer(const struct deflate_terms *t, char out[DEFLATE_ANSWER_SIZE])
{
    int n =
        snprintf(out, DEFLATE_ANSWER_SIZE,
                 "permessage-deflate; server_no_context_takeover; client_no_context_takeover");

    if (t->bits_asked)
        n += snprintf(out + n, DEFLATE_ANSWER_SIZE - (size_t)n, "; server_max_window_bits=%u",
                      t->bits);
    return (size_t)n;
}
