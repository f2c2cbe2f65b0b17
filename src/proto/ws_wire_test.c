/* SPDX-License-Identifier: MIT */
#include "proto/ws.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void test_frame_head_is_minimal(void **state)
{
    static const struct {
        uint64_t len;
        size_t n;
        uint8_t head[WS_HEAD_MAX];
    } rows[] = {
        {0,                  2,  {0x81, 0}                          },
        {1,                  2,  {0x81, 1}                          },
        {125,                2,  {0x81, 125}                        },
        {126,                4,  {0x81, 126, 0, 126}                },
        {256,                4,  {0x81, 126, 1, 0}                  },
        {65535,              4,  {0x81, 126, 0xFF, 0xFF}            },
        {65536,              10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
        {0x0102030405060708, 10, {0x81, 127, 1, 2, 3, 4, 5, 6, 7, 8}},
    };
    uint8_t head[WS_HEAD_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(ws_frame_head(head, WS_TEXT, rows[i].len), rows[i].n);
        assert_memory_equal(head, rows[i].head, rows[i].n);
    }
    assert_int_equal(ws_frame_head(head, WS_PONG, 3), 2);
    assert_int_equal(head[0], 0x8A);
}

/* §7.4.1, §7.4.2 and the IANA registry: each edge */
static void test_close_codes(void **state)
{
    static const struct {
        int from, to;
        bool valid;
    } rows[] = {
        {-1,   999,   false},
        {1000, 1003,  true },
        {1004, 1006,  false},
        {1007, 1014,  true },
        {1015, 2999,  false},
        {3000, 4999,  true },
        {5000, 66000, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int code = rows[i].from; code <= rows[i].to; code++)
            if (ws_close_code_is_valid(code) != rows[i].valid) fail_msg("code %d", code);
}

static void test_close_payload(void **state)
{
    char text[200];
    uint8_t out[WS_CONTROL_MAX];
    sl_str reason;

    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(ws_close_payload(out, 1000, SL_STR("")), 2);
    assert_memory_equal(out, "\x03\xe8", 2);
    assert_int_equal(ws_close_payload(out, 4000, SL_STR("bye")), 5);
    assert_memory_equal(out,
                        "\x0f\xa0"
                        "bye",
                        5);
    assert_int_equal(ws_close_payload(out, WS_NO_STATUS, SL_STR("bye")), 0);
    assert_int_equal(ws_close_payload(out, WS_ABNORMAL, SL_STR("bye")), 0);
    for (size_t len = 120; len < 130; len++)
        assert_int_equal(ws_close_payload(out, 1000, (sl_str){text, len}),
                         2 + (len < 123 ? len : 123));

    assert_int_equal(ws_close_payload(out, 4001, SL_STR("why")), 5);
    assert_int_equal(ws_close_read((sl_str){(char *)out, 5}, &reason), 4001);
    assert_true(sl_str_eq(reason, SL_STR("why")));
    assert_int_equal(ws_close_read((sl_str){(char *)out, 2}, &reason), 4001);
    assert_int_equal(reason.len, 0);
    assert_int_equal(ws_close_read((sl_str){(char *)out, 0}, &reason), WS_NO_STATUS);
    assert_int_equal(reason.len, 0);
    assert_int_equal(ws_close_read((sl_str){(char *)out, 5}, NULL), 4001);
}

static void test_close_reason_is_cut_at_a_character(void **state)
{
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    char text[200];
    uint8_t out[WS_CONTROL_MAX];

    (void)state;
    for (size_t c = 0; c < 3; c++) {
        size_t width = strlen(characters[c]);

        for (size_t before = 110; before <= 124; before++) {
            memset(text, 'a', sizeof text);
            memcpy(text + before, characters[c], width);
            size_t n = ws_close_payload(out, 1000, (sl_str){text, 150});
            bool split = before < 123 && before + width > 123;

            assert_int_equal(n, 2 + (split ? before : 123));
            assert_memory_equal(out + 2, text, n - 2);
        }
    }
    assert_int_equal(ws_close_payload(out, 1000, SL_STR("caf\xe9")), 2); /* Latin-1 */
    memset(text, 0x80, sizeof text);
    assert_int_equal(ws_close_payload(out, 1000, (sl_str){text, sizeof text}), 2);
}

static void test_accept(void **state)
{
    static const struct {
        const char *key, *answer;
    } rows[] = {
        {"dGhlIHNhbXBsZSBub25jZQ==",                         "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, /* §1.3 */
        {"x3JJHMbDL1EzLkh9GBhXDw==",                         "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
        {"AQIDBAUGBwgJCgsMDQ4PEC==",                         "OfS0wDaT5NoxF2gqm7Zj2YtetzM="}, /* §4.1, bits left over */
        {"",                                                 NULL                          },
        {"dGhlIHNhbXBsZSBub25jZQ",                           NULL                          },
        {"dGhlIHNhbXBsZSBub25jZQ=",                          NULL                          },
        {"dGhlIHNhbXBsZSBub25jZQ===",                        NULL                          },
        {"dGhlIHNhbXBsZSBub25jZSA=",                         NULL                          }, /* 17 bytes */
        {"dGhlIHNhbXBsZSBub25jZSAg",                         NULL                          }, /* 18 bytes */
        {"dGhlIHNhbXBsZSBub25j",                             NULL                          }, /* 15 bytes */
        {"dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==", NULL                          },
        {" dGhlIHNhbXBsZSBub25jZQ=",                         NULL                          },
        {"dGhlIHNhbXBsZSB-b25jZQ==",                         NULL                          },
        {"dGhlIHNhbXBsZSBub25j=Q==",                         NULL                          },
        {"========================",                         NULL                          },
    };
    char out[WS_ACCEPT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool ok = ws_accept(sl_str_of(rows[i].key), out);

        if (ok != (rows[i].answer != NULL)) fail_msg("key '%s'", rows[i].key);
        if (ok) assert_string_equal(out, rows[i].answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_head_is_minimal),
        cmocka_unit_test(test_close_codes),
        cmocka_unit_test(test_close_payload),
        cmocka_unit_test(test_close_reason_is_cut_at_a_character),
        cmocka_unit_test(test_accept),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("ws_wire", tests, NULL, NULL);
}
