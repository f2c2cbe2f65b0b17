/* SPDX-License-Identifier: MIT */
/* Clients that are not heard for a while: by WebSocket, by polling, and from one to the other.
 */
#include "serve/eio_test.h"

/* Each deadline on the way at its own time. */
static void pass_slowly(struct bench *b, int ms)
{
    while (ms-- > 0)
        pass(b, 1);
}

/* ---- WebSocket ---- */

static void a_websocket_is_not_read_from(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);
    struct eio_session *s = b->last;

    next_frame(p);
    eio_pause(s);
    eio_pause(s); /* twice is once */
    assert_true(p->m->s.paused);
    assert_int_equal(say(b, "out"), 0); /* the other way is open */
    pass(b, 0);
    assert_text_frame(p, "4out");
    eio_resume(s);
    assert_false(p->m->s.paused);
    ws_say(p, "4in");
    assert_string_equal(b->got, "<in>");
    eio_resume(s);
    peer_free(p);
}

static void its_pong_may_wait_as_long(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);

    next_frame(p);
    pass(b, 290);
    eio_pause(b->last);
    pass(b, 10);
    assert_text_frame(p, "2"); /* the kernel has the answer, say */
    pass(b, 300);              /* 100 more than its patience */
    assert_int_equal(b->closes, 0);
    eio_resume(b->last);
    pass(b, 199);
    assert_int_equal(b->closes, 0);
    ws_say(p, "3");
    pass(b, 299);
    assert_no_frame(p);
    pass(b, 1);
    assert_text_frame(p, "2");
    eio_pause(b->last);
    eio_resume(b->last); /* it has the whole of its patience, and no more */
    pass(b, 199);
    assert_int_equal(b->closes, 0);
    pass(b, 1);
    assert_string_equal(b->reason, "ping timeout");
    peer_free(p);
}

/* Patience of revision 3 is of another kind: its client pings. */
static void one_that_is_forgotten_ends_by_itself(void **state)
{
    struct bench *b = *state;

    for (int revision = 3; revision <= 4; revision++) {
        struct client *p = dial_new(b, revision);
        int before = b->closes;

        eio_pause(b->last);
        pass_slowly(b, INTERVAL + 2 * PATIENCE - 1);
        assert_true(p->m->s.paused);
        pass(b, 1);
        assert_false(p->m->s.paused);
        pass(b, PATIENCE - 1);
        assert_int_equal(b->closes, before);
        pass(b, 1);
        assert_string_equal(b->reason, "ping timeout");
        peer_free(p);
    }
}

static void no_sooner_than_its_patience(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);

    pass_slowly(b, INTERVAL + PATIENCE - 1); /* one more and it is over */
    eio_pause(b->last);
    pass_slowly(b, PATIENCE);
    assert_true(p->m->s.paused);
    pass(b, 1);
    assert_false(p->m->s.paused);
    peer_free(p);
}

static void its_end_is_heard_again(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);
    struct eio_session *s = b->last;

    next_frame(p);
    eio_session_hold(s);
    eio_pause(s);
    eio_close(s);
    assert_false(p->m->s.paused); /* for the client's close frame */
    eio_resume(s);
    eio_pause(s);
    pass(b, 0);
    assert_string_equal(b->reason, "forced close");
    assert_int_equal(next_close_code(p), 1000);
    peer_free(p);
    eio_resume(s);
    assert_false(s->is_paused && !s->over);
    eio_session_drop(s);
}

/* ---- polling ---- */

static void a_post_is_answered_at_the_end_of_it(void **state)
{
    static const char *const body[] = {[3] = "2:4a2:4b",
                                       [4] = "4a\x1e"
                                             "4b"};
    struct bench *b = *state;

    for (int revision = 3; revision <= 4; revision++) {
        struct client *poll = peer_open(b), *push = peer_open(b);
        char q[QUERY];

        b->got[0] = '\0';
        handshake_as(poll, revision, "", q);
        eio_pause(b->last);
        assert_int_equal(post(push, q, body[revision]), 0);
        assert_string_equal(b->got, "<a><b>"); /* all that came in one */
        assert_int_equal(get(poll, q), 0);
        assert_int_equal(say(b, "out"), 0);
        pass(b, 0);
        assert_answer(poll, 200, revision == 3 ? "4:4out" : "4out");
        pass(b, 50);
        assert_int_equal(next_answer(push), 0);
        eio_resume(b->last);
        pass(b, 0);
        assert_answer(push, 200, "ok");
        assert_int_equal(post(push, q, revision == 3 ? "2:4c" : "4c"), 200);
        assert_string_equal(b->got, "<a><b><c>");
        eio_cut(b->last, "forced close");
        peer_free(poll);
        peer_free(push);
    }
}

