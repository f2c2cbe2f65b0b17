/* SPDX-License-Identifier: MIT */
#include "base/scan.h"

#include "base/alloc.h"
#include "base/scan_inside.h"
#include "base/scan_ways.h"

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

#define LEN_MAX 700

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

/* ---- what the scalar scan notes ---- */

static const struct {
    const char *name, *text;
    bool bad;
    uint32_t n, at[16];
} notes[] = {
    {"empty",                           "",                      false, 0, {0}               },
    {"white space",                     " \t\n\r ",              false, 0, {0}               },
    {"structure",                       "{}[]:,",                false, 6, {0, 1, 2, 3, 4, 5}},
    {"both quotes",                     "\"ab\"",                false, 2, {0, 3}            },
    {"structure inside a string",       "\"{,\"",                false, 2, {0, 3}            },
    {"scalars by their first byte",     "12 true",               false, 2, {0, 3}            },
    {"scalar between structure",        "[12,-3]",               false, 5, {0, 1, 3, 4, 6}   },
    {"quote at a scalar's end",         "1\"a\"2",               false, 4, {0, 1, 3, 4}      },
    {"escaped quote",                   "\"a\\\"b\"",            false, 3, {0, 2, 5}         },
    {"escaped backslash",               "\"\\\\\"1",             false, 4, {0, 1, 3, 4}      },
    {"three backslashes and a quote",   "\"\\\\\\\"\"",          false, 4, {0, 1, 3, 5}      },
    {"unicode escape",                  "\"\\u00e9\"",           false, 3, {0, 1, 7}         },
    {"member",                          "{\"a\": 1}",            false, 6, {0, 1, 3, 4, 6, 7}},
    {"control byte outside",            "[\x01]",                true,  0, {0}               },
    {"form feed is no white space",     "[\f]",                  true,  0, {0}               },
    {"control byte that looks like ,",  "[\x0C]",                true,  0, {0}               },
    {"control byte that looks like :",  "[\x1A]",                true,  0, {0}               },
    {"line feed inside a string",       "\"\n\"",                true,  0, {0}               },
    {"escaped line feed byte",          "\"\\\n\"",              true,  0, {0}               },
    {"delete is no control byte",       "\"\x7F\"",              false, 2, {0, 2}            },
    {"backslash outside a string",      "[\\n]",                 true,  0, {0}               },
    {"string without end",              "\"abc",                 true,  0, {0}               },
    {"string that ends in a backslash", "\"abc\\",               true,  0, {0}               },
    {"only a quote",                    "\"",                    true,  0, {0}               },
    {"letters beyond ASCII",            "\xC3\xA9 \"\xC3\xA9\"", false, 3, {0, 3, 6}         },
};

static void test_notes(void **state)
{
    (void)state;
    for (unsigned w = 0; w < way_count; w++)
        for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
            const char *text = notes[i].text;
            sl_json_index x;
            struct scan s;

            print_message("# %s: %s\n", ways[w].name, notes[i].name);
            index_init(&x, 0);
            scan_init(&s, SCAN_JSON, NULL, &x);
            assert_int_equal(ways[w].feed(&s, NULL, (const uint8_t *)text, strlen(text)), 0);
            assert_int_equal(scan_end(&s), 0);
            assert_true(x.complete);
            assert_int_equal(x.len, strlen(text));
            assert_int_equal(x.bad, notes[i].bad);
            if (!x.bad) {
                assert_int_equal(x.n, notes[i].n);
                if (x.n > 0) assert_memory_equal(x.at, notes[i].at, x.n * sizeof *x.at);
            }
            index_deinit(&x);
        }
}

/* ---- twins ---- */

struct outcome {
    uint8_t out[LEN_MAX];
    sl_json_index index;
    int rc;
    size_t pieces; /* that were fed; the last one failed if rc < 0 */
};

enum where { IN_PLACE, ELSEWHERE, ONLY_LOOK };

/* A piece in memory that ends where it ends, `shift` bytes off the allocator's alignment. */
static uint8_t *exact(const uint8_t *from, size_t n, unsigned shift)
{
    uint8_t *p = malloc(n + shift > 0 ? n + shift : 1);

    assert_non_null(p);
    if (n > 0) memcpy(p + shift, from, n);
    return p;
}

