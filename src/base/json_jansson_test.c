/* SPDX-License-Identifier: MIT */
/*
 * jansson as the other opinion, on thousands of documents made up from a fixed seed and as
 * many damaged ones. Where the two differ by intent:
 *
 *   numbers beyond a double, integers beyond 64 bits    jansson refuses; ours are slices
 *   lone surrogates as escapes                          jansson refuses; here they are grammar
 *   nesting                                             jansson's limit is 2048
 *   an escaped NUL in a key                             jansson refuses
 */
#include "sluice/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <jansson.h>

#define TEXT_MAX 4096

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

/* ---- making up documents ---- */

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

static void put(struct text *t, const char *piece)
{
    size_t n = strlen(piece);

    if (t->len + n > TEXT_MAX - 64) return; /* what is cut off so is refused by both */
    memcpy(t->bytes + t->len, piece, n);
    t->len += n;
}

static void put_space(struct text *t)
{
    static const char *const kinds[] = {" ", "\n", "\t", "\r", "  "};

    if (draw(5) == 0) put(t, kinds[draw(5)]);
}

static void put_string(struct text *t)
{
    static const char *const pieces[] = {
        "a",
        "type",
        "\u0e01",
        "\u00e9",
        "\U0001F600",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0041",
        "\\u00e9",
        "\\u0e01",
        "\\ud83d\\ude00",
        "{",
        "]",
        ",",
        " ",
        "0123456789abcdef",
        "\\b",
        "\\f",
        "\\r",
        "\\t",
        "\x7F",
    };

    put(t, "\"");
    for (unsigned n = draw(6); n > 0; n--)
        put(t, pieces[draw(sizeof pieces / sizeof *pieces)]);
    put(t, "\"");
}

static void put_number(struct text *t)
{
    static const char *const exponents[] = {"", "", "", "e5", "E-7", "e+12", "e-300"};
    char number[64];
    size_t n = (size_t)snprintf(number, sizeof number, "%s%u", draw(3) ? "" : "-",
                                draw(3) ? draw(1000) : draw(4000000000u));

    if (draw(3) == 0)
        n += (size_t)snprintf(number + n, sizeof number - n, ".%0*u", 1 + (int)draw(9),
                              draw(100000));
    snprintf(number + n, sizeof number - n, "%s", exponents[draw(7)]);
    put(t, number);
}

static void put_value(struct text *t, unsigned depth)
{
    static const char *const literals[] = {"true", "false", "null"};
    unsigned kind = draw(depth > 0 ? 9 : 5), n = draw(5);

    put_space(t);
    if (kind < 2) {
        put_number(t);
    } else if (kind < 4) {
        put_string(t);
    } else if (kind == 4) {
        put(t, literals[draw(3)]);
    } else {
        bool object = kind < 7;
        put(t, object ? "{" : "[");
        put_space(t);
        for (unsigned i = 0; i < n; i++) {
            if (i > 0) put(t, ",");
            put_space(t);
            if (object) put_string(t);
            put_space(t);
            if (object) put(t, ":");
            put_value(t, depth - 1);
        }
        put(t, object ? "}" : "]");
    }
    put_space(t);
}

/* Change, insert, remove or repeat a few bytes. */
static void damage(struct text *t)
{
    static const char likely[] =
        "{}[]:,\"\\0123456789.eE+-truefalsn \n\t\x80\xC3\xE0\xED\xF0\xFF\x01/u'";

    for (unsigned n = 1 + draw(3); n > 0 && t->len > 0; n--) {
        size_t at = draw((uint32_t)t->len), rest = t->len - at;
        char c = draw(8) ? likely[draw(sizeof likely - 1)] : (char)draw(256);
        switch (draw(4)) {
        case 0: t->bytes[at] = c; break;
        case 1:
            memmove(t->bytes + at + 1, t->bytes + at, rest);
            t->bytes[at] = c;
            t->len++;
            break;
        case 2:
            memmove(t->bytes + at, t->bytes + at + 1, rest - 1);
            t->len--;
            break;
        default:
            rest = rest < 6 ? rest : 6;
            memmove(t->bytes + at + rest, t->bytes + at, t->len - at);
            t->len += rest;
        }
        if (t->len > TEXT_MAX - 16) break;
    }
}

/* ---- comparing ---- */

static void assert_equal(sl_value ours, json_t *theirs);

static void assert_string(sl_str raw, const char *text, size_t len)
{
    char plain[TEXT_MAX];

    assert_int_equal(sl_json_unescape(raw, plain), (int64_t)len);
    assert_memory_equal(plain, text, len);
}

