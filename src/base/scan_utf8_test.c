/* SPDX-License-Identifier: MIT */
/* UTF-8 as the scan checks it: all of it, by every way, at the borders of blocks and feeds. */
#include "base/scan.h"
#include "base/scan_inside.h"
#include "base/scan_ways.h"

#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/*
 * Another opinion: bytes before the one that can not begin valid UTF-8, by decoding to code
 * points (RFC 3629 §3) instead of by bounds on the next byte. *whole: it ends between two.
 */
static size_t good_bytes(const uint8_t *p, size_t n, bool *whole)
{
    *whole = true;
    for (size_t i = 0; i < n;) {
        unsigned more = p[i] < 0x80 ? 0 : p[i] < 0xE0 ? 1 : p[i] < 0xF0 ? 2 : 3;
        if (p[i] >= 0x80 && (p[i] < 0xC0 || p[i] > 0xF7)) return i;
        uint32_t low = p[i] & (more == 0 ? 0x7F : 0x3F >> more), high;
        unsigned k = 0;
        for (;; k++) {
            /* every character that these bytes can still become lies in [low, high] */
            unsigned bits = 6 * (more - k);
            uint32_t from = low << bits;
            high = from | ((UINT32_C(1) << bits) - 1);
            uint32_t least = more == 0 ? 0 : more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
            if (high < least || from > 0x10FFFF || (from >= 0xD800 && high <= 0xDFFF))
                return i + k;
            if (k == more) break;
            if (i + k + 1 == n) {
                *whole = false;
                return n;
            }
            if ((p[i + k + 1] & 0xC0) != 0x80) return i + k + 1;
            low = low << 6 | (p[i + k + 1] & 0x3F);
        }
        i += k + 1;
    }
    return n;
}

/* Feed `n` bytes at offset `at` of a text of letters: by every way, whole and bytewise. */
static void check_utf8(const uint8_t *seq, size_t n, size_t at, bool bytewise)
{
    uint8_t text[160];
    bool whole;
    size_t len = at + n, good;

    memset(text, 'a', at);
    memcpy(text + at, seq, n);
    good = good_bytes(text, len, &whole);
    for (unsigned w = 0; w < way_count; w++) {
        struct scan s;
        scan_init(&s, SCAN_UTF8, NULL, NULL);
        int rc = ways[w].feed(&s, NULL, text, len);
        if (rc != (good < len ? SL_E_UTF8 : 0) || (rc == 0 && (scan_end(&s) == 0) != whole))
            fail_msg("%s: %02x %02x %02x %02x at %zu", ways[w].name, seq[0], n > 1 ? seq[1] : 0,
                     n > 2 ? seq[2] : 0, n > 3 ? seq[3] : 0, at);
        if (!bytewise) continue;
        /* RFC 6455 §8.1: refused with the byte itself, not with the next one */
        scan_init(&s, SCAN_UTF8, NULL, NULL);
        rc = ways[w].feed(&s, NULL, text, at);
        for (size_t i = at; i < len && rc == 0; i++) {
            rc = ways[w].feed(&s, NULL, text + i, 1);
            assert_int_equal(rc, i < good ? 0 : SL_E_UTF8);
        }
    }
}

static void test_utf8_every_pair(void **state)
{
    static const uint8_t offsets[] = {0, 30, 31, 62, 63};

    (void)state;
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (size_t i = 0; i < sizeof offsets; i++) {
                uint8_t seq[3] = {(uint8_t)a, (uint8_t)b, 'z'};
                check_utf8(seq, 2, offsets[i], i == 4);
                if (i > 2) check_utf8(seq, 3, offsets[i], false);
            }
}

/* The bounds of every range a byte can be compared with, and one beyond. */
static const uint8_t edges[] = {'a',  0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xF5};

static void test_utf8_three_and_four_bytes(void **state)
{
    static const uint8_t offsets[] = {0, 29, 60, 61, 62, 63};

    (void)state;
    for (unsigned a = 0xC0; a < 256; a++)
        for (size_t b = 0; b < sizeof edges; b++)
            for (size_t c = 0; c < sizeof edges; c++)
                for (size_t d = 0; d < sizeof edges; d++)
                    for (size_t i = 0; i < sizeof offsets; i++) {
                        uint8_t seq[4] = {(uint8_t)a, edges[b], edges[c], edges[d]};
                        check_utf8(seq, 4, offsets[i], i == 2);
                        if (d == 0) check_utf8(seq, 3, offsets[i], i == 2);
                    }
}

/* Every code point, in texts long enough for whole blocks. */
static void test_utf8_every_character(void **state)
{
    uint8_t text[512];
    size_t n = 0;

    (void)state;
    for (uint32_t c = 0x80; c <= 0x10FFFF; c++) {
        if (c == 0xD800) c = 0xE000;
        if (c >= 0x10000) text[n++] = (uint8_t)(0xF0 | c >> 18);
        if (c >= 0x800)
            text[n++] = (uint8_t)(c >= 0x10000 ? 0x80 | (c >> 12 & 0x3F) : 0xE0 | c >> 12);
        text[n++] = (uint8_t)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3F) : 0xC0 | c >> 6);
        text[n++] = (uint8_t)(0x80 | (c & 0x3F));
        if (n < 500 && c < 0x10FFFF) continue;
        for (unsigned w = 0; w < way_count; w++) {
            struct scan s;
            scan_init(&s, SCAN_UTF8, NULL, NULL);
            assert_int_equal(ways[w].feed(&s, NULL, text, n), 0);
            assert_int_equal(scan_end(&s), 0);
        }
        n = 0;
    }
}

/* A byte that is wrong anywhere in a long text is found in the feed that holds it. */
static void test_utf8_error_anywhere(void **state)
{
    uint8_t text[200];

    (void)state;
    for (unsigned w = 0; w < way_count; w++)
        for (size_t at = 0; at < sizeof text; at++)
            for (size_t cut = 0; cut <= sizeof text; cut += 7) {
                struct scan s;
                memset(text, 'a', sizeof text);
                text[at] = 0x80;
                scan_init(&s, SCAN_UTF8, NULL, NULL);
                int rc = cut ? ways[w].feed(&s, NULL, text, cut) : 0;
                assert_int_equal(rc, at < cut ? SL_E_UTF8 : 0);
                if (rc == 0)
                    assert_int_equal(ways[w].feed(&s, NULL, text + cut, sizeof text - cut),
                                     SL_E_UTF8);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_every_pair),
        cmocka_unit_test(test_utf8_three_and_four_bytes),
        cmocka_unit_test(test_utf8_every_character),
        cmocka_unit_test(test_utf8_error_anywhere),
    };

    return cmocka_run_group_tests(tests, find_ways, NULL);
}
