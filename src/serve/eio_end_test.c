/* SPDX-License-Identifier: MIT */
/* Engine.IO by HTTP: how a session ends from our side, and what waits for a poll. */
#include "serve/eio_test.h"

/* ---- our own close ---- */

static void a_close_comes_behind_what_waits(void **state)
{
    static const char *const last[] = {[3] = "2:4a1:1",
                                       [4] = "4a\x1e"
                                             "1"};
    struct bench *b = *state;

    for (int revision = 3; revision <= 4; revision++) {
        for (int held = 0; held < 2; held++) {
            struct client *p = peer_open(b);
            char q[QUERY];

            handshake_as(p, revision, "", q);
            if (held) assert_int_equal(get(p, q), 0);
            assert_int_equal(say(b, "a"), 0);
            struct eio_session *s = b->last;
            eio_close(s);
            eio_close(s);
            assert_int_equal(send_to(s, true, "b", 1, 0), SL_E_CLOSED);
            pass(b, 0);
            assert_string_equal(b->reason, "forced close");
            if (!held) ask(p, "GET", q, "", NULL, 0);
            assert_answer(p, 200, last[revision]);
            assert_sid_gone(b, q);
            peer_free(p);
        }
    }
    assert_int_equal(b->closes, 4);
}

static void a_close_waits_thirty_seconds_at_most(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    handshake(p, q);
    eio_close(b->last);
    pass(b, 29999);
    assert_int_equal(post(p, q, "4late"), 200); /* it is still known, and not listened to */
    assert_string_equal(b->got, "");
    pass(b, 1);
    assert_sid_gone(b, q);
    peer_free(p);
}

static void close_me(struct bench *b, struct eio_session *s, const sl_message *m)
{
    (void)b, (void)m;
    eio_close(s);
}

static void cut_me(struct bench *b, struct eio_session *s, const sl_message *m)
{
    (void)b, (void)m;
    eio_cut(s, "parse error");
}

static void ended_from_inside_a_push(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b), *held = peer_open(b);
    char q[QUERY];

    b->on_message = close_me;
    handshake(p, q);
    assert_int_equal(get(held, q), 0);
    assert_int_equal(post(p, q,
                          "4a\x1e"
                          "4b"),
                     200);
    assert_answer(held, 200, "1");
    assert_string_equal(b->got, "<a>");
    b->on_message = cut_me;
    handshake(p, q);
    assert_int_equal(post(p, q,
                          "4c\x1e"
                          "4d"),
                     400);
    assert_string_equal(b->got, "<a><c>");
    assert_string_equal(b->reason, "parse error");
    assert_int_equal(b->closes, 2);
    peer_free(held);
    peer_free(p);
}

static void the_stop_answers_held_polls(void **state)
{
    struct bench *b = *state;
    struct client *held = peer_open(b), *idle = peer_open(b), *ws = dial_new(b, 4);
    char q[QUERY];

    handshake(idle, q);
    handshake(held, q);
    assert_int_equal(get(held, q), 0);
    assert_int_equal(say(b, "a"), 0);
    b->loop->stopping = true;
    b->eio->stop.on_stop(&b->eio->stop);
    b->server->stop.on_stop(&b->server->stop);
    pass(b, 0);
    assert_answer(held, 200,
                  "4a\x1e"
                  "1");
    assert_has(held->head, "Connection: close\r\n");
    assert_int_equal(next_frame(ws), WS_TEXT);
    assert_int_equal(next_close_code(ws), 1001);
    assert_int_equal(b->closes, 3);
    assert_string_equal(b->reason, "server shutting down");
    peer_free(ws);
    peer_free(idle);
    peer_free(held);
}

/* ---- the queue ---- */

static void the_newest_waits_for_the_next_poll(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    handshake(p, q);
    for (char c = '1'; c <= '3'; c++) {
        assert_int_equal(send_to(b->last, true, &c, 1, 7), 0);
        assert_int_equal(send_to(b->last, true, &c, 1, c == '1' ? 8 : 9), 0);
        assert_int_equal(send_to(b->last, true, "x", 1, 0), 0);
    }
    assert_int_equal(send_to(b->last, true, "y", 1, UINT32_MAX), SL_E_INVAL);
    assert_int_equal(get(p, q), 200);
    assert_string_equal(p->body, "4x\x1e"
                                 "4x\x1e"
                                 "4x\x1e"
                                 "43\x1e"
                                 "41\x1e"
                                 "43");
    assert_int_equal(get(p, q), 0);
    assert_null(b->last->queue); /* it takes no memory while nothing waits */
    peer_free(p);
}

