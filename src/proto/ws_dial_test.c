/* SPDX-License-Identifier: MIT */
#include "proto/ws_dial.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void test_frames_are_masked_rfc6455_5_3(void **state)
{
    static const size_t lens[] = {0, 1, 7, 8, 9, 125, 126, 65535, 65536, 70001};
    const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t *out = sl__alloc(70001 + WS_MASKED_HEAD_MAX);
    char *text = sl__alloc(70001);

    (void)state;
    assert_non_null(out);
    assert_non_null(text);
    for (size_t i = 0; i < 70001; i++)
        text[i] = (char)(i * 31);
    for (size_t k = 0; k < sizeof lens / sizeof *lens; k++) {
        size_t head = 2 + (lens[k] > 125) * 2 + (lens[k] > 65535) * 6 + 4;
        size_t n = ws_masked_frame(out, WS_TEXT, (sl_str){text, lens[k]}, mask);

        assert_int_equal(n, head + lens[k]);
        assert_int_equal(out[0], 0x81);
        assert_int_equal(out[1] & 0x80, 0x80);
        assert_memory_equal(out + head - 4, mask, 4);
        for (size_t i = 0; i < lens[k]; i++)
            assert_int_equal(out[head + i], (uint8_t)text[i] ^ mask[i & 3]);
    }
    /* §5.7: "Hello", masked */
    assert_int_equal(ws_masked_frame(out, WS_TEXT, SL_STR("Hello"), mask), 11);
    assert_memory_equal(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    sl__free(out);
    sl__free(text);
}

static void feed(struct reply *r, const char *text)
{
    size_t used;

    *r = (struct reply){0};
    assert_int_equal(reply_feed(r, text, strlen(text), &used), 0);
}

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 §1.3 */
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"

static void test_what_is_no_upgrade_rfc6455_4_1(void **state)
{
    // clang-format off
    static const struct {
        const char *reply, *objection; /* NULL: none */
    } rows[] = {
        {SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",     NULL        },
        {SWITCH "upgrade: WebSocket\r\nconnection: x, upgrade\r\n" ACCEPT "\r\n",  NULL        },
        {SWITCH "Connection: Upgrade\r\n" ACCEPT "\r\n",                           "else than" },
        {SWITCH "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",           "else than" },
        {SWITCH "Upgrade: websocket\r\n" ACCEPT "\r\n",                            "Connection"},
        {SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",               "Accept"    },
        {SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Accept: AAAA\r\n\r\n",                              "Accept"    },
        {SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT
                "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",               "extension" },
        {SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT
                "Sec-WebSocket-Protocol: chat\r\n\r\n",                               "subprotocol"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nUpgrade: websocket\r\n\r\n",     "no upgrade"},
    };
    // clang-format on
    struct reply *r = sl__alloc(sizeof *r);

    (void)state;
    assert_non_null(r);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *said;

        feed(r, rows[i].reply);
        said = ws_objection(r, SL_STR(KEY));
        if (rows[i].objection == NULL)
            assert_null(said);
        else
            assert_non_null(strstr(said, rows[i].objection));
    }
    sl__free(r);
}

/* A payload in pieces is masked as a whole one. */
static void test_a_mask_goes_on_where_it_was(void **state)
{
    const uint8_t mask[4] = {1, 20, 77, 200};
    uint8_t whole[40], pieces[40], text[40];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7);
    ws_mask(whole, text, sizeof text, mask, 0);
    for (size_t cut = 0; cut <= sizeof text; cut++) {
        ws_mask(pieces, text, cut, mask, 0);
        ws_mask(pieces + cut, text + cut, sizeof text - cut, mask, cut);
        assert_memory_equal(pieces, whole, sizeof whole);
    }
}

static void test_keys_are_good_and_never_the_same(void **state)
{
    char a[WS_KEY_SIZE], b[WS_KEY_SIZE], accept[WS_ACCEPT_SIZE];

    (void)state;
    ws_key(a);
    ws_key(b);
    assert_true(ws_accept(sl_str_of(a), accept));
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_are_masked_rfc6455_5_3),
        cmocka_unit_test(test_what_is_no_upgrade_rfc6455_4_1),
        cmocka_unit_test(test_a_mask_goes_on_where_it_was),
        cmocka_unit_test(test_keys_are_good_and_never_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
