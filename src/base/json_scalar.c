/* SPDX-License-Identifier: MIT */
/* Numbers and literals: the grammar of RFC 8259 §6 and §3, and their values. */
#include "base/json_inside.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What ends a scalar: white space, and whatever is an entry of its own (and judged as such). */
static const bool is_end[256] = {
    [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, [','] = true, [':'] = true,
    ['['] = true, [']'] = true,  ['{'] = true,  ['}'] = true,  ['"'] = true,
};

static bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') <= 9;
}

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* number = [ - ] ( 0 / 1-9 *digit ) [ . 1*digit ] [ e [ + / - ] 1*digit ] */
static const uint8_t *number_end(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *from;

    if (p < end && *p == '-') p++;
    if (p == end || !is_digit(*p)) return NULL;
    p = *p == '0' ? p + 1 : skip_digits(p, end);
    if (p < end && *p == '.') {
        from = ++p;
        p = skip_digits(p, end);
        if (p == from) return NULL;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        from = p;
        p = skip_digits(p, end);
        if (p == from) return NULL;
    }
    return p;
}

static inline const uint8_t *literal_end(const uint8_t *p, const uint8_t *end, const char *text,
                                         size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, text, n) == 0 ? p + n : NULL;
}

const uint8_t *json_scalar_end(const uint8_t *p, const uint8_t *end, sl_json_type *type)
{
    switch (*p) {
    case 't':
        *type = SL_JSON_TRUE;
        p = literal_end(p, end, "true", 4);
        break;
    case 'f':
        *type = SL_JSON_FALSE;
        p = literal_end(p, end, "false", 5);
        break;
    case 'n':
        *type = SL_JSON_NULL;
        p = literal_end(p, end, "null", 4);
        break;
    default: *type = SL_JSON_NUMBER; p = number_end(p, end);
    }
    return p == NULL || p == end || is_end[*p] ? p : NULL;
}

bool sl_value_bool(sl_value v, bool *out)
{
    sl_json_type type = sl_value_type(v);

    if (type != SL_JSON_TRUE && type != SL_JSON_FALSE) return false;
    *out = type == SL_JSON_TRUE;
    return true;
}

bool sl_value_i64(sl_value v, int64_t *out)
{
    if (sl_value_type(v) != SL_JSON_NUMBER) return false;

    sl_str raw = sl_value_raw(v);
    bool negative = raw.ptr[0] == '-';
    int64_t n = 0; /* counted downwards: there is one more below zero */

    for (size_t i = negative; i < raw.len; i++) {
        uint8_t c = (uint8_t)raw.ptr[i];
        if (!is_digit(c)) return false;
        if (__builtin_mul_overflow(n, 10, &n)) return false;
        if (__builtin_sub_overflow(n, c - '0', &n)) return false;
    }
    if (!negative && __builtin_sub_overflow(0, n, &n)) return false;
    *out = n;
    return true;
}

/* ---- doubles ---- */

/*
 * A double is decided by at most 767 significant digits and whether anything follows them, so
 * a number of any length fits a small buffer: its digits, and a 1 for all that was dropped.
 */
#define DIGITS_MAX 768

struct decimal {
    bool negative, more; /* more: a digit other than 0 was dropped */
    uint32_t n;
    int64_t exponent;  /* of ten, behind the last digit kept */
    uint64_t mantissa; /* of the first 19 digits */
    char digit[DIGITS_MAX];
};

static void take_digit(struct decimal *d, char c, bool fraction)
{
    if (d->n == 0 && c == '0') {
        d->exponent -= fraction;
        return;
    }
    if (d->n == DIGITS_MAX) {
        d->more |= c != '0';
        d->exponent += !fraction;
        return;
    }
    if (d->n < 19) d->mantissa = d->mantissa * 10 + (uint64_t)(c - '0');
    d->digit[d->n++] = c;
    d->exponent -= fraction;
}

static void take_number(struct decimal *d, sl_str raw)
{
    bool fraction = false;
    size_t i = 0;

    d->negative = d->more = false;
    d->n = 0;
    d->exponent = 0;
    d->mantissa = 0;
    for (; i < raw.len && raw.ptr[i] != 'e' && raw.ptr[i] != 'E'; i++) {
        char c = raw.ptr[i];
        if (c == '-')
            d->negative = true;
        else if (c == '.')
            fraction = true;
        else
            take_digit(d, c, fraction);
    }
    if (i == raw.len) return;

    bool down = raw.ptr[++i] == '-';
    int64_t e = 0;
    for (i += down || raw.ptr[i] == '+'; i < raw.len; i++)
        if (e < INT64_C(1000000000000)) e = e * 10 + (raw.ptr[i] - '0');
    d->exponent += down ? -e : e;
}

/* With the C library's own correct rounding, and its decimal point, whatever the locale. */
static double round_slowly(const struct decimal *d)
{
    char text[DIGITS_MAX + 32];
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a constant: does not allocate */
    int64_t e = d->exponent - d->more;

    if (c == (locale_t)0) return NAN;
    if (e > 99999) e = 99999;
    if (e < -99999) e = -99999;
    memcpy(text, d->digit, d->n);
    snprintf(text + d->n, sizeof text - d->n, "%se%d", d->more ? "1" : "", (int)e);
    double v = strtod_l(text, NULL, c);
    freelocale(c);
    return v;
}

static double to_double(const struct decimal *d)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (d->n == 0) return 0;
    /* Both sides exact, so one operation rounds once: W. D. Clinger (1990). */
    if (d->n <= 19 && d->mantissa <= UINT64_C(1) << 53 && d->exponent >= -22
        && d->exponent <= 22)
        return d->exponent < 0 ? (double)d->mantissa / ten[-d->exponent]
                               : (double)d->mantissa * ten[d->exponent];
    return round_slowly(d);
}

bool json_f64(sl_str raw, double *out)
{
    struct decimal d;

    take_number(&d, raw);
    double x = to_double(&d);
    if (!isfinite(x)) return false;
    *out = d.negative ? -x : x;
    return true;
}

bool sl_value_f64(sl_value v, double *out)
{
    return sl_value_type(v) == SL_JSON_NUMBER && json_f64(sl_value_raw(v), out);
}
