/* SPDX-License-Identifier: MIT */
/* Packets on a WebSocket, heads on every wire, base64 and the handshake. */
#include "proto/eio.h"

#include "base/codec.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#define B(lit)                  \
    {                           \
        "" lit, sizeof(lit) - 1 \
    }

#define NONE (-1)

static void assert_bytes(const char *name, sl_str got, sl_str want)
{
    if (!sl_str_eq(got, want))
        fail_msg("%s: got %zu bytes \"%.*s\"", name, got.len, (int)got.len, got.ptr);
}

/* ---- WebSocket messages ---- */

/* type NONE: refused. data is what is behind the first `skip` bytes */
// clang-format off
static const struct {
    const char *name;
    unsigned revision;
    bool text;
    sl_str in;
    int type;
    size_t skip;
} messages[] = {
    {"open",                        4, true,  B("0{\"sid\":1}"), EIO_OPEN,    1},
    {"close",                       4, true,  B("1"),            EIO_CLOSE,   1},
    {"ping",                        4, true,  B("2"),            EIO_PING,    1},
    {"ping with probe",             4, true,  B("2probe"),       EIO_PING,    1},
    {"pong",                        3, true,  B("3probe"),       EIO_PONG,    1},
    {"message",                     4, true,  B("4hello"),       EIO_MESSAGE, 1},
    {"message, revision 3",         3, true,  B("4\u20ac"),      EIO_MESSAGE, 1},
    {"empty message",               4, true,  B("4"),            EIO_MESSAGE, 1},
    {"message that holds 1E",       4, true,  B("4a\x1e" "b"),   EIO_MESSAGE, 1},
    {"upgrade",                     4, true,  B("5"),            EIO_UPGRADE, 1},
    {"noop",                        4, true,  B("6"),            EIO_NOOP,    1},
    {"binary is the bytes alone",   4, false, B("\x01\x02"),     EIO_MESSAGE, 0},
    {"binary that begins with 4",   4, false, B("\x04\x02"),     EIO_MESSAGE, 0},
    {"empty binary",                4, false, B(""),             EIO_MESSAGE, 0},
    {"3: binary has a type byte",   3, false, B("\x04\x01\x02"), EIO_MESSAGE, 1},
    {"3: binary, empty message",    3, false, B("\x04"),         EIO_MESSAGE, 1},
    {"3: binary ping",              3, false, B("\x02"),         EIO_PING,    1},
    {"empty text",                  4, true,  B(""),             NONE,        0},
    {"empty text, revision 3",      3, true,  B(""),             NONE,        0},
    {"unknown type 7",              4, true,  B("7"),            NONE,        0},
    {"unknown type, below digits",  4, true,  B("/x"),           NONE,        0},
    {"unknown type, a letter",      4, true,  B("abc"),          NONE,        0},
    {"base64 belongs to polling",   4, true,  B("bAQID"),        NONE,        0},
    {"type as a number in a text",  4, true,  B("\x04x"),        NONE,        0},
    {"3: binary without a type",    3, false, B(""),             NONE,        0},
    {"3: binary with an ASCII type",3, false, B("4\x01\x02"),    NONE,        0},
    {"3: binary, unknown type 7",   3, false, B("\x07"),         NONE,        0},
};
// clang-format on

static void test_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        const char *name = messages[i].name;
        struct eio_packet p;
        sl_str in = messages[i].in;
        bool good = messages[i].type != NONE;
        int rc = eio_decode(messages[i].revision, messages[i].text, in, &p);

        print_message("# %s\n", name);
        assert_int_equal(rc, good ? 0 : SL_E_ENGINE_IO);
        assert_int_equal(p.type, good ? messages[i].type : 0);
        assert_int_equal(p.binary, good && !messages[i].text);
        assert_false(p.base64);
        size_t skip = messages[i].skip;
        if (good) assert_bytes(name, p.data, (sl_str){in.ptr + skip, in.len - skip});
        if (!good) assert_null(p.data.ptr);
    }
}

/* ---- heads ---- */

