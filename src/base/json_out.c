/* SPDX-License-Identifier: MIT */
/* The writer: append-only, one failure sticks and is looked at once. */
#include "sluice/json.h"

#include "base/alloc.h"
#include "base/json_inside.h"
#include "base/scan_inside.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define OUT_FIRST 256
#define DEPTH_MAX 64

/* Room for `n` more bytes. NULL: none, or it had failed before */
static char *room(sl_json_out *o, size_t n)
{
    if (o->rc < 0) return NULL;
    if (n <= o->cap - o->len) return o->ptr + o->len;

    size_t cap = o->cap ? o->cap : OUT_FIRST;
    while (cap - o->len < n) {
        if (cap > SIZE_MAX / 2) {
            o->rc = SL_E_TOO_BIG;
            return NULL;
        }
        cap *= 2;
    }
    char *ptr = sl__realloc(o->ptr, cap);
    if (ptr == NULL) {
        o->rc = SL_E_NOMEM;
        return NULL;
    }
    o->ptr = ptr;
    o->cap = cap;
    return ptr + o->len;
}

static void put(sl_json_out *o, const char *text, size_t n)
{
    char *to = room(o, n);

    if (to == NULL) return;
    if (n > 0) memcpy(to, text, n);
    o->len += n;
}

static uint64_t level(const sl_json_out *o)
{
    return o->depth ? UINT64_C(1) << (o->depth - 1) : 0;
}

/* What must stand in front of a value: a comma, or nothing behind a key. false: no value here
 */
static bool begin(sl_json_out *o)
{
    uint64_t bit = level(o);

    if (o->after_key) {
        o->after_key = false;
        return o->rc == 0;
    }
    if (o->objects & bit) o->rc = o->rc < 0 ? o->rc : SL_E_INVAL; /* a member needs a key */
    if (o->has_item & bit) put(o, ",", 1);
    o->has_item |= bit;
    return o->rc == 0;
}

static void put_value(sl_json_out *o, const char *text, size_t n)
{
    if (begin(o)) put(o, text, n);
}

/* ---- strings ---- */

/* Eight bytes at a time: the high bit of each byte that can not be copied as it is. */
static uint64_t special_bytes(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t v;

    memcpy(&v, p, sizeof v);
    uint64_t quote = v ^ ones * '"', backslash = v ^ ones * '\\';
    uint64_t below = (v - ones * 0x20) | (quote - ones) | (backslash - ones);
    return (below | v) & high;
}

static size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;

    while (n - i >= 8 && special_bytes(p + i) == 0)
        i += 8;
    for (; i < n; i++) {
        uint8_t c = (uint8_t)p[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
    }
    return i;
}

/* Bytes of the character at `p`, 0 if it is none; *skip is what an invalid one takes up. */
static size_t char_len(const char *p, size_t n, size_t *skip)
{
    struct utf8_state u = {0};
    size_t i = 0;

    while (i < n && i < 4 && utf8_step(&u, (uint8_t)p[i])) {
        i++;
        if (u.need == 0) return i;
    }
    *skip = i ? i : 1;
    return 0;
}

