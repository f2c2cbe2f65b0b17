/* SPDX-License-Identifier: MIT */
#include "serve/ws_session.h"

#include "base/alloc.h"
#include "serve/ws_test.h"

#include <stdio.h>

static int setup(void **state)
{
    struct ws_bench *b = calloc(1, sizeof *b);

    bench_init(b, NULL);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct ws_bench *b = *state;

    assert_int_equal(b->opens, b->closes); /* on_close is called once for each */
    bench_deinit(b);
    free(b);
    return 0;
}

static void assert_sent(const struct mem_stream *m, const char *bytes, size_t n)
{
    assert_int_equal(m->sent_len, n);
    assert_memory_equal(m->sent, bytes, n);
}
#define ASSERT_SENT(m, literal) assert_sent((m), literal, sizeof literal - 1)

static void handshake_is_answered_by_the_letter(void **state)
{
    struct ws_bench *b = *state;
    struct stream_options o = {.waiting_max = 1000};
    struct mem_stream *m = mem_stream_open(b->loop, &o);

    http_conn_open(b->server, &m->s);
    mem_stream_feed(m, UPGRADE, sizeof UPGRADE - 1);
    sl__loop_crank(b->loop, 0);
    m->sent[m->sent_len - 1] = 0;
    assert_non_null(strstr(m->sent, "\r\nUpgrade: websocket\r\n"));
    assert_non_null(strstr(m->sent, "\r\nConnection: Upgrade\r\n"));
    assert_non_null(
        strstr(m->sent, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(m->sent, "\r\nAccess-Control-Allow-Origin: *\r\n"));
    bench_hang_up(b, m);
    assert_int_equal(b->code, WS_ABNORMAL);
}

/* RFC 6455 §4.2.1, one row a fault */
static void bad_handshakes_are_told_why(void **state)
{
#define GET     "GET /ws HTTP/1.1\r\nHost: h\r\n"
#define ASK     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
    static const struct {
        const char *name, *request, *status, *says;
    } rows[] = {
        {"no upgrade",  GET "\r\n",                                        "426", "WebSocket"                  },
        {"no key",      GET ASK VERSION "\r\n",                            "400", "lacks Sec-WebSocket-Key"    },
        {"short key",   GET ASK VERSION "Sec-WebSocket-Key: AAAA\r\n\r\n", "400", "16 bytes"                   },
        {"no version",  GET ASK KEY "\r\n",                                "400", "lacks Sec-WebSocket-Version"},
        {"old version", GET ASK KEY "Sec-WebSocket-Version: 8\r\n\r\n",    "426", "version 13"                 },
    };
    struct ws_bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stream_options o = {.waiting_max = 1000};
        struct mem_stream *m = mem_stream_open(b->loop, &o);
        http_conn_open(b->server, &m->s);
        mem_stream_feed(m, rows[i].request, strlen(rows[i].request));
        sl__loop_crank(b->loop, 0);
        char *answer = strndup(m->sent, m->sent_len);
        if (strncmp(answer + 9, rows[i].status, 3) != 0 || strstr(answer, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].name, answer);
        if (strcmp(rows[i].status, "426") == 0)
            assert_non_null(strstr(answer, "Sec-WebSocket-Version: 13"));
        free(answer);
        bench_hang_up(b, m);
    }
    assert_int_equal(b->opens, 0);
}

/* RFC 6455 §4.2.2 step 5, §11.3.4: the list may come in several fields; names are told apart by
 * case; who offers none, or none of ours, is let in without. */
