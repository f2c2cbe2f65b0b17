/* SPDX-License-Identifier: MIT */
/* Polling bodies of both revisions: what is read, what is refused, and whole again. */
#include "base/codec.h"
#include "proto/eio.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

#define B(lit)                  \
    {                           \
        "" lit, sizeof(lit) - 1 \
    }

/* Which body: the revision, and whether it came as an octet stream. */
enum body { R4, R4_OCTETS, R3, R3_OCTETS };

static void init(struct eio_payload *it, enum body how, sl_str body)
{
    eio_payload_init(it, how == R3 || how == R3_OCTETS ? 3 : 4,
                     how == R4_OCTETS || how == R3_OCTETS, body);
}

/* The packets of a body as a line: "4:hello", "b4:0102" (hex). returns what ended it */
static int tell(enum body how, sl_str body, char *line, size_t size)
{
    struct eio_payload it;
    struct eio_packet p;
    size_t n = 0;
    int rc;

    line[0] = '\0';
    init(&it, how, body);
    while ((rc = eio_payload_next(&it, &p)) > 0) {
        char bytes[256], hex[512];
        size_t len = p.data.len;
        sl_str data = p.data;

        if (p.base64 && eio_base64_decode(bytes, sizeof bytes, data, &len) < 0)
            return SL_E_ENGINE_IO;
        if (p.binary) {
            len = sl__hex_encode(hex, p.base64 ? bytes : data.ptr, len);
            data = (sl_str){hex, len};
        }
        n += (size_t)snprintf(line + n, size - n, "%s%s%u:%.*s", n ? " " : "",
                              p.binary ? "b" : "", p.type, (int)data.len, data.ptr);
        assert_true(n < size);
    }
    assert_int_equal(it.why != NULL, rc < 0);
    assert_int_equal(eio_payload_next(&it, &p), rc); /* ever the same */
    assert_null(p.data.ptr);
    return rc;
}

static sl_str exact(sl_str text)
{
    char *p = malloc(text.len ? text.len : 1);

    assert_non_null(p);
    if (text.len > 0) memcpy(p, text.ptr, text.len);
    return (sl_str){p, text.len};
}

/* ---- read ---- */

// clang-format off
static const struct {
    const char *name;
    enum body how;
    sl_str body;
    const char *want;
} taken[] = {
    {"4 one",                          R4, B("4hello"),                           "4:hello"},
    {"4 separated by 1E",              R4, B("4hello\x1e" "2\x1e" "4world"),      "4:hello 2: 4:world"},
    {"4 base64 has no type digit",     R4, B("4hello\x1e" "bAQIDBA=="),           "4:hello b4:01020304"},
    {"4 base64 without padding",       R4, B("bAQIDBA"),                          "b4:01020304"},
    {"4 empty messages",               R4, B("4\x1e" "b\x1e" "4"),                "4: b4: 4:"},
    {"4 euro",                         R4, B("4\u20ac\x1e" "4a"),                 "4:\u20ac 4:a"},
    {"4 seventeen packets",            R4, B("6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6\x1e" "6"),
     "6: 6: 6: 6: 6: 6: 6: 6: 6: 6: 6: 6: 6: 6: 6: 6: 6:"},
    {"4 octet stream is the text form",R4_OCTETS, B("4a\x1e" "4b"),               "4:a 4:b"},
    {"4 colons mean nothing",          R4, B("42:4a"),                            "4:2:4a"},
    {"3 one",                          R3, B("6:4hello"),                         "4:hello"},
    {"3 several",                      R3, B("6:4hello1:26:4world"),              "4:hello 2: 4:world"},
    {"3 euro counts one",              R3, B("2:4\u20ac"),                        "4:\u20ac"},
    {"3 euro, then more",              R3, B("2:4\u20ac2:4a"),                    "4:\u20ac 4:a"},
    {"3 emoji counts two",             R3, B("3:4\U0001F600" "1:6"),              "4:\U0001F600 6:"},
    {"3 of all lengths",               R3, B("6:4a\u00e9\u20ac\U0001F6002:2x"),   "4:a\u00e9\u20ac\U0001F600 2:x"},
    {"3 empty message",                R3, B("1:4"),                              "4:"},
    {"3 base64",                       R3, B("10:b4AQIDBA==1:6"),                 "b4:01020304 6:"},
    {"3 base64 without padding",       R3, B("8:b4AQIDBA"),                       "b4:01020304"},
    {"3 base64, empty",                R3, B("2:b4"),                             "b4:"},
    {"3 1E is a character",            R3, B("3:4\x1e" "5"),                      "4:\x1e" "5"},
    {"3 length with a colon behind",   R3, B("3:4::"),                            "4:::"},
    {"3 a POST as octets: text, bytes",R3_OCTETS, B("\0\6\xff" "4hello\1\5\xff\4\1\2\3\4"), "4:hello b4:01020304"},
    {"3 octets, bytes count",          R3_OCTETS, B("\0\4\xff" "4\u20ac"),        "4:\u20ac"},
    {"3 octets, empty messages",       R3_OCTETS, B("\0\1\xff" "4\1\1\xff\4"),    "4: b4:"},
    {"3 octets, two digits",           R3_OCTETS, B("\1\1\1\xff\4\0\1\2\3\4\5\6\7\x8\xff"), "b4:000102030405060708ff"},
};

