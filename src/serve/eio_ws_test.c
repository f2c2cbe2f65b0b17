/* SPDX-License-Identifier: MIT */
/* Engine.IO over a WebSocket, the way there from polling, and heartbeats. */
#include "serve/eio_test.h"

static int setup(void **state)
{
    *state = bench_open(NULL);
    return 0;
}

static int teardown(void **state)
{
    bench_close(*state);
    return 0;
}

static struct eio_stats stats_of(const struct bench *b)
{
    struct eio_stats stats;

    eio_get_stats(b->eio, &stats);
    return stats;
}

/* ---- from the start ---- */

static void the_open_packet_offers_no_upgrade(void **state)
{
    struct bench *b = *state;

    b->eio->o.greets_eio3 = true;
    for (int revision = 3; revision <= 4; revision++) {
        struct client *p = dial_new(b, revision);
        char want[256];

        snprintf(want, sizeof want,
                 "0{\"sid\":\"%s\",\"upgrades\":[],\"pingInterval\":300,\"pingTimeout\":200,"
                 "\"maxPayload\":1000000}",
                 eio_sid(b->last));
        assert_text_frame(p, want);
        if (revision == 3) assert_text_frame(p, "40");
        assert_no_frame(p);
        peer_free(p);
        assert_string_equal(b->reason, "transport close");
    }
}

static void messages_of_both_kinds(void **state)
{
    struct bench *b = *state;

    b->echo = true;
    for (int revision = 3; revision <= 4; revision++) {
        struct client *p = dial_new(b, revision);
        const char *head = revision == 3 ? "\4" : "";

        next_frame(p);
        b->got[0] = '\0';
        ws_say(p, "4a€");
        assert_text_frame(p, "4a€");
        ws_say(p, "4");
        assert_text_frame(p, "4");
        ws_send_bytes(p, WS_BINARY, revision == 3 ? "\4\1\2" : "\1\2", revision == 3 ? 3 : 2);
        assert_int_equal(next_frame(p), WS_BINARY);
        assert_memory_equal(p->body, revision == 3 ? "\4\1\2" : "\1\2", revision == 3 ? 3 : 2);
        ws_send_bytes(p, WS_BINARY, head, strlen(head)); /* empty */
        assert_int_equal(next_frame(p), WS_BINARY);
        assert_int_equal(p->body_len, strlen(head));
        assert_string_equal(b->got, "<a€><><\1\2><>");
        peer_free(p);
    }
}

static void frames_that_end_the_session(void **state)
{
    static const struct {
        int revision;
        enum ws_op op;
        const char *bytes;
        const char *reason;
        int code;
    } rows[] = {
        {4, WS_TEXT,   "",      "parse error",     1002},
        {4, WS_TEXT,   "abc",   "parse error",     1002},
        {4, WS_TEXT,   "7",     "parse error",     1002},
        {4, WS_TEXT,   "2",     "parse error",     1002},
        {4, WS_TEXT,   "0{}",   "parse error",     1002},
        {3, WS_TEXT,   "3",     "parse error",     1002},
        {3, WS_BINARY, "",      "parse error",     1002},
        {3, WS_BINARY, "4",     "parse error",     1002},
        {4, WS_TEXT,   "1",     "transport close", 1000},
        {3, WS_TEXT,   "1",     "transport close", 1000},
        {4, WS_TEXT,   "4\xff", "transport error", 1007},
        {4, WS_CONT,   "x",     "transport error", 1002},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client *p = dial_new(b, rows[i].revision);

        next_frame(p);
        ws_send_bytes(p, rows[i].op, rows[i].bytes, strlen(rows[i].bytes));
        if (next_close_code(p) != rows[i].code || strcmp(b->reason, rows[i].reason) != 0)
            fail_msg("row %zu: %s", i, b->reason);
        peer_free(p);
    }
    assert_string_equal(b->got, "");
    assert_int_equal(stats_of(b).parse_errors, 8);
}

static void too_much_is_refused_by_its_length(void **state)
{
    struct eio_options o = {.payload_max = 100};
    struct bench *b = bench_open(&o);
    struct client *p = dial_new(b, 4);
    char text[102];

    (void)state;
    memset(text, '4', sizeof text);
    next_frame(p);
    ws_send_bytes(p, WS_TEXT, text, 100);
    assert_int_equal(strlen(b->got), 99 + 2);
    ws_send_bytes(p, WS_TEXT, text, 101);
    assert_int_equal(next_close_code(p), 1009);
    peer_free(p);
    bench_close(b);
}

