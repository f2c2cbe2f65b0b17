/* SPDX-License-Identifier: MIT */
/* The way from polling to a WebSocket. */
#include "serve/eio_test.h"

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

/* clang-format off */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        T(an_upgrade_step_by_step), T(what_comes_during_it_goes_to_the_poll),
        T(a_poll_that_is_held_at_its_end_is_released), T(upgrades_that_fail),
        cmocka_unit_test(an_upgrade_that_takes_too_long), T(a_second_websocket_harms_nobody),
        T(an_upgrade_of_another_revision), T(a_push_from_before_comes_first),
        T(closing_during_an_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