static void a_pong_by_post_may_wait_as_long(void **state)
{
    struct bench *b = *state;
    struct client *poll = peer_open(b), *push = peer_open(b);
    char q[QUERY];

    handshake(poll, q);
    assert_int_equal(get(poll, q), 0);
    pass(b, 290);
    eio_pause(b->last);
    assert_int_equal(post(push, q, "4a"), 0);
    pass(b, 10);
    assert_answer(poll, 200, "2");
    assert_int_equal(get(poll, q), 0);
    pass(b, 300);
    assert_int_equal(b->closes, 0);
    eio_resume(b->last);
    pass(b, 0);
    assert_answer(push, 200, "ok");
    pass(b, 199);
    assert_int_equal(b->closes, 0);
    assert_int_equal(post(push, q, "3"), 200);
    pass(b, 299);
    assert_int_equal(b->closes, 0);
    eio_cut(b->last, "forced close");
    peer_free(poll);
    peer_free(push);
}

static void a_forgotten_post_is_answered(void **state)
{
    struct bench *b = *state;
    struct client *push = peer_open(b);
    char q[QUERY];

    handshake(push, q);
    eio_pause(b->last);
    assert_int_equal(post(push, q, "4a"), 0);
    pass_slowly(b, INTERVAL + 2 * PATIENCE - 1);
    assert_int_equal(next_answer(push), 0);
    pass(b, 1);
    assert_answer(push, 200, "ok");
    pass(b, PATIENCE);
    assert_string_equal(b->reason, "ping timeout");
    peer_free(push);
}

static void a_second_post_has_no_order(void **state)
{
    struct bench *b = *state;
    struct client *push = peer_open(b), *other = peer_open(b);
    char q[QUERY];

    handshake(push, q);
    eio_pause(b->last);
    assert_int_equal(post(push, q, "4a"), 0);
    assert_int_equal(post(other, q, "4b"), 400);
    assert_answer(push, 200, "ok");
    assert_string_equal(b->got, "<a>");
    assert_string_equal(b->reason, "transport error");
    peer_free(push);
    peer_free(other);
}

static void who_hangs_up_meanwhile_has_gone(void **state)
{
    struct bench *b = *state;
    struct client *push = peer_open(b);
    struct eio_session *s;
    char q[QUERY];

    handshake(push, q);
    s = b->last;
    eio_session_hold(s);
    eio_pause(s);
    assert_int_equal(post(push, q, "4a"), 0);
    sl__stream_close(&push->m->s, UV_ECONNRESET);
    pass(b, 0);
    assert_string_equal(b->reason, "transport close");
    eio_resume(s);
    assert_sid_gone(b, q);
    eio_session_drop(s);
    peer_free(push);
}

static void our_close_answers_it(void **state)
{
    struct bench *b = *state;
    struct client *poll = peer_open(b), *push = peer_open(b);
    char q[QUERY];

    handshake(poll, q);
    assert_int_equal(get(poll, q), 0);
    eio_pause(b->last);
    assert_int_equal(post(push, q, "4a"), 0);
    eio_close(b->last);
    pass(b, 0);
    assert_answer(push, 200, "ok");
    assert_answer(poll, 200, "1");
    assert_string_equal(b->reason, "forced close");
    peer_free(poll);
    peer_free(push);
}

static void pause_now(struct bench *b, struct eio_session *s, const sl_message *m)
{
    (void)b, (void)m;
    eio_pause(s);
}

static void a_bad_body_is_told_at_once(void **state)
{
    struct bench *b = *state;
    struct client *push = peer_open(b);
    char q[QUERY];

    handshake(push, q);
    b->on_message = pause_now;
    assert_int_equal(post(push, q, "4a\x1ex"), 400);
    assert_string_equal(b->reason, "parse error");
    peer_free(push);
}

/* ---- from one to the other ---- */

struct moving {
    struct client *poll, *push, *ws;
    char q[QUERY];
};

