/* SPDX-License-Identifier: MIT */
#include "cli/value.h"

#include "base/str.h"
#include "hub/access.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- numbers with units ---- */

struct unit {
    const char *name;
    int64_t factor;
};

/* The first that divides a number without rest is the one it is printed with. */
static const struct unit durations[] = {
    {"h",   3600000000},
    {"min", 60000000  },
    {"m",   60000000  },
    {"s",   1000000   },
    {"ms",  1000      },
    {"us",  1         },
    {"µs", 1         },
};
static const struct unit sizes[] = {
    {"GiB", 1 << 30   },
    {"GB",  1000000000},
    {"MiB", 1 << 20   },
    {"MB",  1000000   },
    {"KiB", 1 << 10   },
    {"kB",  1000      },
    {"B",   1         },
};
#define DURATIONS (sizeof durations / sizeof durations[0])
#define SIZES     (sizeof sizes / sizeof sizes[0])

static const struct unit *units_of(const struct setting *s, size_t *n)
{
    *n = s->type == TYPE_DURATION ? DURATIONS : SIZES;
    return s->type == TYPE_DURATION ? durations : sizes;
}

/* Leading zeros are octal to some readers of YAML and nothing to others: refused. */
static bool read_digits(sl_str s, int64_t *out)
{
    uint64_t v;

    if (s.len > 1 && s.ptr[0] == '0') return false;
    if (!str_to_u64(s, &v) || v > INT64_MAX) return false;
    *out = (int64_t)v;
    return true;
}

static bool read_number(sl_str s, int64_t *out)
{
    bool is_negative = s.len > 0 && s.ptr[0] == '-';

    if (!read_digits(is_negative ? str_part(s, 1, s.len) : s, out)) return false;
    if (is_negative) *out = -*out;
    return true;
}

static bool read_quantity(const struct setting *s, sl_str text, int64_t *out)
{
    size_t digits = 0, n;
    const struct unit *u = units_of(s, &n);
    sl_str unit;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!read_digits(str_part(text, 0, digits), out)) return false;
    unit = str_part(text, digits, text.len);
    while (unit.len > 0 && unit.ptr[0] == ' ')
        unit = str_part(unit, 1, unit.len);
    if (unit.len == 0) return *out == 0; /* nothing is nothing in any unit */
    for (size_t i = 0; i < n; i++) {
        if (!sl_str_eq(unit, sl_str_of(u[i].name))) continue;
        return !__builtin_mul_overflow(*out, u[i].factor, out);
    }
    return false;
}

static void print_quantity(const struct setting *s, int64_t v, char *buf, size_t size)
{
    size_t n;
    const struct unit *u = units_of(s, &n);

    for (size_t i = 0; i < n; i++) {
        if (v == 0 || v % u[i].factor != 0) continue;
        snprintf(buf, size, "%" PRId64 "%s", v / u[i].factor, u[i].name);
        return;
    }
    snprintf(buf, size, "0");
}

/* ---- words ---- */

static bool read_bool(sl_str text, int64_t *out)
{
    static const struct {
        const char *word;
        bool is_yes;
    } words[] = {
        {"true",  true },
        {"false", false},
        {"yes",   true },
        {"no",    false},
        {"on",    true },
        {"off",   false},
        {"1",     true },
        {"0",     false},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!str_eq_nocase(text, sl_str_of(words[i].word))) continue;
        *out = words[i].is_yes;
        return true;
    }
    return false;
}

static bool read_choice(const struct setting *s, sl_str text, int64_t *out)
{
    int64_t i = 0;

    for (sl_str rest = sl_str_of(s->words), word; str_split(&rest, '|', &word); i++) {
        if (!sl_str_eq(word, text)) continue;
        *out = i;
        return true;
    }
    return false;
}

static bool is_printable(sl_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];

        if (c < 0x20 || c == 0x7f) return false;
    }
    return true;
}

/* ---- addresses ---- */

bool address_split(sl_str text, char host[VALUE_ADDRESS_SIZE], uint16_t *port)
{
    size_t colon = text.len;
    struct in6_addr a;
    int64_t v;
    sl_str h;

    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0 || !read_digits(str_part(text, colon, text.len), &v) || v > 65535)
        return false;
    *port = (uint16_t)v;
    h = str_part(text, 0, colon - 1);
    if (h.len >= 2 && h.ptr[0] == '[' && h.ptr[h.len - 1] == ']') {
        return str_to_cstr(str_part(h, 1, h.len - 2), host, VALUE_ADDRESS_SIZE)
               && inet_pton(AF_INET6, host, &a) == 1;
    }
    if (!str_to_cstr(h, host, VALUE_ADDRESS_SIZE)) return false;
    return h.len == 0 || sl_str_eq(h, SL_STR("localhost")) || inet_pton(AF_INET, host, &a) == 1;
}