static void put_escaped(sl_json_out *o, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letter[256] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    if (c == '"' || c == '\\' || letter[c]) {
        put(o, (char[]){'\\', c == '"' || c == '\\' ? (char)c : letter[c]}, 2);
        return;
    }
    put(o, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

static void put_string(sl_json_out *o, sl_str text)
{
    size_t from = 0, i = 0, skip = 0;

    if (text.ptr == NULL) text = SL_STR("");
    put(o, "\"", 1);
    while (i < text.len) {
        i += plain_run(text.ptr + i, text.len - i);
        if (i == text.len) break;
        uint8_t c = (uint8_t)text.ptr[i];
        size_t n = c < 0x80 ? 0 : char_len(text.ptr + i, text.len - i, &skip);
        i += n;
        if (n > 0) continue;
        put(o, text.ptr + from, i - from);
        if (c < 0x80)
            put_escaped(o, c);
        else
            put(o, "\xEF\xBF\xBD", 3);
        i += c < 0x80 ? 1 : skip;
        from = i;
    }
    put(o, text.ptr + from, i - from);
    put(o, "\"", 1);
}

/* ---- numbers ---- */

static size_t format_u64(char out[20], uint64_t v)
{
    char digit[20];
    size_t n = 0;

    do
        digit[n++] = (char)('0' + v % 10);
    while (v /= 10);
    for (size_t i = 0; i < n; i++)
        out[i] = digit[n - 1 - i];
    return n;
}

/*
 * Numbers of at most six decimals and fifteen digits, as measurements are: the scaled integer
 * divided by a power of ten rounds once, so if it gives the number back its digits say it; and
 * two different texts of so few digits are never the same double. returns 0: not such a one
 */
static size_t format_decimal(char out[32], double v)
{
    double scaled = rint(v * 1e6);
    size_t n = 0, whole;

    if (!(scaled >= 1 && scaled < 1e15) || scaled / 1e6 != v) return 0;
    uint64_t m = (uint64_t)scaled;
    uint64_t rest = m % 1000000;
    whole = format_u64(out, m / 1000000);
    if (rest == 0) return whole;
    out[whole] = '.';
    for (uint64_t place = 100000; rest > 0; rest %= place, place /= 10)
        out[whole + 1 + n++] = (char)('0' + rest / place);
    return whole + 1 + n;
}

/* printf's text with the point that JSON wants: other locales write other signs there. */
static size_t with_point(char *text)
{
    size_t n = 0;
    bool point = false;

    for (const char *p = text; *p; p++) {
        bool kept = (*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == 'e';
        if (kept || !point) text[n++] = kept ? *p : '.';
        point |= !kept;
    }
    text[n] = '\0';
    return n;
}

static size_t format_f64(char out[64], double v)
{
    size_t n = signbit(v) ? 1 : 0;

    out[0] = '-';
    if (v == 0) {
        out[n] = '0';
        return n + 1;
    }
    size_t digits = format_decimal(out + n, fabs(v));
    if (digits > 0) return n + digits;
    for (int precision = fabs(v) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        double back;
        snprintf(out, 64, "%.*g", precision, v);
        n = with_point(out);
        if (json_f64((sl_str){out, n}, &back) && back == v) break;
    }
    return n;
}

/* ---- the calls ---- */

void sl_out_deinit(sl_json_out *o)
{
    sl__free(o->ptr);
    *o = (sl_json_out){0};
}

void sl_out_reset(sl_json_out *o)
{
    *o = (sl_json_out){.ptr = o->ptr, .cap = o->cap};
}

static void open_level(sl_json_out *o, bool object)
{
    if (!begin(o)) return;
    if (o->depth == DEPTH_MAX) {
        o->rc = SL_E_DEPTH;
        return;
    }
    put(o, object ? "{" : "[", 1);
    o->depth++;
    o->has_item &= ~level(o);
    o->objects = object ? o->objects | level(o) : o->objects & ~level(o);
}

void sl_out_object(sl_json_out *o)
{
    open_level(o, true);
}

void sl_out_array(sl_json_out *o)
{
    open_level(o, false);
}

void sl_out_end(sl_json_out *o)
{
    if (o->rc < 0) return;
    if (o->depth == 0 || o->after_key) {
        o->rc = SL_E_INVAL;
        return;
    }
    put(o, o->objects & level(o) ? "}" : "]", 1);
    o->depth--;
}

void sl_out_key(sl_json_out *o, const char *key)
{
    uint64_t bit = level(o);

    if (o->rc < 0) return;
    if (!(o->objects & bit) || o->after_key) {
        o->rc = SL_E_INVAL;
        return;
    }
    if (o->has_item & bit) put(o, ",", 1);
    o->has_item |= bit;
    put_string(o, sl_str_of(key));
    put(o, ":", 1);
    o->after_key = true;
}

void sl_out_str(sl_json_out *o, sl_str text)
{
    if (begin(o)) put_string(o, text);
}

void sl_out_i64(sl_json_out *o, int64_t v)
{
    char text[21] = "-";
    size_t n = v < 0;

    n += format_u64(text + n, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
    put_value(o, text, n);
}

void sl_out_f64(sl_json_out *o, double v)
{
    char text[64];

    if (!isfinite(v)) {
        sl_out_null(o);
        return;
    }
    size_t n = format_f64(text, v);
    put_value(o, text, n);
}

void sl_out_bool(sl_json_out *o, bool v)
{
    put_value(o, v ? "true" : "false", v ? 4 : 5);
}

void sl_out_null(sl_json_out *o)
{
    put_value(o, "null", 4);
}

void sl_out_raw(sl_json_out *o, sl_str json)
{
    if (json.len == 0 && o->rc == 0) o->rc = SL_E_INVAL;
    put_value(o, json.ptr, json.len);
}

void sl_out_more(sl_json_out *o, sl_str json)
{
    if (o->after_key && o->rc == 0) o->rc = SL_E_INVAL; /* there is no value yet */
    if (json.len > 0) put(o, json.ptr, json.len);
}

sl_str sl_out_text(const sl_json_out *o)
{
    return o->rc < 0 ? (sl_str){0} : (sl_str){o->ptr, o->len};
}