/* Paused while its POST is handled; then it upgrades. */
static void move(struct bench *b, struct moving *m)
{
    *m = (struct moving){.poll = peer_open(b), .push = peer_open(b)};
    handshake(m->poll, m->q);
    assert_int_equal(get(m->poll, m->q), 0);
    b->on_message = pause_now;
    assert_int_equal(post(m->push, m->q, "4a"), 0);
    b->on_message = NULL;
    m->ws = dial_sid(b, 4, eio_sid(b->last));
    ws_say(m->ws, "2probe");
    assert_text_frame(m->ws, "3probe");
    assert_answer(m->poll, 200, "6");
}

static void let_go(struct moving *m)
{
    peer_free(m->ws);
    peer_free(m->push);
    peer_free(m->poll);
}

static void an_upgrade_meanwhile(void **state)
{
    struct bench *b = *state;
    struct moving m;

    move(b, &m);
    assert_false(m.ws->m->s.paused); /* or it could not go on */
    ws_say(m.ws, "5");
    assert_false(eio_is_polling(b->last));
    assert_true(m.ws->m->s.paused);
    assert_int_equal(say(b, "out"), 0);
    pass(b, 0);
    assert_text_frame(m.ws, "4out");
    assert_int_equal(next_answer(m.push), 0);
    eio_resume(b->last);
    pass(b, 0);
    assert_answer(m.push, 200, "ok");
    assert_false(m.ws->m->s.paused);
    ws_say(m.ws, "4b");
    assert_string_equal(b->got, "<a><b>");
    let_go(&m);
}

static const char three[] = "\x81\x81\0\0\0\0"
                            "5"
                            "\x81\x82\0\0\0\0"
                            "4b"
                            "\x81\x82\0\0\0\0"
                            "4c";

static void what_came_with_the_upgrade_is_kept(void **state)
{
    struct bench *b = *state;
    struct moving m;

    move(b, &m);
    mem_stream_feed(m.ws->m, three, sizeof three - 1);
    pass(b, 0);
    assert_string_equal(b->got, "<a>");
    assert_true(m.ws->m->s.paused);
    eio_resume(b->last);
    assert_string_equal(b->got, "<a>"); /* from inside no call */
    assert_true(m.ws->m->s.paused);     /* and in front of what is read next */
    b->on_message = pause_now;          /* once more */
    pass(b, 0);
    assert_string_equal(b->got, "<a><b>");
    assert_answer(m.push, 200, "ok");
    assert_true(m.ws->m->s.paused);
    b->on_message = NULL;
    eio_resume(b->last);
    pass(b, 0);
    assert_string_equal(b->got, "<a><b><c>");
    assert_false(m.ws->m->s.paused);
    ws_say(m.ws, "4d");
    assert_string_equal(b->got, "<a><b><c><d>");
    let_go(&m);
}

static void it_may_end_in_any_of_these(void **state)
{
    struct bench *b = *state;

    for (int how = 0; how < 4; how++) {
        struct moving m;

        move(b, &m);
        if (how > 0) mem_stream_feed(m.ws->m, three, sizeof three - 1);
        if (how == 2) eio_resume(b->last); /* what came is due */
        if (how == 3) eio_close(b->last);
        eio_cut(b->last, "forced close");
        pass(b, 0);
        assert_answer(m.push, 200, "ok");
        b->got[0] = '\0';
        let_go(&m);
    }
}

static void the_stop_of_the_server(void **state)
{
    struct bench *b = *state;
    struct client *push = peer_open(b);
    char q[QUERY];

    handshake(push, q);
    eio_pause(b->last);
    assert_int_equal(post(push, q, "4a"), 0);
    b->eio->stop.on_stop(&b->eio->stop);
    pass(b, 0);
    assert_answer(push, 200, "ok");
    assert_string_equal(b->reason, "server shutting down");
    peer_free(push);
}

/* clang-format off */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_websocket_is_not_read_from), T(its_pong_may_wait_as_long),
        T(one_that_is_forgotten_ends_by_itself), T(no_sooner_than_its_patience),
        T(its_end_is_heard_again),
        T(a_post_is_answered_at_the_end_of_it), T(a_pong_by_post_may_wait_as_long),
        T(a_forgotten_post_is_answered), T(a_second_post_has_no_order),
        T(who_hangs_up_meanwhile_has_gone), T(our_close_answers_it),
        T(a_bad_body_is_told_at_once),
        T(an_upgrade_meanwhile), T(what_came_with_the_upgrade_is_kept),
        T(it_may_end_in_any_of_these), T(the_stop_of_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