bool address_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

/* ---- one item ---- */

static bool is_in_range(const struct setting *s, int64_t v)
{
    return v >= s->min && v <= s->max;
}

/* The item in its one form, in `out`. */
static bool read_item(const struct setting *s, sl_str text, int64_t *number,
                      char out[VALUE_TEXT_MAX])
{
    char host[VALUE_ADDRESS_SIZE];
    uint16_t port;

    if (!str_to_cstr(text, out, VALUE_TEXT_MAX) || !is_printable(text)) return false;
    switch (s->type) {
    case TYPE_TEXT: return true;
    case TYPE_PATH: return text.len > 0;
    case TYPE_NUMBER: return read_number(text, number) && is_in_range(s, *number);
    case TYPE_DURATION:
    case TYPE_SIZE:
        if (!read_quantity(s, text, number) || !is_in_range(s, *number)) return false;
        print_quantity(s, *number, out, VALUE_TEXT_MAX);
        return true;
    case TYPE_BOOL:
        if (!read_bool(text, number)) return false;
        snprintf(out, VALUE_TEXT_MAX, "%s", *number ? "true" : "false");
        return true;
    case TYPE_CHOICE: return read_choice(s, text, number);
    case TYPE_ADDRESS: return address_split(text, host, &port);
    case TYPE_ORIGIN:
        return sl_str_eq(text, SL_STR("any"))
               || access_normal_origin(text, out, ACCESS_NAME_SIZE);
    case TYPE_HOST: return access_normal_host(text, out, ACCESS_NAME_SIZE);
    }
    return false;
}

int value_add(const struct setting *s, sl_str text, struct arena *a, struct value *v)
{
    char form[VALUE_TEXT_MAX];
    int64_t number = 0;
    sl_str copy;

    if (!read_item(s, text, &number, form)) return SL_E_INVAL;
    if (v->n == (s->is_list ? VALUE_ITEMS_MAX : 1)) return SL_E_FULL;
    copy = arena_copy(a, sl_str_of(form));
    if (copy.ptr == NULL) return SL_E_NOMEM;
    v->item[v->n++] = copy.ptr;
    v->number = number;
    return 0;
}

int value_add_list(const struct setting *s, sl_str text, struct arena *a, struct value *v)
{
    if (!s->is_list) return value_add(s, text, a, v);
    for (sl_str rest = text, piece; str_split(&rest, ',', &piece);) {
        int rc = value_add(s, str_trim_ows(piece), a, v);

        if (rc < 0) return rc;
    }
    return 0;
}

const char *value_expect(const struct setting *s, char buf[VALUE_EXPECT_SIZE])
{
    char least[32], most[32];

    switch (s->type) {
    case TYPE_TEXT:
        snprintf(buf, VALUE_EXPECT_SIZE, "a text without control characters");
        break;
    case TYPE_PATH: snprintf(buf, VALUE_EXPECT_SIZE, "a path"); break;
    case TYPE_NUMBER:
        snprintf(buf, VALUE_EXPECT_SIZE, "a whole number from %" PRId64 " to %" PRId64, s->min,
                 s->max);
        break;
    case TYPE_DURATION:
    case TYPE_SIZE:
        print_quantity(s, s->min, least, sizeof least);
        print_quantity(s, s->max, most, sizeof most);
        snprintf(buf, VALUE_EXPECT_SIZE, "a whole number with its unit (%s) from %s to %s",
                 s->type == TYPE_DURATION ? "us, ms, s, min, h" : "B, KiB, MiB, GiB", least,
                 most);
        break;
    case TYPE_BOOL: snprintf(buf, VALUE_EXPECT_SIZE, "true or false"); break;
    case TYPE_CHOICE: snprintf(buf, VALUE_EXPECT_SIZE, "one of %s", s->words); break;
    case TYPE_ADDRESS:
        snprintf(buf, VALUE_EXPECT_SIZE,
                 "HOST:PORT, HOST being an IP address (IPv6 in "
                 "brackets), localhost, or nothing for all");
        break;
    case TYPE_ORIGIN:
        snprintf(buf, VALUE_EXPECT_SIZE,
                 "any, or http(s)://HOST[:PORT] as browsers say it, without a path");
        break;
    case TYPE_HOST:
        snprintf(buf, VALUE_EXPECT_SIZE, "a name or an address without a port");
        break;
    }
    return buf;
}

bool value_eq(const struct value *a, const struct value *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->item[i], b->item[i]) != 0) return false;
    }
    return true;
}