static void run(struct outcome *o, feed_fn feed, unsigned flags, const uint8_t *mask,
                enum where where, const uint8_t *text, size_t len, const uint16_t *cut,
                unsigned cuts)
{
    struct scan s;
    size_t at = 0;

    index_reset(&o->index);
    scan_init(&s, flags, mask, &o->index);
    o->rc = 0;
    for (o->pieces = 0; o->pieces <= cuts && o->rc == 0; o->pieces++) {
        size_t n = (o->pieces < cuts ? cut[o->pieces] : len) - at;
        unsigned shift = (unsigned)(at % 37);
        uint8_t *src = exact(text + at, n, shift), *out = src, *dst = NULL;
        if (where == ELSEWHERE) dst = out = exact(text, n, 0);
        if (where == IN_PLACE) dst = out = src + shift;
        if (where == ONLY_LOOK) out = src + shift;
        o->rc = feed(&s, dst, src + shift, n);
        if (o->rc == 0 && n > 0) memcpy(o->out + at, out, n);
        if (where == ELSEWHERE) free(dst);
        free(src);
        at += n;
    }
    if (o->rc == 0) o->rc = scan_end(&s);
}

static void assert_same(const struct outcome *a, const struct outcome *b, size_t len)
{
    assert_int_equal(a->rc, b->rc);
    assert_int_equal(a->pieces, b->pieces);
    if (a->rc < 0) return;
    assert_memory_equal(a->out, b->out, len);
    assert_int_equal(a->index.bad, b->index.bad);
    if (a->index.bad) return;
    assert_int_equal(a->index.n, b->index.n);
    if (a->index.n > 0)
        assert_memory_equal(a->index.at, b->index.at, a->index.n * sizeof *a->index.at);
}

static size_t append(uint8_t *text, size_t at, size_t len, const char *piece)
{
    while (*piece && at < len)
        text[at++] = (uint8_t)*piece++;
    return at;
}