// clang-format off
static const struct {
    const char *name;
    enum eio_wire wire;
    bool first, binary;
    enum eio_type type;
    size_t len;
    sl_str want;
} heads[] = {
    {"4 WebSocket text",             EIO4_WS,         true,  false, EIO_MESSAGE, 9,        B("4")},
    {"4 WebSocket binary",           EIO4_WS,         true,  true,  EIO_MESSAGE, 9,        B("")},
    {"3 WebSocket text",             EIO3_WS,         true,  false, EIO_PONG,    9,        B("3")},
    {"3 WebSocket binary, 04",       EIO3_WS,         true,  true,  EIO_MESSAGE, 9,        B("\x04")},
    {"4 polling, first",             EIO4_POLL,       true,  false, EIO_OPEN,    9,        B("0")},
    {"4 polling, another",           EIO4_POLL,       false, false, EIO_NOOP,    0,        B("\x1e" "6")},
    {"4 polling, binary",            EIO4_POLL,       true,  true,  EIO_MESSAGE, 3,        B("b")},
    {"4 polling, binary, another",   EIO4_POLL,       false, true,  EIO_MESSAGE, 3,        B("\x1e" "b")},
    {"3 text, empty",                EIO3_POLL,       true,  false, EIO_CLOSE,   0,        B("1:1")},
    {"3 text, one unit",             EIO3_POLL,       false, false, EIO_MESSAGE, 1,        B("2:4")},
    {"3 text, 9 to 10",              EIO3_POLL,       false, false, EIO_MESSAGE, 9,        B("10:4")},
    {"3 text, binary, empty",        EIO3_POLL,       true,  true,  EIO_MESSAGE, 0,        B("2:b4")},
    {"3 text, binary, 3 bytes",      EIO3_POLL,       true,  true,  EIO_MESSAGE, 3,        B("6:b4")},
    {"3 text, binary, 4 bytes",      EIO3_POLL,       true,  true,  EIO_MESSAGE, 4,        B("10:b4")},
    {"3 bytes, text",                EIO3_POLL_BYTES, true,  false, EIO_MESSAGE, 5,        B("\0\6\xff" "4")},
    {"3 bytes, binary",              EIO3_POLL_BYTES, false, true,  EIO_MESSAGE, 4,        B("\1\5\xff\4")},
    {"3 bytes, three digits",        EIO3_POLL_BYTES, false, true,  EIO_MESSAGE, 119,      B("\1\1\2\0\xff\4")},
    {"3 text, the longest",          EIO3_POLL,       false, false, EIO_MESSAGE, SIZE_MAX - 1, B("18446744073709551615:4")},
    {"3 bytes, the longest",         EIO3_POLL_BYTES, false, true,  EIO_MESSAGE, SIZE_MAX - 1,
     B("\1\1\x8\4\4\6\7\4\4\0\7\3\7\0\x9\5\5\1\6\1\5\xff\4")},
};
// clang-format on

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char *out = malloc(EIO_HEAD_MAX); /* exact, for the address sanitizer */

        assert_non_null(out);
        print_message("# %s\n", heads[i].name);
        size_t n = eio_put_head(heads[i].wire, heads[i].first, heads[i].type, heads[i].binary,
                                heads[i].len, out);
        assert_bytes(heads[i].name, (sl_str){out, n}, heads[i].want);
        free(out);
    }
}

static void test_what_a_wire_wants(void **state)
{
    (void)state;
    for (enum eio_wire w = EIO4_WS; w <= EIO3_POLL_BYTES; w++) {
        assert_int_equal(eio_wants_base64(w), w == EIO4_POLL || w == EIO3_POLL);
        assert_int_equal(eio_wants_utf16(w), w == EIO3_POLL);
    }
}

/* ---- UTF-16 ---- */

static const struct {
    const char *text;
    size_t units;
} utf16[] = {
    {"",                        0},
    {"a",                       1},
    {"\u00e9",                  1},
    {"\u20ac",                  1},
    {"\U0001F600",              2},
    {"\uFFFD",                  1},
    {"\U0010FFFF",              2},
    {"a\u00e9\u20ac\U0001F600", 5},
};