static void its_id_is_not_for_polling(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4), *other = peer_open(b);
    char q[QUERY];

    next_frame(p);
    snprintf(q, sizeof q, "EIO=4&transport=polling&sid=%s", eio_sid(b->last));
    assert_int_equal(get(other, q), 400);
    assert_string_equal(other->body, BAD_REQUEST_TEXT);
    assert_int_equal(post(other, q, "4a"), 400);
    ws_say(p, "4a");
    assert_string_equal(b->got, "<a>");
    peer_free(other);
    peer_free(p);
}

static void bytes_behind_the_head_are_frames(void **state)
{
    static const char both[] =
        "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\n" WS_LINES
        "\r\n\x81\x82\0\0\0\0"
        "4a";
    struct bench *b = *state;
    struct client *p = peer_open(b);

    mem_stream_feed(p->m, both, sizeof both - 1);
    pass(b, 0);
    assert_string_equal(b->got, "<a>");
    peer_free(p);
}

static void our_close_comes_behind_what_waits(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);
    struct eio_session *s = b->last;

    next_frame(p);
    assert_int_equal(send_to(s, true, "n", 1, 3), 0);
    assert_int_equal(send_to(s, true, "a", 1, 0), 0);
    eio_close(s);
    assert_int_equal(send_to(s, true, "b", 1, 0), SL_E_CLOSED);
    assert_int_equal(b->closes, 0); /* not from inside the call */
    pass(b, 0);
    assert_int_equal(b->closes, 1);
    assert_string_equal(b->reason, "forced close");
    assert_text_frame(p, "4a");
    assert_text_frame(p, "4n");
    assert_int_equal(next_close_code(p), 1000);
    peer_free(p);
}

static void a_slow_reader_is_closed_at_the_bound(void **state)
{
    struct eio_options o = {.queue_max = 1000};
    struct bench *b = bench_open(&o);
    struct client *p = dial_new(b, 4);
    struct eio_session *s = b->last;
    char text[600];
    int rc = 0;

    (void)state;
    memset(text, 'x', sizeof text);
    p->m->window = 0;
    assert_true(eio_is_writable(s));
    assert_int_equal(send_to(s, true, text, sizeof text, 0), 0);
    pass(b, 0);
    assert_false(eio_is_writable(s));
    rc = send_to(s, true, text, sizeof text, 0);
    assert_int_equal(rc, SL_E_FULL);
    pass(b, 0);
    assert_string_equal(b->reason, "transport error");
    assert_int_equal(stats_of(b).closed_full, 1);
    peer_free(p);
    bench_close(b);
}

static void a_message_is_encoded_once_for_each_wire(void **state)
{
    struct bench *b = *state;
    struct client *p[4] = {dial_new(b, 4), NULL, NULL, NULL};
    struct eio_session *s[4] = {b->last};
    struct eio_message *m = eio_packet_new(EIO_MESSAGE, SL_STR("all"));
    char q[QUERY];

    p[1] = dial_new(b, 4), s[1] = b->last;
    p[2] = dial_new(b, 3), s[2] = b->last;
    p[3] = peer_open(b);
    handshake_as(p[3], 3, "", q), s[3] = b->last;
    for (int i = 0; i < 4; i++)
        assert_int_equal(eio_announce(s[i], m), 0);
    assert_non_null(m->frame[0]);
    assert_non_null(m->frame[1]);
    assert_null(m->piece[0]); /* nobody polls in revision 4 */
    eio_message_drop(m);
    pass(b, 0);
    for (int i = 0; i < 3; i++) {
        next_frame(p[i]);
        assert_text_frame(p[i], "4all");
        peer_free(p[i]);
    }
    assert_int_equal(get(p[3], q), 200);
    assert_string_equal(p[3]->body, "4:4all");
    peer_free(p[3]);
}

/* ---- the upgrade ---- */