/* Text that nothing makes bad before its end: strings with escapes, scalars, structure. */
static void fill_sane(uint8_t *text, size_t len)
{
    static const char *const inside[] = {
        "\\\\",
        "\\\"",
        "\\n",
        "\\u0041",
        "{,",
        "\u0e01",
        "\U0001F600",
        "A",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    static const char *const outside[] = {"{", "}",  "[",  "]",    ":",     ",",
                                          " ", "\n", "12", "true", "\u00e9"};
    bool in_string = draw(2);
    size_t i = in_string ? append(text, 0, len, "\"") : 0;

    while (i < len) {
        if (draw(6) == 0) {
            i = append(text, i, len, "\"");
            in_string = !in_string;
        }
        unsigned plain = in_string && draw(4) == 0 ? 1 + draw(4) : 0;
        i = append(text, i, len, in_string ? inside[draw(8)] : outside[draw(11)]);
        while (plain-- > 0)
            i = append(text, i, len, inside[8]);
    }
}

/* Bytes of one flavour: sane, structure, backslashes, letters beyond ASCII, noise. */
static void fill(uint8_t *text, size_t len)
{
    static const char *const pool[] = {"{}[]:,\"\\ \n\tab1-", "\"{", "[1,2,3]", "\"\\\\\\\\a,"};
    static const char *const letters[] = {"\u0e01",     "\u00e9", "\u20ac",
                                          "\U0001F600", "a",      "\""};
    unsigned flavour = draw(16);

    if (flavour >= 6) fill_sane(text, len);
    for (size_t i = 0; flavour < 6 && i < len;) {
        const char *from = pool[flavour & 3];
        if (flavour == 4)
            text[i++] = (uint8_t)draw(256);
        else if (flavour == 5)
            i = append(text, i, len, letters[draw(6)]);
        else
            text[i++] = (uint8_t)from[draw((uint32_t)strlen(from))];
    }
    if (len > 0 && draw(5) == 0) text[draw((uint32_t)len)] = (uint8_t)draw(256);
    if (len > 0 && draw(5) == 0) /* a long plain string inside */
        for (size_t i = draw((uint32_t)len), n = draw((uint32_t)(len - i + 1)); n > 0; n--, i++)
            text[i] = 'A';
}

static unsigned cut_up(uint16_t *cut, size_t len)
{
    unsigned cuts = draw(4) ? draw(5) : 40, i = 0;
    size_t at = 0;

    for (; i < cuts; i++) {
        at += cuts == 40 ? draw(9) : draw((uint32_t)(len - at + 1));
        cut[i] = (uint16_t)(at < len ? at : len);
        at = cut[i];
    }
    return cuts;
}

/* Expected: the scalar scan of the plain text. Then every way, masked, in place or not. */
static void one_text(struct outcome *want, struct outcome *got, size_t len)
{
    static const uint8_t none[4];
    uint8_t text[LEN_MAX], masked[LEN_MAX], mask[4];
    uint16_t cut[40];
    unsigned cuts, flags = draw(8) ? SCAN_JSON : draw(2) ? SCAN_UTF8 : 0;

    fill(text, len);
    for (unsigned i = 0; i < 4; i++)
        mask[i] = draw(4) ? (uint8_t)draw(256) : 0;
    for (size_t i = 0; i < len; i++)
        masked[i] = text[i] ^ mask[i & 3];
    cuts = cut_up(cut, len);
    run(want, scan_feed_scalar, flags, NULL, ONLY_LOOK, text, len, cut, cuts);
    for (unsigned w = 0; w < way_count; w++) {
        run(got, ways[w].feed, flags, mask, IN_PLACE, masked, len, cut, cuts);
        assert_same(want, got, len);
        run(got, ways[w].feed, flags, mask, ELSEWHERE, masked, len, cut, cuts);
        assert_same(want, got, len);
        run(got, ways[w].feed, flags, none, ONLY_LOOK, text, len, cut, cuts);
        assert_same(want, got, len);
    }
    if (want->rc == 0) assert_memory_equal(want->out, text, len);
}

static void test_twins_agree(void **state)
{
    static struct outcome want, got;

    (void)state;
    seed = 1;
    index_init(&want.index, 0);
    index_init(&got.index, 0);
    for (size_t len = 0; len <= 300; len++)
        for (unsigned i = 0; i < 25; i++)
            one_text(&want, &got, len);
    for (unsigned i = 0; i < 3000; i++)
        one_text(&want, &got, 300 + draw(LEN_MAX - 300));
    index_deinit(&want.index);
    index_deinit(&got.index);
}

/*
 * What lies across the beginning of the fast way through a plain string: an escape whose
 * second half comes after it, a character that it cuts off, a scalar before it.
 */
static void test_in_front_of_a_plain_string(void **state)
{
    static const char *const front[] = {"\"",         "\"\\\\",         "\"\\", "\"\xC3",
                                        "\"\xE0\xB8", "\"\xF0\x9F\x98", "1\"",  ""};
    static const char *const behind[] = {"\"", "\\\"\"", "\xA9\"", "\x81\"", "1", "\"1"};
    static struct outcome want, got;
    uint8_t text[LEN_MAX];
    uint16_t cut[1];

    (void)state;
    index_init(&want.index, 0);
    index_init(&got.index, 0);
    for (size_t before = 0; before < 70; before++)
        for (size_t i = 0; i < sizeof front / sizeof *front; i++)
            for (size_t k = 0; k < sizeof behind / sizeof *behind; k++)
                for (size_t plain = 126; plain < 262; plain += plain < 130 ? 1 : 63) {
                    memset(text, ' ', before);
                    size_t n = append(text, before, 100, front[i]);
                    cut[0] = (uint16_t)n;
                    memset(text + n, 'A', plain);
                    n = append(text, n + plain, LEN_MAX, behind[k]);
                    for (unsigned w = 0; w < way_count; w++)
                        for (unsigned cuts = 0; cuts < 2; cuts++) {
                            run(&want, scan_feed_scalar, SCAN_JSON, NULL, ONLY_LOOK, text, n,
                                cut, cuts);
                            run(&got, ways[w].feed, SCAN_JSON, NULL, ONLY_LOOK, text, n, cut,
                                cuts);
                            assert_same(&want, &got, n);
                        }
                }
    index_deinit(&want.index);
    index_deinit(&got.index);
}

/* Scalar and vector code may take turns within a text: pieces of a few bytes do that. */
static void test_ways_take_turns(void **state)
{
    (void)state;
    seed = 2;
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t text[LEN_MAX];
        size_t len = draw(LEN_MAX), at = 0;
        struct scan one, other;
        sl_json_index x, y;
        int rc = 0, other_rc = 0;

        fill(text, len);
        index_init(&x, 0);
        index_init(&y, 0);
        scan_init(&one, SCAN_JSON, NULL, &x);
        scan_init(&other, SCAN_JSON, NULL, &y);
        while (at < len && rc == 0 && other_rc == 0) {
            size_t n = 1 + draw((uint32_t)(len - at) < 90 ? (uint32_t)(len - at) : 90);
            rc = scan_feed_scalar(&one, NULL, text + at, n);
            other_rc = ways[draw(way_count)].feed(&other, NULL, text + at, n);
            at += n;
        }
        assert_int_equal(rc, other_rc);
        if (rc == 0) {
            assert_int_equal(scan_end(&one), scan_end(&other));
            assert_int_equal(x.bad, y.bad);
            if (!x.bad) assert_int_equal(x.n, y.n);
            if (!x.bad && x.n > 0) assert_memory_equal(x.at, y.at, x.n * sizeof *x.at);
        }
        index_deinit(&x);
        index_deinit(&y);
    }
}

/* ---- bounds ---- */