static void a_subprotocol_is_agreed_on(void **state)
{
#define OFFER "Sec-WebSocket-Protocol: "
    static const char *const ours[] = {"best.v2", "good", NULL};
    static const struct {
        const char *offer, *agreed;
    } rows[] = {
        {"",                                    NULL     },
        {OFFER "good\r\n",                      "good"   },
        {OFFER "other, good\r\n",               "good"   },
        {OFFER "good,\tbest.v2\r\n",            "best.v2"},
        {OFFER "other\r\n" OFFER "best.v2\r\n", "best.v2"},
        {"sec-websocket-protocol: good\r\n",    "good"   },
        {OFFER "GOOD\r\n",                      NULL     },
        {OFFER "goo, oodles, good2\r\n",        NULL     },
        {OFFER "\r\n",                          NULL     },
        {OFFER ",, ,good ,\r\n",                "good"   },
    };
    struct ws_bench *b = *state;

    b->ops.protocols = ours;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stream_options o = {.waiting_max = 1000};
        struct mem_stream *m = mem_stream_open(b->loop, &o);
        char request[512], line[64], *answer;
        snprintf(request, sizeof request, "%.*s%s\r\n", (int)sizeof UPGRADE - 3, UPGRADE,
                 rows[i].offer);
        http_conn_open(b->server, &m->s);
        mem_stream_feed(m, request, strlen(request));
        sl__loop_crank(b->loop, 0);
        assert_non_null(b->last);
        answer = strndup(m->sent, m->sent_len);
        if (rows[i].agreed != NULL) {
            assert_string_equal(sl_ws_protocol(b->last), rows[i].agreed);
            snprintf(line, sizeof line, "\r\n" OFFER "%s\r\n", rows[i].agreed);
            if (strstr(answer, line) == NULL) fail_msg("row %zu: %s", i, answer);
        } else {
            assert_null(sl_ws_protocol(b->last));
            if (strstr(answer, "Protocol: ") != NULL) fail_msg("row %zu: %s", i, answer);
        }
        free(answer);
        bench_hang_up(b, m);
    }
}

static void messages_come_back_as_they_were(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    b->echo = true;
    bench_send(m, 0x81, "hello", 5);
    bench_send(m, 0x82, "\x00\xff", 2);
    bench_send(m, 0x01, "in ", 3); /* two fragments with a ping between */
    bench_send(m, 0x89, "!", 1);
    bench_send(m, 0x80, "two", 3);
    bench_send(m, 0x81, "", 0);
    sl__loop_crank(b->loop, 0);
    /* the pong is newest-only: behind what is in order */
    ASSERT_SENT(m, "\x81\x05hello\x82\x02\x00\xff\x81\x06in two\x81\x00\x8a\x01!");
    assert_int_equal(m->sends, 1);
    bench_hang_up(b, m);
}

static void frames_behind_the_upgrade_are_not_lost(void **state)
{
    static const char both[] = UPGRADE "\x81\x82\0\0\0\0hi\x81\x83\0\0\0\0you";
    struct ws_bench *b = *state;

    for (size_t cut = 1; cut < sizeof both; cut++) {
        struct stream_options o = {.waiting_max = 10000};
        struct mem_stream *m = mem_stream_open(b->loop, &o);
        b->messages = 0;
        http_conn_open(b->server, &m->s);
        mem_stream_feed(m, both, cut);
        sl__loop_crank(b->loop, 0);
        mem_stream_feed(m, both + cut, sizeof both - 1 - cut);
        sl__loop_crank(b->loop, 0);
        assert_int_equal(b->messages, 2);
        assert_int_equal(b->text_len, 3);
        assert_memory_equal(b->text, "you", 3);
        bench_hang_up(b, m);
    }
}

static void only_the_newest_pong_waits(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    m->window = 0;
    for (int i = 0; i < 1000; i++)
        bench_send(m, 0x89, i == 999 ? "last" : "some", 4);
    sl__loop_crank(b->loop, 0);
    assert_int_equal(sl__stream_waiting(&m->s), 6);
    mem_stream_open_window(m, 100);
    ASSERT_SENT(m, "\x8a\x04last");
    bench_hang_up(b, m);
}

static void the_peer_closes(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    bench_send(m, 0x88,
               "\x03\xe8"
               "bye",
               5);
    assert_int_equal(b->closes, 1); /* told at once, not when the socket is gone */
    assert_int_equal(b->code, 1000);
    assert_string_equal(b->reason, "bye");
    sl__loop_crank(b->loop, 0);
    ASSERT_SENT(m, "\x88\x02\x03\xe8"); /* §5.5.1: the code comes back */
    assert_true(m->shut);
    mem_stream_feed_end(m);
    sl__loop_crank(b->loop, 0);
    assert_true(m->gone);
    bench_hang_up(b, m);
}

