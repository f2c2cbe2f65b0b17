/* SPDX-License-Identifier: MIT */
/* Callbacks that call back: join, leave, emit, ask, answer late. */
#include "client/client_test.h"

static sl_client_socket *named(struct fixture *f, const char *nsp)
{
    return sl_client_find(f->client, nsp);
}

/* Up to the answers to CONNECT. returns the stream */
static uint32_t connect_to(struct fixture *f)
{
    uint32_t i;

    crank(f, 5000);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    return i;
}

/* ---- joining and leaving ---- */

static void join_all(sl_client *c, void *user)
{
    (void)user;
    assert_int_equal(sl_client_join(sl_client_find(c, "/")), 0);
    assert_int_equal(sl_client_join(sl_client_find(c, "/late")), 0);
}

/* npm's server hangs up when CONNECT comes twice. */
static void joined_in_on_open_is_asked_once(void **state)
{
    // clang-format off
    static const sl_client_namespace names[] = {
        {.name = "/", NOTE_ROW},
        {.name = "/late", .stays_out = true, NOTE_ROW},
    };
    // clang-format on
    struct fixture *f = *state;
    sl_client_options o = {.namespaces = names,
                           .namespace_count = 2,
                           .transports = SL_CLIENT_WEBSOCKET,
                           .on_open = join_all};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = connect_to(f);
    assert_string_equal(ws_said(f, i), "40\n40/late,\n");
}

static void leave_at_once(sl_client_socket *s, sl_json_out *auth, void *user)
{
    (void)auth;
    (void)user;
    sl_client_leave(s);
}

/* What has not been joined is left when it is: npm's server hangs up on an earlier DISCONNECT.
 */
static void left_before_the_answer(void **state)
{
    // clang-format off
    static const sl_client_namespace names[] = {
        {.name = "/", NOTE_ROW},
        {.name = "/shy", .on_auth = leave_at_once, NOTE_ROW},
        {.name = "/a", NOTE_ROW},
        {.name = "/b", NOTE_ROW},
    };
    // clang-format on
    struct fixture *f = *state;
    sl_client_options o = {
        .namespaces = names, .namespace_count = 4, .transports = SL_CLIENT_WEBSOCKET};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = connect_to(f);
    sl_client_leave(named(f, "/a"));
    sl_client_leave(named(f, "/b"));
    crank(f, 0);
    assert_string_equal(ws_said(f, i), "40\n40/shy,\n40/a,\n40/b,\n");
    ws_text(f, i, "40{\"sid\":\"S\"}");
    ws_text(f, i, "42/shy,[\"hi\"]");
    ws_text(f, i, "40/shy,{\"sid\":\"T\"}");
    ws_text(f, i, "40/a,{\"sid\":\"A\"}");
    ws_text(f, i, "42/a,[\"hi\"]");
    ws_text(f, i, "44/b,{\"message\":\"no\"}");
    heard(f, "/ joined S\n");
    assert_string_equal(ws_said(f, i), "41/shy,\n41/a,\n");
    assert_int_equal(sl_client_join(named(f, "/a")), 0);
    assert_int_equal(sl_client_join(named(f, "/b")), 0);
    crank(f, 0);
    assert_string_equal(ws_said(f, i), "40/a,\n40/b,\n");
}

/* Its mind changed twice: that is one CONNECT, and its answer is the right one. */
static void left_and_joined_before_the_answer(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {
        .namespaces = two_names, .namespace_count = 2, .transports = SL_CLIENT_WEBSOCKET};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = connect_to(f);
    (void)ws_said(f, i);
    ws_text(f, i, "42/chat,[\"early\"]");
    sl_client_leave(named(f, "/chat"));
    assert_int_equal(sl_client_join(named(f, "/chat")), 0);
    crank(f, 0);
    assert_string_equal(ws_said(f, i), "");
    ws_text(f, i, "40/chat,{\"sid\":\"C\"}");
    heard(f, "/chat joined C\n/chat [\"early\"]\n");
}

/* Of revision 3 "/" is there unasked, but only once on a connection. */
static void the_root_of_revision_3_is_joined_again(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.namespaces = two_names,
                           .namespace_count = 2,
                           .transports = SL_CLIENT_WEBSOCKET,
                           .eio = 3};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = connect_to(f);
    assert_string_equal(ws_said(f, i), "40/chat,\n");
    ws_text(f, i, "40");
    ws_text(f, i, "40/chat");
    heard(f, "/ joined \n/chat joined \n");
    ws_text(f, i, "41");
    heard(f, "/ left: io server disconnect\n");
    assert_int_equal(sl_client_join(named(f, "/")), 0);
    crank(f, 0);
    assert_string_equal(ws_said(f, i), "40/?token=a%20b&n=1,\n");
    ws_text(f, i, "40");
    heard(f, "/ joined \n");
}