static const struct {
    const char *name;
    enum body how;
    sl_str body;
    int rc;
} refused[] = {
    {"4 empty body",                   R4, B(""),                     SL_E_ENGINE_IO},
    {"4 empty packet in front",        R4, B("\x1e" "4a"),            SL_E_ENGINE_IO},
    {"4 empty packet between",         R4, B("4a\x1e\x1e" "4b"),      SL_E_ENGINE_IO},
    {"4 empty packet at the end",      R4, B("4a\x1e"),               SL_E_ENGINE_IO},
    {"4 unknown type",                 R4, B("4a\x1e" "abc"),         SL_E_ENGINE_IO},
    {"4 type 7",                       R4, B("7"),                    SL_E_ENGINE_IO},
    {"4 bad base64",                   R4, B("bAQ*D"),                SL_E_ENGINE_IO},
    {"4 not UTF-8",                    R4, B("4\xe9"),                SL_E_UTF8},
    {"4 not UTF-8 further on",         R4, B("4a\x1e" "4\xff"),       SL_E_UTF8},
    {"4 surrogate as UTF-8",           R4, B("4\xed\xa0\x80"),        SL_E_UTF8},
    {"3 empty body",                   R3, B(""),                     SL_E_ENGINE_IO},
    {"3 text form of revision 4",      R3, B("4hello"),               SL_E_ENGINE_IO},
    {"3 empty length",                 R3, B(":4"),                   SL_E_ENGINE_IO},
    {"3 signed length",                R3, B("+1:4"),                 SL_E_ENGINE_IO},
    {"3 negative length",              R3, B("-1:4"),                 SL_E_ENGINE_IO},
    {"3 length with a letter",         R3, B("1a:4"),                 SL_E_ENGINE_IO},
    {"3 length with a space",          R3, B(" 1:4"),                 SL_E_ENGINE_IO},
    {"3 length and nothing else",      R3, B("1"),                    SL_E_ENGINE_IO},
    {"3 length and a colon",           R3, B("1:"),                   SL_E_ENGINE_IO},
    {"3 length zero",                  R3, B("0:"),                   SL_E_ENGINE_IO},
    {"3 length zero, then more",       R3, B("0:1:2"),                SL_E_ENGINE_IO},
    {"3 past the end",                 R3, B("3:4a"),                 SL_E_ENGINE_IO},
    {"3 bytes counted, not characters",R3, B("4:4\u20ac"),            SL_E_ENGINE_IO},
    {"3 emoji counted once",           R3, B("2:4\U0001F600"),        SL_E_ENGINE_IO},
    {"3 ends inside an emoji",         R3, B("2:4\U0001F600" "1:2"),  SL_E_ENGINE_IO},
    {"3 over-long length",             R3, B("00000000000000000000000000000001:4"), SL_E_ENGINE_IO},
    {"3 length beyond 2^64",           R3, B("18446744073709551617:4"), SL_E_ENGINE_IO},
    {"3 zero in front of a length",    R3, B("01:4"),                 SL_E_ENGINE_IO},
    {"3 unknown type",                 R3, B("1:7"),                  SL_E_ENGINE_IO},
    {"3 base64 without a type",        R3, B("1:b"),                  SL_E_ENGINE_IO},
    {"3 base64 of an unknown type",    R3, B("3:b9A"),                SL_E_ENGINE_IO},
    {"3 not UTF-8",                    R3, B("2:4\xe9"),              SL_E_UTF8},
    {"3 ends in a character",          R3, B("2:4\xe2\x82"),          SL_E_UTF8},
    {"3 octets, empty body",           R3_OCTETS, B(""),              SL_E_ENGINE_IO},
    {"3 octets, neither 0 nor 1",      R3_OCTETS, B("\2\1\xff" "4"),  SL_E_ENGINE_IO},
    {"3 octets, ASCII digits",         R3_OCTETS, B("\0" "1\xff" "4"),SL_E_ENGINE_IO},
    {"3 octets, no length",            R3_OCTETS, B("\0\xff" "4"),    SL_E_ENGINE_IO},
    {"3 octets, no end of the length", R3_OCTETS, B("\0\1"),          SL_E_ENGINE_IO},
    {"3 octets, past the end",         R3_OCTETS, B("\0\3\xff" "4a"), SL_E_ENGINE_IO},
    {"3 octets, zero in front",        R3_OCTETS, B("\0\0\1\xff" "2"), SL_E_ENGINE_IO},
    {"3 octets, length zero",          R3_OCTETS, B("\0\0\xff"),      SL_E_ENGINE_IO},
    {"3 octets, over-long length",     R3_OCTETS, B("\0\0\0\0\0\1\xff" "4"), SL_E_ENGINE_IO},
    {"3 octets, ASCII type on binary", R3_OCTETS, B("\1\2\xff" "4\1"),SL_E_ENGINE_IO},
    {"3 octets, number on text",       R3_OCTETS, B("\0\2\xff\4a"),   SL_E_ENGINE_IO},
    {"3 octets, text is not UTF-8",    R3_OCTETS, B("\0\2\xff" "4\xe9"), SL_E_UTF8},
    {"3 octets, a character over two", R3_OCTETS, B("\0\2\xff" "4\xc3\0\2\xff" "4a"), SL_E_UTF8},
};
// clang-format on