static void an_upgrade_step_by_step(void **state)
{
    static const char *const noop[] = {[3] = "1:6", [4] = "6"};
    struct bench *b = *state;

    for (int revision = 3; revision <= 4; revision++) {
        struct client *poll = peer_open(b), *push = peer_open(b), *ws;
        char q[QUERY];

        b->got[0] = '\0';
        handshake_as(poll, revision, "", q);
        assert_int_equal(get(poll, q), 0);
        ws = dial_sid(b, revision, eio_sid(b->last));
        assert_no_frame(ws);
        assert_int_equal(next_answer(poll), 0);
        ws_say(ws, "2probe");
        assert_text_frame(ws, "3probe");
        assert_answer(poll, 200, noop[revision]);
        assert_true(eio_is_polling(b->last));

        assert_int_equal(get(poll, q), 0); /* one more: released soon, not at once */
        pass(b, 99);
        assert_int_equal(next_answer(poll), 0);
        pass(b, 1);
        assert_answer(poll, 200, noop[revision]);
        assert_int_equal(say(b, "queued"), 0);
        assert_int_equal(post(push, q, revision == 3 ? "2:4p" : "4p"), 200);
        assert_no_frame(ws);

        ws_say(ws, "5");
        assert_false(eio_is_polling(b->last));
        assert_text_frame(ws, "4queued");
        assert_int_equal(get(poll, q), 400);
        assert_string_equal(poll->body, BAD_REQUEST_TEXT);
        assert_int_equal(post(push, q, "4no"), 400);
        ws_say(ws, "4w");
        assert_string_equal(b->got, "<p><w>");
        assert_int_equal(say(b, "there"), 0);
        pass(b, 0);
        assert_text_frame(ws, "4there");
        peer_free(poll);
        peer_free(push);
        assert_int_equal(b->closes, revision - 3);
        peer_free(ws);
    }
    assert_int_equal(stats_of(b).upgraded, 2);
    assert_string_equal(b->reason, "transport close");
}

static void what_comes_during_it_goes_to_the_poll(void **state)
{
    struct bench *b = *state;
    struct client *poll = peer_open(b), *ws;
    char q[QUERY];

    handshake(poll, q);
    ws = dial_sid(b, 4, eio_sid(b->last));
    assert_int_equal(say(b, "1"), 0);
    ws_say(ws, "2probe");
    assert_text_frame(ws, "3probe");
    assert_int_equal(get(poll, q), 200);
    assert_string_equal(poll->body, "41");
    assert_int_equal(get(poll, q), 0);
    assert_int_equal(say(b, "2"), 0);
    pass(b, 0);
    assert_answer(poll, 200, "42");
    assert_int_equal(say(b, "3"), 0);
    assert_int_equal(send_to(b->last, true, "n", 1, 4), 0);
    assert_int_equal(say(b, "4"), 0);
    ws_say(ws, "5");
    assert_text_frame(ws, "43");
    assert_text_frame(ws, "44");
    assert_text_frame(ws, "4n");
    assert_no_frame(ws);
    assert_null(b->last->queue);
    peer_free(poll);
    peer_free(ws);
}

static void a_poll_that_is_held_at_its_end_is_released(void **state)
{
    struct bench *b = *state;
    struct client *poll = peer_open(b), *ws;
    char q[QUERY];

    handshake(poll, q);
    ws = dial_sid(b, 4, eio_sid(b->last));
    ws_say(ws, "2probe");
    assert_int_equal(get(poll, q), 0);
    ws_say(ws, "5");
    assert_answer(poll, 200, "6");
    peer_free(poll);
    assert_int_equal(b->closes, 0);
    peer_free(ws);
}

