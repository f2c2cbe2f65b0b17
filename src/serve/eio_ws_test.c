/* SPDX-License-Identifier: MIT */
/* Engine.IO over a WebSocket from the start, and what an idle session costs. */
#include "serve/eio_test.h"

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

    b->eio->o.poll_gather_ms = 0; /* at once */
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
#define T(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        T(the_open_packet_offers_no_upgrade), T(messages_of_both_kinds),
        T(frames_that_end_the_session), cmocka_unit_test(too_much_is_refused_by_its_length),
        T(its_id_is_not_for_polling), T(bytes_behind_the_head_are_frames),
        T(our_close_comes_behind_what_waits),
        cmocka_unit_test(a_slow_reader_is_closed_at_the_bound),
        T(a_message_is_encoded_once_for_each_wire), T(an_idle_session_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