static void test_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        char line[512];
        sl_str body = exact(taken[i].body);

        print_message("# %s\n", taken[i].name);
        assert_int_equal(tell(taken[i].how, body, line, sizeof line), 0);
        assert_string_equal(line, taken[i].want);
        free((char *)body.ptr);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char line[512];
        sl_str body = exact(refused[i].body);

        print_message("# %s\n", refused[i].name);
        assert_int_equal(tell(refused[i].how, body, line, sizeof line), refused[i].rc);
        free((char *)body.ptr);
    }
}

/* A body that is cut off anywhere gives a beginning of its packets; the counted forms show it.
 */
static void test_cut_off_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        for (size_t n = 0; n < taken[i].body.len; n++) {
            char line[512];
            sl_str body = exact((sl_str){taken[i].body.ptr, n});
            int rc = tell(taken[i].how, body, line, sizeof line);

            if (taken[i].how == R3 || taken[i].how == R3_OCTETS) {
                assert_true(strncmp(taken[i].want, line, strlen(line)) == 0);
                assert_true(rc < 0 || strlen(line) < strlen(taken[i].want));
            }
            free((char *)body.ptr);
        }
    }
}

/* ---- whole again ---- */

struct sample {
    bool binary;
    enum eio_type type;
    sl_str data;
};