/* `n` commas. */
static int scan_commas(sl_json_index *x, feed_fn feed, size_t n)
{
    uint8_t text[1024];
    struct scan s;

    assert_true(n <= sizeof text);
    memset(text, ',', sizeof text);
    scan_init(&s, SCAN_JSON, NULL, x);
    int rc = feed(&s, NULL, text, n);
    return rc < 0 ? rc : scan_end(&s);
}

static void test_index_limit(void **state)
{
    static const uint32_t limits[] = {1, 63, 64, 65, 200, 511, 512, 513};

    (void)state;
    for (unsigned w = 0; w < way_count; w++)
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
            for (int over = -1; over <= 1; over++) {
                sl_json_index x;
                index_init(&x, limits[i]);
                uint32_t n = (uint32_t)((int)limits[i] + over);
                assert_int_equal(scan_commas(&x, ways[w].feed, n), 0);
                assert_int_equal(x.overflow, over == 1);
                if (over < 1) assert_int_equal(x.n, n);
                assert_true(x.cap <= limits[i] + 64);
                index_reset(&x); /* an index that overflowed is good for the next text */
                assert_int_equal(scan_commas(&x, ways[w].feed, 1), 0);
                assert_false(x.overflow);
                assert_int_equal(x.n, 1);
                index_deinit(&x);
            }
}

static void test_index_without_memory(void **state)
{
    (void)state;
    for (unsigned w = 0; w < way_count; w++)
        for (long k = 0; k < 2; k++) {
            sl_json_index x;
            index_init(&x, 0);
            sl__alloc_fail_after(k);
            int rc = scan_commas(&x, ways[w].feed, 1000); /* more than the first allocation */
            sl__alloc_fail_after(-1);
            assert_int_equal(rc, 0);
            assert_true(x.overflow);
            assert_true(x.complete);
            index_deinit(&x);
            index_deinit(&x);
        }
}

static void test_index_beyond_4_gib(void **state)
{
    (void)state;
    for (unsigned w = 0; w < way_count; w++)
        for (unsigned over = 0; over < 2; over++) {
            uint8_t text[100];
            sl_json_index x;
            struct scan s;
            memset(text, ',', sizeof text);
            index_init(&x, 0);
            scan_init(&s, SCAN_JSON, NULL, &x);
            s.pos = UINT32_MAX - sizeof text + over;
            assert_int_equal(ways[w].feed(&s, NULL, text, sizeof text), 0);
            assert_int_equal(x.overflow, over);
            if (!over) assert_int_equal(x.at[99], UINT32_MAX - 1);
            index_deinit(&x);
        }
}

/* RFC 6455 §5.4: each frame of a message has a mask of its own. */
static void test_mask_changes_between_frames(void **state)
{
    static const char text[] =
        "{\"type\":\"frame\",\"image\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    const size_t len = sizeof text - 1;

    (void)state;
    for (unsigned w = 0; w < way_count; w++)
        for (size_t cut = 0; cut <= len; cut++) {
            static const uint8_t masks[2][4] = {
                {1,    2, 3,    4   },
                {0xFF, 0, 0x80, 0x7F}
            };
            uint8_t bytes[sizeof text];
            sl_json_index x;
            struct scan s;

            for (size_t i = 0; i < len; i++)
                bytes[i] =
                    (uint8_t)text[i] ^ (i < cut ? masks[0][i & 3] : masks[1][(i - cut) & 3]);
            index_init(&x, 0);
            scan_init(&s, SCAN_JSON, masks[0], &x);
            assert_int_equal(ways[w].feed(&s, bytes, bytes, cut), 0);
            scan_set_mask(&s, masks[1]);
            assert_int_equal(ways[w].feed(&s, bytes + cut, bytes + cut, len - cut), 0);
            assert_int_equal(scan_end(&s), 0);
            assert_memory_equal(bytes, text, len);
            assert_int_equal(x.n, 13);
            index_deinit(&x);
        }
}

static void test_name(void **state)
{
    static const char *const names[] = {"avx512", "avx2", "sse2", "neon", "scalar"};
    bool known = false;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known |= strcmp(scan_name(), names[i]) == 0;
    assert_true(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_twins_agree),
        cmocka_unit_test(test_in_front_of_a_plain_string),
        cmocka_unit_test(test_ways_take_turns),
        cmocka_unit_test(test_index_limit),
        cmocka_unit_test(test_index_without_memory),
        cmocka_unit_test(test_index_beyond_4_gib),
        cmocka_unit_test(test_mask_changes_between_frames),
        cmocka_unit_test(test_name),
    };

    return cmocka_run_group_tests(tests, find_ways, NULL);
}