/* Whatever goes wrong there, the polling session lives on untouched. */
static void upgrades_that_fail(void **state)
{
    static const struct {
        const char *first, *second;
        int hang_up;
    } rows[] = {
        {"2",      NULL, 0},
        {"2prob",  NULL, 0},
        {"5",      NULL, 0},
        {"4a",     NULL, 0},
        {"x",      NULL, 0},
        {"",       NULL, 0},
        {"1",      NULL, 0},
        {NULL,     NULL, 1},
        {"2probe", "4a", 0},
        {"2probe", "3",  0},
        {"2probe", NULL, 1},
        {"2probe", "1",  0},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client *poll = peer_open(b), *ws, *again;
        char q[QUERY];

        handshake(poll, q);
        ws = dial_sid(b, 4, eio_sid(b->last));
        if (rows[i].first != NULL) ws_say(ws, rows[i].first);
        if (rows[i].second != NULL) ws_say(ws, rows[i].second);
        if (rows[i].hang_up) mem_stream_feed_end(ws->m);
        pass(b, 0);
        assert_int_equal(b->closes, (int)i);
        if (!rows[i].hang_up) {
            while (next_frame(ws) == WS_TEXT)
                assert_string_equal(ws->body, "3probe");
            assert_int_equal((uint8_t)ws->body[0] << 8 | (uint8_t)ws->body[1], 1002);
        }
        assert_int_equal(say(b, "still"), 0);
        assert_int_equal(get(poll, q), 200);
        assert_string_equal(poll->body, "4still");
        again = dial_sid(b, 4, eio_sid(b->last)); /* and it may be tried again */
        ws_say(again, "2probe");
        ws_say(again, "5");
        assert_text_frame(again, "3probe");
        assert_false(eio_is_polling(b->last));
        assert_string_equal(b->got, "");
        peer_free(ws);
        peer_free(poll);
        peer_free(again);
    }
}

static void an_upgrade_that_takes_too_long(void **state)
{
    struct eio_options o = {.upgrade_timeout_ms = 150};
    struct bench *b = bench_open(&o);
    struct client *poll = peer_open(b), *ws;
    char q[QUERY];

    (void)state;
    handshake(poll, q);
    ws = dial_sid(b, 4, eio_sid(b->last));
    ws_say(ws, "2probe");
    assert_text_frame(ws, "3probe");
    pass(b, 149);
    assert_no_frame(ws);
    pass(b, 1);
    assert_int_equal(next_close_code(ws), 1000);
    ws_say(ws, "5"); /* too late */
    assert_int_equal(get(poll, q), 0);
    assert_int_equal(say(b, "a"), 0);
    pass(b, 0);
    assert_answer(poll, 200, "4a");
    peer_free(ws);
    peer_free(poll);
    bench_close(b);
}

static void a_second_websocket_harms_nobody(void **state)
{
    struct bench *b = *state;
    struct client *poll = peer_open(b), *ws, *second;
    char q[QUERY];

    handshake(poll, q);
    ws = dial_sid(b, 4, eio_sid(b->last));
    second = dial_sid(b, 4, eio_sid(b->last)); /* while the first one probes */
    assert_int_equal(next_close_code(second), 1000);
    peer_free(second);
    ws_say(ws, "2probe");
    ws_say(ws, "5");
    assert_text_frame(ws, "3probe");
    second = dial_sid(b, 4, eio_sid(b->last)); /* when it has upgraded */
    assert_int_equal(next_close_code(second), 1000);
    ws_say(second, "4evil");
    peer_free(second);
    ws_say(ws, "4a");
    assert_string_equal(b->got, "<a>");
    assert_int_equal(b->closes, 0);
    peer_free(poll);
    peer_free(ws);
    struct client *direct = dial_new(b, 4); /* of a session that began on one */
    second = dial_sid(b, 4, eio_sid(b->last));
    assert_int_equal(next_close_code(second), 1000);
    peer_free(second);
    assert_int_equal(b->closes, 1);
    peer_free(direct);
}

static void an_upgrade_of_another_revision(void **state)
{
    struct bench *b = *state;
    struct client *poll = peer_open(b), *ws = peer_open(b);
    char q[QUERY], other[QUERY];

    handshake(poll, q);
    snprintf(other, sizeof other, "EIO=3&transport=websocket&sid=%s", eio_sid(b->last));
    assert_int_equal(dial(ws, other), 400); /* before any 101 */
    assert_string_equal(ws->body, BAD_REQUEST_TEXT);
    peer_free(ws);
    peer_free(poll);
}