static void an_empty_close_is_answered_empty(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    bench_send(m, 0x88, "", 0);
    sl__loop_crank(b->loop, 0);
    ASSERT_SENT(m, "\x88\x00");
    assert_int_equal(b->code, WS_NO_STATUS);
    bench_hang_up(b, m);
}

static void we_close_and_the_peer_answers(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    sl_ws_close(b->last, 1001, "so long");
    sl_ws_close(b->last, 1011, "twice");
    assert_int_equal(sl_ws_send_text(b->last, SL_STR("late")), SL_E_CLOSED);
    sl__loop_crank(b->loop, 0);
    ASSERT_SENT(m, "\x88\x09\x03\xe9so long");
    bench_send(m, 0x81, "still talking", 13);
    assert_int_equal(b->messages, 0);
    assert_int_equal(b->closes, 0);
    bench_send(m, 0x88, "\x03\xe9", 2);
    assert_int_equal(b->closes, 1);
    assert_int_equal(b->code, 1001);
    bench_hang_up(b, m);
}

static void we_close_and_the_peer_is_silent(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    sl_ws_close(b->last, 1001, NULL);
    sl__loop_crank(b->loop, 4999);
    assert_false(m->closed);
    sl__loop_crank(b->loop, 1);
    assert_true(m->closed);
    assert_int_equal(b->closes, 1);
    assert_int_equal(b->code, 1001);
    bench_hang_up(b, m);
}

static void faults_are_answered_with_code_and_sentence(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
        int code;
        const char *says;
    } rows[] = {
        {"5.1 unmasked",  "\x81\x02hi",                           4,  1002, "mask" },
        {"8.1 not UTF-8", "\x81\x81\0\0\0\0\xff",                 7,  1007, "UTF-8"},
        {"too big",       "\x81\xff\0\0\0\0\x01\0\0\x01\0\0\0\0", 14, 1009,
         "message of 16777217 bytes is larger than the limit of 16777216"          },
    };
    struct ws_bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mem_stream *m = bench_dial(b);
        mem_stream_feed(m, rows[i].bytes, rows[i].n);
        sl__loop_crank(b->loop, 0);
        assert_int_equal(b->code, rows[i].code);
        assert_non_null(strstr(b->reason, rows[i].says));
        assert_int_equal((uint8_t)m->sent[0], 0x88);
        assert_int_equal((uint8_t)m->sent[2] << 8 | (uint8_t)m->sent[3], rows[i].code);
        assert_memory_equal(m->sent + 4, b->reason, m->sent_len - 4);
        assert_true(m->shut);
        bench_hang_up(b, m);
    }
}

static void silence_is_pinged_and_then_ended(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    sl__loop_crank(b->loop, 24999);
    assert_int_equal(m->sent_len, 0);
    sl__loop_crank(b->loop, 1);
    ASSERT_SENT(m, "\x89\x00");
    sl__loop_crank(b->loop, 34999);
    assert_false(m->closed);
    sl__loop_crank(b->loop, 1);
    assert_true(m->closed);
    assert_int_equal(b->code, WS_ABNORMAL);
    assert_string_equal(b->reason, "no bytes came for 60 s");
    bench_hang_up(b, m);
}

/* A message that comes byte by byte is ended in the second slow window, not for one stall. */
static void a_message_that_drips_is_ended(void **state)
{
    static const struct {
        size_t first, second; /* bytes in each window; 500 a second are enough */
        bool is_cut;
    } rows[] = {
        {20,    20,    true },
        {20,    10000, false},
        {10000, 20,    false},
        {9999,  9999,  true },
        {10000, 10000, false},
    };
    static char bytes[10000];
    static const uint8_t head[] = {0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}; /* 64 KiB */
    struct ws_bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mem_stream *m = bench_dial(b);
        uint64_t before = b->server->slow_messages;

        bench_send(m, 0x81, "x", 1);
        sl__loop_crank(b->loop, 50000); /* a pause between messages is none of it */
        mem_stream_feed(m, head, sizeof head);
        sl__loop_crank(b->loop, 20000);
        mem_stream_feed(m, bytes, rows[i].first);
        assert_false(m->shut);
        sl__loop_crank(b->loop, 20000);
        mem_stream_feed(m, bytes, rows[i].second);
        sl__loop_crank(b->loop, 0);
        assert_int_equal(m->shut, rows[i].is_cut);
        assert_int_equal(b->server->slow_messages - before, rows[i].is_cut);
        if (rows[i].is_cut) {
            assert_int_equal(b->code, 1008);
            assert_string_equal(b->reason,
                                "the message arrived slower than 500 bytes a second");
        }
        bench_hang_up(b, m);
    }
}