static void the_root_of_revision_3_that_stays_out(void **state)
{
    // clang-format off
    static const sl_client_namespace names[] = {
        {.name = "/", .stays_out = true, NOTE_ROW},
        {.name = "/a", NOTE_ROW},
    };
    // clang-format on
    struct fixture *f = *state;
    sl_client_options o = {
        .namespaces = names, .namespace_count = 2, .transports = SL_CLIENT_WEBSOCKET, .eio = 3};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = connect_to(f);
    ws_text(f, i, "40");
    assert_string_equal(ws_said(f, i), "40/a,\n41\n");
    assert_int_equal(sl_client_join(named(f, "/")), 0);
    crank(f, 0);
    assert_string_equal(ws_said(f, i), "40\n");
    ws_text(f, i, "40");
    heard(f, "/ joined \n");
}

/* ---- answers ---- */

static void ask_again(sl_client_socket *s, int rc, const sl_sio_event *answer, void *user)
{
    uint32_t *tries = user;
    sl_sio_packet *p;

    (void)answer;
    if (rc == SL_E_CLOSED || ++*tries > 1000) return;
    p = sl_sio_packet_new("q");
    assert_int_equal(sl_client_emit_ack(s, p, 0, ask_again, tries), 0);
    sl_sio_packet_free(p);
}

/* Who asks again makes room for itself: the next of them is told in another turn. */
static void asking_again_when_dropped(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.buffer_count = 2, .policy = SL_CLIENT_DROP_OLDEST};
    static uint32_t tries;
    sl_client_socket *s;

    assert_int_equal(open_with(f, &o), 0);
    s = named(f, "/");
    for (int k = 0; k < 3; k++)
        ask_again(s, 0, NULL, &tries);
    assert_int_equal(tries, 3);
    client_tell_failed(f->client);
    assert_int_equal(tries, 4);
    client_tell_failed(f->client);
    assert_int_equal(tries, 5);
    tries = 2000; /* no more of it */
}

static uint64_t kept_id;

static void keep_id(sl_client_socket *s, const sl_sio_event *e, void *user)
{
    (void)s;
    (void)user;
    assert_true(e->wants_ack);
    kept_id = e->ack_id;
}

static int answer_kept(struct fixture *f)
{
    sl_sio_packet *p = sl_sio_packet_new(NULL);
    int rc = sl_client_ack_id(named(f, "/"), kept_id, p);

    sl_sio_packet_free(p);
    crank(f, 0);
    return rc;
}

/* Servers count from 0 or 1 on every connection: an answer to then is none to now. */
static void an_answer_does_not_outlive_the_connection(void **state)
{
    static const sl_client_on rows[] = {
        {NULL, keep_id}
    };
    static const sl_client_namespace root = {.name = "/", .events = rows, .event_count = 1};
    struct fixture *f = *state;
    sl_client_options o = {
        .namespaces = &root, .namespace_count = 1, .transports = SL_CLIENT_WEBSOCKET};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    for (int k = 0; k < 3; k++) {
        i = connect_to(f);
        ws_text(f, i, "40{\"sid\":\"S\"}");
        (void)ws_said(f, i);
        if (k > 0) assert_int_equal(answer_kept(f), SL_E_CLOSED);
        ws_text(f, i, "421[\"q\"]");
        if (k > 0) assert_int_equal(answer_kept(f), 0);
        assert_string_equal(ws_said(f, i), k > 0 ? "431[]\n" : "");
        if (k == 1) { /* left and joined is another one as well */
            sl_client_leave(named(f, "/"));
            assert_int_equal(answer_kept(f), SL_E_CLOSED);
        }
        if (k == 1) assert_int_equal(sl_client_join(named(f, "/")), 0);
        if (k != 1) hang_up(f, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(joined_in_on_open_is_asked_once),
        CASE(left_before_the_answer),
        CASE(left_and_joined_before_the_answer),
        CASE(the_root_of_revision_3_is_joined_again),
        CASE(the_root_of_revision_3_that_stays_out),
        CASE(asking_again_when_dropped),
        CASE(an_answer_does_not_outlive_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