static void assert_object(sl_value ours, json_t *theirs)
{
    char key[TEXT_MAX];
    sl_str raw;
    size_t distinct = 0;

    for (sl_value v = sl_value_first(ours, &raw); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(ours, v, &raw)) {
        int64_t n = sl_json_unescape(raw, key);
        assert_true(n >= 0);
        sl_value last = sl_value_get(ours, (sl_str){key, (size_t)n});
        key[n] = '\0';
        json_t *value = json_object_get(theirs, key);
        assert_non_null(value);
        assert_equal(last, value); /* jansson too keeps the last of equal keys */
        distinct += last.i == v.i;
    }
    assert_int_equal(distinct, json_object_size(theirs));
}

static void assert_number(sl_value ours, json_t *theirs)
{
    int64_t i;
    double f;

    assert_true(sl_value_f64(ours, &f));
    assert_int_equal(sl_value_i64(ours, &i), json_is_integer(theirs));
    if (json_is_integer(theirs))
        assert_int_equal(i, json_integer_value(theirs));
    else
        assert_true(f == json_real_value(theirs));
}

static void assert_equal(sl_value ours, json_t *theirs)
{
    static const sl_json_type types[] = {
        [JSON_OBJECT] = SL_JSON_OBJECT, [JSON_ARRAY] = SL_JSON_ARRAY,
        [JSON_STRING] = SL_JSON_STRING, [JSON_INTEGER] = SL_JSON_NUMBER,
        [JSON_REAL] = SL_JSON_NUMBER,   [JSON_TRUE] = SL_JSON_TRUE,
        [JSON_FALSE] = SL_JSON_FALSE,   [JSON_NULL] = SL_JSON_NULL,
    };
    sl_str raw;
    size_t i = 0;

    assert_int_equal(sl_value_type(ours), types[json_typeof(theirs)]);
    switch (json_typeof(theirs)) {
    case JSON_OBJECT: assert_object(ours, theirs); break;
    case JSON_ARRAY:
        assert_int_equal(sl_value_count(ours), json_array_size(theirs));
        for (sl_value v = sl_value_first(ours, NULL); sl_value_type(v) != SL_JSON_NONE;
             v = sl_value_next(ours, v, NULL))
            assert_equal(v, json_array_get(theirs, i++));
        break;
    case JSON_STRING:
        assert_true(sl_value_str(ours, &raw));
        assert_string(raw, json_string_value(theirs), json_string_length(theirs));
        break;
    case JSON_INTEGER:
    case JSON_REAL: assert_number(ours, theirs); break;
    default: break;
    }
}

/* Whether jansson refuses for one of the reasons above: then ours may take it. */
static bool differs_by_intent(const json_error_t *e)
{
    static const char *const reasons[] = {
        "too big integer",
        "too big negative integer",
        "real number overflow",
        "invalid Unicode",
        "NUL byte in object key not supported",
    };

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strncmp(e->text, reasons[i], strlen(reasons[i])) == 0) return true;
    return false;
}

static struct {
    unsigned taken, refused, by_intent;
} seen;

static void compare(const struct text *t)
{
    static sl_json doc;
    json_error_t error;
    char *exact = malloc(t->len + 1); /* + 1: an empty one has an address as well */

    assert_non_null(exact);
    memcpy(exact, t->bytes, t->len);
    json_t *theirs = json_loadb(exact, t->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    int rc = sl_json_read(&doc, (sl_str){exact, t->len}, NULL, NULL, NULL);
    if (theirs != NULL && rc == 0) {
        assert_equal(sl_json_root(&doc), theirs);
        seen.taken++;
    } else if (theirs != NULL || rc == 0) {
        if (theirs != NULL || !differs_by_intent(&error))
            fail_msg("ours %d, jansson '%s': %.*s", rc, theirs ? "taken" : error.text,
                     (int)t->len, exact);
        seen.by_intent++;
    } else {
        seen.refused++;
    }
    json_decref(theirs);
    sl_json_deinit(&doc);
    free(exact);
}

static void test_documents(void **state)
{
    static struct text t;

    (void)state;
    seed = 4;
    memset(&seen, 0, sizeof seen);
    for (unsigned i = 0; i < 5000; i++) {
        t.len = 0;
        put_value(&t, 1 + draw(6));
        compare(&t);
    }
    assert_true(seen.taken > 4500);
    assert_true(seen.refused < 100); /* those cut off at the end of the room */
}

static void test_damaged_documents(void **state)
{
    static struct text t;

    (void)state;
    seed = 5;
    memset(&seen, 0, sizeof seen);
    for (unsigned i = 0; i < 30000; i++) {
        t.len = 0;
        put_value(&t, 1 + draw(4));
        damage(&t);
        compare(&t);
    }
    assert_true(seen.taken > 1000);
    assert_true(seen.refused > 10000);
    assert_true(seen.by_intent < 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_damaged_documents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
