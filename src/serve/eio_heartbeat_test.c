/* SPDX-License-Identifier: MIT */
/* Heartbeats of both revisions, and the end of who does not answer. */
#include "serve/eio_test.h"

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

/* Where nobody can tell, pings leave a little early, so that those of many leave in one turn.
 */
static void pings_of_many_leave_together(void **state)
{
    struct bench *b = *state;
    struct client *p[4];
    uint64_t passed_ms = 0;

    b->eio->o.ping_interval_ms = 25000;
    pass(b, 128 + 88 - b->loop->now.us / 1000 % 128); /* 25,000 from then on: a whole 128 */
    for (int i = 0; i < 4; i++) {
        p[i] = dial_new(b, i == 3 ? 3 : 4);
        assert_int_equal(next_frame(p[i]), WS_TEXT);
        pass(b, 15);
    }
    while (p[0]->m->sent_len == p[0]->seen && passed_ms++ < 25000)
        pass(b, 1);
    assert_int_equal(passed_ms, 25000 - 60); /* not early for the first */
    for (int i = 0; i < 3; i++)
        assert_text_frame(p[i], "2");
    assert_no_frame(p[3]); /* its client pings */
    for (int i = 0; i < 3; i++)
        ws_say(p[i], "3");
    pass(b, 25000 - 65);
    for (int i = 0; i < 3; i++)
        assert_no_frame(p[i]);
    pass(b, 65);
    for (int i = 0; i < 4; i++) {
        if (i < 3) assert_text_frame(p[i], "2");
        peer_free(p[i]);
    }
}

/* clang-format off */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        T(revision_4_by_websocket), T(another_packet_prolongs_it_once),
        T(bytes_of_a_large_message_are_a_sign_of_life), T(revision_4_by_polling),
        T(expiry_is_seen_by_a_request), T(revision_3), T(pings_of_many_leave_together),
        T(a_ping_by_poll_and_its_pong_by_websocket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