static size_t put(enum eio_wire wire, bool first, const struct sample *s, char *out)
{
    bool utf16 = eio_wants_utf16(wire) && !s->binary;
    size_t n = eio_put_head(wire, first, s->type, s->binary,
                            utf16 ? eio_utf16_len(s->data) : s->data.len, out);

    if (s->binary && eio_wants_base64(wire))
        return n + sl__base64_encode(out + n, s->data.ptr, s->data.len);
    memcpy(out + n, s->data.ptr, s->data.len);
    return n + s->data.len;
}

/* The contract's own example, and texts long enough for the loop by blocks. */
static void test_bodies_byte_for_byte(void **state)
{
    static const struct sample two[] = {
        {false, EIO_MESSAGE, B("hello")   },
        {true,  EIO_MESSAGE, B("\1\2\3\4")}
    };
    static const struct {
        enum eio_wire wire;
        sl_str want;
    } rows[] = {
        {EIO4_POLL,       B("4hello\x1e"
                      "bAQIDBA==")                                   },
        {EIO3_POLL,       B("6:4hello10:b4AQIDBA==")                                    },
        {EIO3_POLL_BYTES, B("\x00\x06\xFF\x34\x68\x65\x6C\x6C\x6F"
                            "\x01\x05\xFF\x04\x01\x02\x03\x04")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[128];
        size_t n = put(rows[i].wire, true, &two[0], out);
        n += put(rows[i].wire, false, &two[1], out + n);
        assert_int_equal(n, rows[i].want.len);
        assert_memory_equal(out, rows[i].want.ptr, n);
    }
}

static void check_round(enum eio_wire wire, enum body how, const struct sample *s, size_t count)
{
    static char out[65536], bytes[8192];
    struct eio_payload it;
    struct eio_packet p;
    size_t n = 0, got;

    for (size_t i = 0; i < count; i++)
        n += put(wire, i == 0, &s[i], out + n);
    init(&it, how, (sl_str){out, n});
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(eio_payload_next(&it, &p), 1);
        assert_int_equal(p.type, s[i].type);
        assert_int_equal(p.binary, s[i].binary);
        assert_int_equal(p.base64, s[i].binary && eio_wants_base64(wire));
        if (p.base64) {
            assert_int_equal(eio_base64_decode(bytes, sizeof bytes, p.data, &got), 0);
            p.data = (sl_str){bytes, got};
        }
        assert_true(sl_str_eq(p.data, s[i].data));
    }
    assert_int_equal(eio_payload_next(&it, &p), 0);
}

static void test_round_trips_of_all_lengths(void **state)
{
    static const sl_str chars[] = {B("x"), B("\u00e9"), B("\u20ac"), B("\U0001F600")};
    char text[4096];

    (void)state;
    for (size_t len = 0; len < 300; len++) {
        struct sample s[3] = {
            {false, EIO_MESSAGE, {text, 0}  },
            {true,  EIO_MESSAGE, {text, len}},
            {false, EIO_PONG,    B("probe") }
        };
        uint32_t seed = (uint32_t)len * 2654435761u;
        size_t n = 0;

        for (size_t i = 0; i < len; i++, seed = seed * 1664525 + 1013904223) {
            sl_str c = chars[len % 5 == 4 ? seed >> 30 : len % 5];
            memcpy(text + n, c.ptr, c.len);
            n += c.len;
        }
        s[0].data.len = n;
        check_round(EIO4_POLL, R4, s, 3);
        check_round(EIO3_POLL, R3, s, 3);
        check_round(EIO3_POLL_BYTES, R3_OCTETS, s, 3);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_bodies_byte_for_byte),
        cmocka_unit_test(test_round_trips_of_all_lengths),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