static void who_never_polls_is_closed_at_the_bound(void **state)
{
    struct eio_options o = {.queue_max = 1000};
    struct bench *b = bench_open(&o);
    struct client *p = peer_open(b);
    struct eio_stats stats;
    char q[QUERY], text[600];

    (void)state;
    memset(text, 'x', sizeof text);
    handshake(p, q);
    assert_int_equal(send_to(b->last, true, text, 600, 0), 0);
    assert_int_equal(send_to(b->last, true, text, 400, 0), 0);
    assert_int_equal(send_to(b->last, true, text, 1, 0), SL_E_FULL);
    pass(b, 0);
    assert_string_equal(b->reason, "transport error");
    eio_get_stats(b->eio, &stats);
    assert_int_equal(stats.closed_full, 1);
    assert_sid_gone(b, q);
    handshake(p, q); /* one that is larger than the bound, alone */
    char *large = malloc(5000);
    memset(large, 'x', 5000);
    assert_int_equal(send_to(b->last, true, large, 5000, 0), 0);
    assert_int_equal(send_to(b->last, true, large, 5000, 1), SL_E_FULL);
    free(large);
    peer_free(p);
    bench_close(b);
}

static void parts_of_a_message_stay_together(void **state)
{
    sl_message part[3] = {{.text = true}, {0}, {0}};
    struct bench *b = *state;
    sl_buf *buf = sl_buf_copy(SL_STR("abcdef"));
    sl_str s = sl_buf_str(buf);
    struct client *p = peer_open(b), *ws = dial_new(b, 3);
    struct eio_session *on_ws = b->last;
    struct eio_message *m;
    char q[QUERY];

    assert_int_equal(next_frame(ws), WS_TEXT); /* open */
    handshake_as(p, 3, "&b64=1", q);
    assert_int_equal(sl_message_add(&part[0], buf, (sl_str){s.ptr, 2}), 0);
    for (size_t i = 0; i < s.len; i++) /* base64 over slices */
        assert_int_equal(sl_message_add(&part[1], buf, (sl_str){s.ptr + i, 1}), 0);
    m = eio_message_new(part, 3);
    assert_int_equal(eio_send(b->last, m, 5), 0);
    assert_int_equal(eio_send(on_ws, m, 5), 0);
    assert_int_equal(eio_send(on_ws, m, 5), 0); /* replaces all of it */
    eio_message_drop(m);
    sl_buf_drop(buf);
    assert_int_equal(get(p, q), 200);
    assert_string_equal(p->body, "3:4ab10:b4YWJjZGVm2:b4");
    assert_text_frame(ws, "4ab");
    assert_int_equal(next_frame(ws), WS_BINARY);
    assert_string_equal(ws->body, "\4abcdef");
    assert_int_equal(next_frame(ws), WS_BINARY);
    assert_int_equal(ws->body_len, 1);
    assert_no_frame(ws);
    peer_free(ws);
    peer_free(p);
}

static void without_memory_nobody_is_hurt(void **state)
{
    struct bench *b = *state;
    int failed = 0;

    for (int n = 0; n < 60; n++) {
        struct client *p = peer_open(b);
        char q[QUERY] = "";

        b->echo = false;
        sl__alloc_fail_after(n);
        mem_stream_feed(
            p->m, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost:h\r\n\r\n", 60);
        sl__loop_crank(b->loop, 0);
        if (b->last != NULL) {
            struct eio_message *m = eio_packet_new(EIO_MESSAGE, SL_STR("x"));
            if (m != NULL) failed += eio_send(b->last, m, 0) == SL_E_NOMEM;
            if (m != NULL) failed += eio_send(b->last, m, 3) == SL_E_NOMEM;
            eio_message_drop(m);
        }
        sl__loop_crank(b->loop, 0);
        sl__alloc_fail_after(-1);
        if (b->last != NULL) {
            snprintf(q, sizeof q, "EIO=4&transport=polling&sid=%s", eio_sid(b->last));
            eio_cut(b->last, "transport error");
        }
        peer_free(p);
        assert_null(b->last);
    }
    assert_true(failed > 0);
    assert_true(b->opens > 10);
    struct eio_server *e;
    for (int n = 0; n < 8; n++) {
        sl__alloc_fail_after(n);
        int rc = eio_server_new(b->loop, &b->options, &e);
        sl__alloc_fail_after(-1);
        if (rc == 0) eio_server_free(e);
        assert_int_equal(rc, n < 4 ? SL_E_NOMEM : 0);
    }
}

/* clang-format off */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_close_comes_behind_what_waits), T(a_close_waits_thirty_seconds_at_most),
        T(ended_from_inside_a_push), T(the_stop_answers_held_polls),
        T(the_newest_waits_for_the_next_poll),
        cmocka_unit_test(who_never_polls_is_closed_at_the_bound),
        T(parts_of_a_message_stay_together), T(without_memory_nobody_is_hurt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