/* A device that never answers a ping lives as long as its own bytes come. */
static void bytes_are_life(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    for (int i = 0; i < 20; i++) {
        sl__loop_crank(b->loop, 59000);
        bench_send(m, i % 2 ? 0x81 : 0x8a, "x", 1);
    }
    assert_false(m->closed);
    sl__loop_crank(b->loop, 60000);
    assert_true(m->closed);
    bench_hang_up(b, m);
}

static void the_queue_is_bounded(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);
    char big[65536];
    int rc = 0, sent = 0;

    memset(big, 'x', sizeof big);
    m->window = 0;
    while ((rc = sl_ws_send_text(b->last, (sl_str){big, sizeof big})) == 0)
        sent++;
    assert_int_equal(rc, SL_E_FULL);
    assert_int_equal(sent, 4 * 1024 * 1024 / (65536 + 10));
    bench_hang_up(b, m);
}

static void without_memory_nothing_breaks(void **state)
{
    struct ws_bench *b = *state;

    for (long n = 0; n < 30; n++) {
        struct stream_options o = {.waiting_max = 1000};
        struct mem_stream *m = mem_stream_open(b->loop, &o);
        http_conn_open(b->server, &m->s);
        sl__alloc_fail_after(n);
        mem_stream_feed(m, UPGRADE, sizeof UPGRADE - 1);
        sl__loop_crank(b->loop, 0);
        if (b->last != NULL) bench_send(m, 0x81, "x", 1);
        sl__loop_crank(b->loop, 0);
        sl__alloc_fail_after(-1);
        bench_hang_up(b, m);
    }
}

static void an_orderly_stop_says_1001(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);

    sl__ws_close_all(b->server, 1001, "the server is shutting down");
    sl__loop_crank(b->loop, 0);
    assert_memory_equal(m->sent, "\x88\x1d\x03\xe9the server is", 16);
    bench_hang_up(b, m);
}

/* RFC 6455 §5.5.1: no data behind a close frame, that of the newest-only kind neither */
static void what_waits_leaves_before_the_close(void **state)
{
    struct ws_bench *b = *state;
    struct mem_stream *m = bench_dial(b);
    sl_buf *bytes = sl_buf_copy(SL_STR("picture"));
    sl_message msg = {.text = true};

    assert_int_equal(sl_message_add(&msg, bytes, sl_buf_str(bytes)), 0);
    assert_int_equal(sl_ws_send_newest(b->last, 7, &msg), 0);
    bench_send(m, 0x89, "p", 1);
    assert_int_equal(sl_ws_send_text(b->last, SL_STR("event")), 0);
    sl_ws_close(b->last, 1000, "");
    sl__loop_crank(b->loop, 0);
    ASSERT_SENT(m, "\x81\x05"
                   "event\x81\x07picture\x8a\x01p\x88\x02\x03\xe8");
    sl_buf_drop(bytes);
    bench_hang_up(b, m);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(handshake_is_answered_by_the_letter),
        CASE(bad_handshakes_are_told_why),
        CASE(a_subprotocol_is_agreed_on),
        CASE(messages_come_back_as_they_were),
        CASE(frames_behind_the_upgrade_are_not_lost),
        CASE(only_the_newest_pong_waits),
        CASE(the_peer_closes),
        CASE(an_empty_close_is_answered_empty),
        CASE(we_close_and_the_peer_answers),
        CASE(we_close_and_the_peer_is_silent),
        CASE(faults_are_answered_with_code_and_sentence),
        CASE(silence_is_pinged_and_then_ended),
        CASE(a_message_that_drips_is_ended),
        CASE(bytes_are_life),
        CASE(the_queue_is_bounded),
        CASE(without_memory_nothing_breaks),
        CASE(an_orderly_stop_says_1001),
        CASE(what_waits_leaves_before_the_close),
    };

    return cmocka_run_group_tests_name("serve/ws_session", tests, NULL, NULL);
}