/* A POST that was accepted before "5" is handled before what came by WebSocket meanwhile. */
static void a_push_from_before_comes_first(void **state)
{
    struct bench *b = *state;

    for (int lost = 0; lost < 2; lost++) {
        struct client *poll = peer_open(b), *push = peer_open(b), *ws;
        char q[QUERY], text[256];

        b->got[0] = '\0';
        handshake(poll, q);
        ws = dial_sid(b, 4, eio_sid(b->last));
        ws_say(ws, "2probe");
        assert_text_frame(ws, "3probe");
        snprintf(text, sizeof text,
                 "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n4a\x1e",
                 q);
        mem_stream_feed(push->m, text, strlen(text));
        pass(b, 0);
        static const char frames[] = "\x81\x81\0\0\0\0"
                                     "5\x81\x82\0\0\0\0"
                                     "4x"
                                     "\x82\x80\0\0\0\0\x81\x82\0\0\0\0"
                                     "4y";
        mem_stream_feed(ws->m, frames, sizeof frames - 1);
        pass(b, 0);
        assert_false(eio_is_polling(b->last));
        assert_string_equal(b->got, "");
        assert_true(ws->m->s.paused);
        if (lost) {
            mem_stream_feed_end(push->m);
            pass(b, 0);
            assert_int_equal(b->closes, 2);
            assert_string_equal(b->got, "");
        } else {
            mem_stream_feed(push->m, "4b", 2);
            pass(b, 0);
            assert_answer(push, 200, "ok");
            assert_string_equal(b->got, "<a><b><x><><y>");
            assert_false(ws->m->s.paused);
            ws_say(ws, "4z");
            assert_string_equal(b->got, "<a><b><x><><y><z>");
        }
        peer_free(poll);
        peer_free(push);
        peer_free(ws);
    }
}

static void closing_during_an_upgrade(void **state)
{
    struct bench *b = *state;
    struct client *poll = peer_open(b), *ws;
    char q[QUERY];

    handshake(poll, q);
    ws = dial_sid(b, 4, eio_sid(b->last));
    ws_say(ws, "2probe");
    assert_int_equal(get(poll, q), 0);
    eio_close(b->last);
    pass(b, 0);
    assert_answer(poll, 200, "1");
    assert_text_frame(ws, "3probe");
    assert_int_equal(next_close_code(ws), 1000);
    peer_free(ws);
    peer_free(poll);
}

/* ---- heartbeats ---- */

static void revision_4_by_websocket(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);

    next_frame(p);
    pass(b, 299);
    assert_no_frame(p);
    pass(b, 1);
    assert_text_frame(p, "2");
    pass(b, 150);
    ws_say(p, "3"); /* at 450: the next ping at 750 */
    pass(b, 299);
    assert_no_frame(p);
    pass(b, 1);
    assert_text_frame(p, "2");
    pass(b, 199);
    assert_no_frame(p);
    pass(b, 1);
    assert_int_equal(next_close_code(p), 1000);
    assert_string_equal(b->reason, "ping timeout");
    assert_int_equal(stats_of(b).expired, 1);
    peer_free(p);
}

static void another_packet_prolongs_it_once(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);

    pass(b, 300);
    ws_say(p, "4a");
    pass(b, 200);
    assert_int_equal(b->closes, 0);
    ws_say(p, "4a");
    pass(b, 199);
    assert_int_equal(b->closes, 0);
    pass(b, 1);
    assert_string_equal(b->reason, "ping timeout");
    peer_free(p);
}

static void bytes_of_a_large_message_are_a_sign_of_life(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);
    static const char head[] = "\x81\xfe\x03\xe8\0\0\0\0"
                               "4"; /* of 1000 bytes */

    mem_stream_feed(p->m, head, sizeof head - 1);
    for (int i = 0; i < 20; i++) {
        pass(b, 100);
        mem_stream_feed(p->m, "x", 1);
    }
    assert_int_equal(b->closes, 0);
    pass(b, 400);
    assert_string_equal(b->reason, "ping timeout");
    peer_free(p);
}

static void revision_4_by_polling(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    handshake(p, q); /* it never polls: gone at interval and timeout, to the millisecond */
    pass(b, 499);
    assert_int_equal(b->closes, 0);
    pass(b, 1);
    assert_string_equal(b->reason, "ping timeout");
    assert_sid_gone(b, q);

    handshake(p, q);
    assert_int_equal(get(p, q), 0);
    pass(b, 300);
    assert_answer(p, 200, "2");
    assert_int_equal(post(p, q, "3"), 200);
    assert_int_equal(get(p, q), 0);
    pass(b, 300);
    assert_answer(p, 200, "2");
    assert_int_equal(get(p, q), 0);
    pass(b, 200);
    assert_answer(p, 200, "1");
    assert_string_equal(b->reason, "ping timeout");
    peer_free(p);
}

