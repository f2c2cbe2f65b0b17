/* SPDX-License-Identifier: MIT */
/* Back-pressure on who sends by Socket.IO, whichever transport carries it. */
#include "serve/eio_test.h"
#include "serve/sio_inside.h"
/* behind what brings cmocka */
#include "hub/backlog_test.h"

/* A client of 2.x is in "/" unasked; its events are records. */
struct hall {
    struct bench b;
    sl_sio *sio;
    struct backlog *backlog;
    struct sender sender; /* the last that connected */
    sl_sio_namespace root;
};

static void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    struct hall *h = user;

    (void)auth;
    h->b.last = s->client->eio;
    h->sender.sio = s;
}

static void on_disconnect(sl_sio_socket *s, const char *reason, void *user)
{
    struct hall *h = user;

    (void)s, (void)reason;
    list_remove(&h->sender.paused);
    h->sender.sio = NULL;
}

static void on_number(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    struct hall *h = user;
    char body[16];
    sl_str raw = sl_value_raw(sl_sio_arg(e, 0));

    (void)s;
    snprintf(body, sizeof body, "%.*s", (int)raw.len, raw.ptr);
    assert_int_equal(backlog_append(h->backlog, make_record(body), &h->sender), 0);
}

static const sl_sio_on events[] = {
    {"n", on_number}
};

static int open_hall(void **state)
{
    struct hall *h = calloc(1, sizeof *h);
    sl_sio_options so = {.path = "/engine.io/", .namespaces = &h->root, .namespace_count = 1};
    sl_server_options o = {.routes = h->b.rows, .route_count = EIO_ROUTES};

    assert_non_null(h);
    memset(&journal, 0, sizeof journal);
    refused = 0;
    h->root = (sl_sio_namespace){.name = "/",
                                 .on_connect = on_connect,
                                 .on_disconnect = on_disconnect,
                                 .events = events,
                                 .event_count = 1,
                                 .user = h};
    list_init(&h->sender.paused);
    assert_int_equal(sl_loop_new(&h->b.loop), 0);
    sl__loop_crank(h->b.loop, 0);
    assert_int_equal(sl_sio_new(h->b.loop, &so, &h->sio, NULL), 0);
    sl_sio_put_routes(h->sio, SL_RIGHT_OPEN, h->b.rows);
    assert_int_equal(sl_server_new(h->b.loop, &o, &h->b.server, NULL), 0);
    assert_int_equal(backlog_new(h->b.loop, NULL, &h->backlog), 0);
    *state = h;
    return 0;
}

static int close_hall(void **state)
{
    struct hall *h = *state;

    pass(&h->b, 0);
    backlog_free(h->backlog);
    sl_server_free(h->b.server);
    sl_sio_free(h->sio);
    sl_loop_free(h->b.loop);
    free(h);
    return 0;
}

static void by_websocket_it_is_not_read_from(void **state)
{
    struct hall *h = *state;
    struct client *p = dial_new(&h->b, 3);

    journal.room = 9;
    ws_say(p, "42[\"n\",1]");
    assert_false(p->m->s.paused);
    journal.is_high = true;
    ws_say(p, "42[\"n\",2]");
    assert_true(p->m->s.paused);
    assert_string_equal(journal.order, "12");
    journal.on_low(journal.user);
    assert_false(p->m->s.paused);
    ws_say(p, "42[\"n\",3]");
    pass(&h->b, BACKLOG_WAIT_MS - 1);
    assert_true(p->m->s.paused);
    pass(&h->b, 2); /* that is long enough */
    assert_false(p->m->s.paused);
    assert_int_equal(refused, 0);
    peer_free(p);
}

static void by_polling_its_answer_waits(void **state)
{
    struct hall *h = *state;
    struct client *push = peer_open(&h->b);
    char q[QUERY];

    handshake_as(push, 3, "", q);
    journal.room = 9;
    assert_int_equal(post(push, q, "9:42[\"n\",1]"), 200);
    journal.is_high = true;
    assert_int_equal(post(push, q, "9:42[\"n\",2]9:42[\"n\",3]"), 0);
    assert_string_equal(journal.order, "123");
    journal.is_high = false;
    journal.on_low(journal.user);
    pass(&h->b, 0);
    assert_answer(push, 200, "ok");
    journal.is_high = true;
    assert_int_equal(post(push, q, "9:42[\"n\",4]"), 0);
    pass(&h->b, BACKLOG_WAIT_MS - 1);
    assert_int_equal(next_answer(push), 0);
    pass(&h->b, 2);
    assert_answer(push, 200, "ok");
    assert_int_equal(refused, 0);
    peer_free(push);
}

/* What came with one read came; the rest stays where it is until there is room. */
static void when_full_they_are_held_in_order_then_refused(void **state)
{
    struct hall *h = *state;
    struct client *push = peer_open(&h->b);
    char q[QUERY];

    handshake_as(push, 3, "", q);
    journal.room = 1;
    assert_int_equal(post(push, q, "9:42[\"n\",1]9:42[\"n\",2]9:42[\"n\",3]"), 0);
    assert_string_equal(journal.order, "1");
    journal.room = 1;
    journal.on_low(journal.user);
    assert_string_equal(journal.order, "12");
    pass(&h->b, BACKLOG_WAIT_MS + 1);
    assert_int_equal(refused, 1);
    assert_answer(push, 200, "ok");
    peer_free(push);
}

static void who_goes_meanwhile_is_not_waited_for(void **state)
{
    struct hall *h = *state;
    struct client *p = dial_new(&h->b, 3);

    journal.room = 9;
    journal.is_high = true;
    ws_say(p, "42[\"n\",1]");
    assert_true(p->m->s.paused);
    peer_free(p);
    assert_null(h->sender.sio);
    journal.on_low(journal.user);
    pass(&h->b, 2 * BACKLOG_WAIT_MS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_hall, close_hall)
    const struct CMUnitTest tests[] = {
        T(by_websocket_it_is_not_read_from),
        T(by_polling_its_answer_waits),
        T(when_full_they_are_held_in_order_then_refused),
        T(who_goes_meanwhile_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