/* At every place of a block: the loop by blocks and the one by bytes must agree. */
static void test_utf16_len(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof utf16 / sizeof *utf16; i++) {
        size_t len = strlen(utf16[i].text);
        for (size_t shift = 0; shift < 200; shift++) {
            char text[256];
            memset(text, 'x', sizeof text);
            memcpy(text + shift, utf16[i].text, len);
            size_t all = sizeof text - shift % 70;
            if (all < shift + len) all = shift + len;
            size_t want = all - len + utf16[i].units;
            assert_int_equal(eio_utf16_len((sl_str){text, all}), want);
            for (size_t cut = 0; cut <= all; cut += 13) /* pieces add up, wherever cut */
                assert_int_equal(eio_utf16_len((sl_str){text, cut})
                                     + eio_utf16_len((sl_str){text + cut, all - cut}),
                                 want);
        }
    }
}

/* ---- base64 ---- */

static const struct {
    const char *text;
    int rc;
    sl_str want;
} base64[] = {
    {"",         0,              B("")            },
    {"AQIDBA==", 0,              B("\1\2\3\4")    },
    {"AQIDBA",   0,              B("\1\2\3\4")    },
    {"AQIDBA=",  0,              B("\1\2\3\4")    },
    {"AQIDBAU=", 0,              B("\1\2\3\4\5")  },
    {"AQIDBAU",  0,              B("\1\2\3\4\5")  },
    {"AQIDBAUG", 0,              B("\1\2\3\4\5\6")},
    {"+/+/",     0,              B("\xfb\xff\xbf")},
    {"A",        SL_E_ENGINE_IO, B("")            },
    {"AQIDB",    SL_E_ENGINE_IO, B("")            },
    {"=",        SL_E_ENGINE_IO, B("")            },
    {"AQ==AQ",   SL_E_ENGINE_IO, B("")            },
    {"AQ==AQ==", SL_E_ENGINE_IO, B("")            },
    {"AQID====", SL_E_ENGINE_IO, B("")            },
    {"AQID=",    SL_E_ENGINE_IO, B("")            },
    {"-_-_",     SL_E_ENGINE_IO, B("")            },
    {"AQ ID",    SL_E_ENGINE_IO, B("")            },
    {"AQI\n",    SL_E_ENGINE_IO, B("")            },
    {"AQI\x80",  SL_E_ENGINE_IO, B("")            },
};

static void test_base64(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof base64 / sizeof *base64; i++) {
        sl_str text = sl_str_of(base64[i].text);
        size_t room = eio_base64_room(text.len), n;
        char *out = malloc(room);

        assert_non_null(out);
        print_message("# base64, row %zu\n", i);
        assert_int_equal(eio_base64_decode(out, room, text, &n), base64[i].rc);
        if (base64[i].rc == 0) {
            assert_bytes("base64", (sl_str){out, n}, base64[i].want);
            assert_int_equal(eio_base64_decode(out, n, text, &n), 0); /* exactly enough */
            if (n > 0) assert_int_equal(eio_base64_decode(out, n - 1, text, &n), SL_E_TOO_BIG);
        }
        free(out);
    }
}

/* ---- the handshake ---- */

static void test_open(void **state)
{
    sl_json_out o = {0};
    struct eio_handshake h = {SL_STR("lv_VI97HAXpY6yYWAAAC"), true, 25000, 20000, 1000000};

    (void)state;
    eio_put_open(&o, &h);
    assert_bytes(
        "4 handshake", sl_out_text(&o),
        SL_STR("{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[\"websocket\"],"
               "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"));
    sl_out_reset(&o);
    h.upgrade = false;
    h.max_payload_bytes = UINT32_MAX;
    eio_put_open(&o, &h);
    assert_bytes(
        "begun on a WebSocket", sl_out_text(&o),
        SL_STR("{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[],"
               "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":4294967295}"));
    sl_out_deinit(&o);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_what_a_wire_wants),
        cmocka_unit_test(test_utf16_len),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_open),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