/* A request finds no session whose time is over, even if no timer has fired yet. */
static void expiry_is_seen_by_a_request(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY], text[256];

    handshake(p, q);
    pass(b, 300);
    b->loop->now.us += 200 * 1000;
    snprintf(text, sizeof text, "GET /engine.io/?%s HTTP/1.1\r\nHost: h\r\n\r\n", q);
    mem_stream_feed(p->m, text, strlen(text));
    pass(b, 0);
    assert_answer(p, 400, UNKNOWN_SID_TEXT);
    peer_free(p);
}

static void revision_3(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 3), *poll = peer_open(b);
    char q[QUERY];

    next_frame(p);
    pass(b, 400);
    assert_no_frame(p); /* the client pings */
    ws_say(p, "2");
    assert_text_frame(p, "3");
    ws_say(p, "2hello");
    assert_text_frame(p, "3hello");
    pass(b, 499);
    assert_int_equal(b->closes, 0);
    pass(b, 1);
    assert_string_equal(b->reason, "ping timeout");
    assert_int_equal(next_close_code(p), 1000);
    peer_free(p);

    handshake_as(poll, 3, "", q);
    pass(b, 300);
    assert_int_equal(post(poll, q, "1:2"), 200);
    assert_int_equal(get(poll, q), 200);
    assert_string_equal(poll->body, "1:3");
    pass(b, 499);
    assert_int_equal(b->closes, 1);
    pass(b, 1);
    assert_sid_gone(b, q);
    peer_free(poll);
}

static void a_ping_by_poll_and_its_pong_by_websocket(void **state)
{
    struct bench *b = *state;
    struct client *poll = peer_open(b), *ws;
    char q[QUERY];

    handshake(poll, q);
    assert_int_equal(get(poll, q), 0);
    pass(b, 300);
    assert_answer(poll, 200, "2");
    ws = dial_sid(b, 4, eio_sid(b->last));
    ws_say(ws, "2probe");
    ws_say(ws, "5");
    assert_text_frame(ws, "3probe");
    pass(b, 100);
    ws_say(ws, "3");
    pass(b, 299);
    assert_no_frame(ws);
    pass(b, 1);
    assert_text_frame(ws, "2");
    peer_free(poll);
    peer_free(ws);
}

/* ---- what an idle session costs ---- */

static void an_idle_session_is_small(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);
    const size_t entry = 64 + 32; /* of the map: the id's copy, and its share of the table */
    size_t all = sizeof(struct eio_session) + PEER_TEXT_SIZE + sizeof(struct sl_ws) + entry
                 + sizeof(struct stream);

    pass(b, 0);
    assert_null(b->last->queue);
    assert_null(p->m->s.out);
    if (all > 1200) fail_msg("%zu bytes", all);
    peer_free(p);
}

/* clang-format off */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_open_packet_offers_no_upgrade), T(messages_of_both_kinds),
        T(frames_that_end_the_session), cmocka_unit_test(too_much_is_refused_by_its_length),
        T(its_id_is_not_for_polling), T(bytes_behind_the_head_are_frames),
        T(our_close_comes_behind_what_waits),
        cmocka_unit_test(a_slow_reader_is_closed_at_the_bound),
        T(a_message_is_encoded_once_for_each_wire), T(an_upgrade_step_by_step),
        T(what_comes_during_it_goes_to_the_poll),
        T(a_poll_that_is_held_at_its_end_is_released), T(upgrades_that_fail),
        cmocka_unit_test(an_upgrade_that_takes_too_long), T(a_second_websocket_harms_nobody),
        T(an_upgrade_of_another_revision), T(a_push_from_before_comes_first),
        T(closing_during_an_upgrade), T(revision_4_by_websocket),
        T(another_packet_prolongs_it_once), T(bytes_of_a_large_message_are_a_sign_of_life),
        T(revision_4_by_polling), T(expiry_is_seen_by_a_request), T(revision_3),
        T(a_ping_by_poll_and_its_pong_by_websocket), T(an_idle_session_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
