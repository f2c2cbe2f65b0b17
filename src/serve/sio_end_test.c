/* SPDX-License-Identifier: MIT */
/* Acks that are waited for, ends from either side, Engine.IO alone, lives without memory. */
#include "serve/sio_app_test.h"

/* ---- acks ---- */

static void on_answer(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    struct bench *b = user;

    note(b, "answer");
    if (e == NULL)
        note(b, " none;");
    else
        note_event(b, s, e);
    assert_true(e == NULL || (e->is_answer && !e->wants_ack));
}

static void ask(struct bench *b, uint32_t timeout_ms, int rc)
{
    sl_sio_packet *p = sl_sio_packet_new("q");

    assert_int_equal(sl_sio_emit_ack(b->last, p, timeout_ms, on_answer, b), rc);
    sl_sio_packet_free(p);
}

static void answers_find_who_asked(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    for (int i = 0; i < 4; i++)
        ask(b, i == 3 ? 100 : 0, 0);
    assert_sent(s, "20[\"q\"]\n21[\"q\"]\n22[\"q\"]\n23[\"q\"]\n");
    say(b, s, "31[\"one\",{}]");
    say(b, s, "31[\"again\"]"); /* unknown by now */
    say(b, s, "39[]");
    say(b, s, "30[]");
    assert_log(b, "answer(\"one\",{},);answer();");
    sl__loop_crank(b->loop, 99);
    assert_log(b, "");
    sl__loop_crank(b->loop, 1);
    assert_log(b, "answer none;");
    say(b, s, "33[\"too late\"]");
    say(b, s, "61-2[{\"_placeholder\":true,\"num\":0}]");
    say_binary(b, s, "bin");
    assert_log(b, "answer(<bin>,);");
    ask(b, 100, 0);
    ask(b, 0, 0);
    hang_up(b, s, "transport close");
    assert_log(b, "answer none;answer none;-/ transport close;");
    sl__loop_crank(b->loop, 1000);
    assert_log(b, "");
}

static void as_many_as_the_limit(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    for (int i = 0; i < SL_SIO_ACKS_MAX; i++)
        ask(b, 0, 0);
    ask(b, 0, SL_E_LIMIT);
    say(b, s, "35[]");
    ask(b, 0, 0);
    b->log[b->log_len = 0] = '\0';
    b->during = NULL;
    hang_up(b, s, "x");
}

static void a_late_answer_is_no_crime(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    say(b, s, "0/chat,");
    say(b, s, "1/chat,");
    say(b, s, "3/chat,5[]");
    assert_null(s->reason);
    say(b, s, "2/chat,[\"a\"]");
    assert_string_equal(s->reason, "parse error");
    hang_up(b, s, "x");
}

/* ---- ends ---- */

static void leave_softly(struct bench *b, sl_sio_socket *s)
{
    b->during = NULL;
    sl_sio_disconnect(s, false);
    sl_sio_disconnect(s, false);
    assert_int_equal(sl_sio_emit_json(s, "x", SL_STR("")), SL_E_CLOSED);
    assert_int_equal(sl_sio_join(s, SL_STR("room")), SL_E_CLOSED);
    (void)sl_sio_id(s);
}

static void leave_hard(struct bench *b, sl_sio_socket *s)
{
    b->during = NULL;
    sl_sio_disconnect(s, true);
    sl_sio_disconnect(s, true);
}

static void the_server_ends_a_namespace(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    say(b, s, "0/chat,");
    s->sent[s->len = b->log_len = 0] = '\0';
    b->during = leave_softly;
    say(b, s, "2/chat,[\"go\"]");
    assert_sent(s, "1/chat,\n");
    assert_string_equal(b->log, "go();"); /* not from inside its call */
    turn(b);
    assert_log(b, "go();-/chat server namespace disconnect;");
    say(b, s, "2/chat,[\"crossed\"]"); /* it did not know */
    say(b, s, "1/chat,");
    assert_null(s->reason);
    say(b, s, "0/chat,");
    say(b, s, "1/chat,");
    say(b, s, "1/chat,"); /* now it knew */
    assert_string_equal(s->reason, "parse error");
    assert_log(b, "+/chat ;-/chat client namespace disconnect;");
    hang_up(b, s, "x");
}

static void the_server_ends_the_connection(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    say(b, s, "0/chat,");
    s->sent[s->len = b->log_len = 0] = '\0';
    b->during = leave_hard;
    say(b, s, "2/chat,[\"go\"]");
    assert_sent(s, "1\n1/chat,\n");
    assert_string_equal(s->reason, "forced close");
    hang_up(b, s, "x");
    assert_log(b, "go();-/ server namespace disconnect;-/chat server namespace disconnect;");
}

/* The words in one poll, the end in the next: see sio_client_close. */
static void by_polling_it_hears_why(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    s->polling = true;
    sio_events.on_drain(s, b->sio);
    sl_sio_disconnect(b->last, true);
    assert_sent(s, "1\n");
    assert_null(s->reason);
    say(b, s, "0/chat,"); /* it is deaf by then */
    assert_sent(s, "");
    sio_events.on_drain(s, b->sio);
    assert_string_equal(s->reason, "forced close");
    hang_up(b, s, "x");
}

static void ends_inside_the_hook(void **state)
{
    static void (*const how[])(struct bench *, sl_sio_socket *) = {leave_softly, leave_hard};
    struct bench *b = *state;

    for (size_t i = 0; i < 4; i++) {
        struct eio_session *s = dial(b, 4);
        b->during = how[i % 2];
        b->said_no = i >= 2;
        say(b, s, "0/chat,");
        turn(b);
        assert_log(b, b->said_no ? "" : "-/chat server namespace disconnect;");
        b->said_no = false;
        hang_up(b, s, "x");
    }
}

static void who_reads_too_slowly_ends(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b), *t;

    s->full = true;
    assert_int_equal(sl_sio_emit_json(b->last, "x", SL_STR("1")), SL_E_FULL);
    hang_up(b, s, "x");
    assert_log(b, "-/ transport error;");
    t = dial(b, 4);
    t->full = true; /* it does not even get its answer */
    say(b, t, "0");
    hang_up(b, t, "x");
    assert_log(b, "-/ transport error;");
}

static void what_is_left_is_told_at_the_end(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);
    sl_sio *sio = b->sio;

    sl_sio_disconnect(b->last, false);
    sio_events.on_close(s, "server shutting down", sio);
    assert_sent(s, "1\n"); /* that was asked for; the stop itself says nothing */
    assert_log(b, "-/ server namespace disconnect;");
    free(s);
}

/* ---- Engine.IO alone ---- */

static void on_plain(sl_sio_socket *s, const sl_message *m, void *user)
{
    note(user, m->text ? "text;" : "binary;");
    assert_int_equal(sl_sio_send_plain(s, m), 0);
    assert_int_equal(sl_sio_emit_json(s, "x", SL_STR("")), SL_E_INVAL);
}

static void engine_alone(void **state)
{
    struct bench *b = *state;
    sl_sio_namespace row = {.name = "/", .on_disconnect = on_disconnect, .user = b};
    sl_sio_options o = {.namespaces = &row, .namespace_count = 1, .on_plain_message = on_plain};
    struct eio_session *s;

    sl_sio_free(b->sio);
    assert_int_equal(sl_sio_new(b->loop, &o, &b->sio, NULL), 0);
    for (int revision = 3; revision <= 4; revision++) {
        s = dial(b, revision);
        say(b, s, "2nothing");
        say_binary(b, s, "at all");
        assert_sent(s, "2nothing\n<at all>\n");
        assert_log(b, "text;binary;");
        sl__loop_crank(b->loop, 100000);
        assert_null(s->reason);
        row.on_disconnect = NULL;
        hang_up(b, s, "x");
    }
}

/* ---- lives ---- */

static void rows_are_checked(void **state)
{
    static const sl_sio_on nobody[] =
        {
            {"a", NULL}
    },
                           reserved[] = {{"connect", on_any}},
                           early[] = {{NULL, on_any}, {"a", on_any}};
    // clang-format off
    static const struct { const char *path; sl_sio_namespace row[2]; size_t n; bool plain; } bad[] = {
        {.path = "socket.io"}, {.path = "/"}, {.path = ""},
        {.row = {{.name = "chat"}}, .n = 1}, {.row = {{.name = ""}}, .n = 1},
        {.row = {{.name = "/a,b"}}, .n = 1}, {.row = {{.name = "/a?b"}}, .n = 1},
        {.row = {{.name = NULL}}, .n = 1}, {.row = {{.name = "/a"}, {.name = "/a"}}, .n = 2},
        {.row = {{.name = "/", .events = nobody, .event_count = 1}}, .n = 1},
        {.row = {{.name = "/", .events = reserved, .event_count = 1}}, .n = 1},
        {.row = {{.name = "/", .events = early, .event_count = 2}}, .n = 1},
        {.n = 0, .plain = true}, {.row = {{.name = "/a"}}, .n = 1, .plain = true},
    };
    // clang-format on
    struct bench *b = *state;

    for (size_t i = 0; i < N(bad); i++) {
        sl_sio_options o = {.path = bad[i].path,
                            .namespaces = bad[i].row,
                            .namespace_count = bad[i].n,
                            .on_plain_message = bad[i].plain ? on_plain : NULL};
        sl_error err = {0};
        sl_sio *sio;
        assert_int_equal(sl_sio_new(b->loop, &o, &sio, &err), SL_E_INVAL);
        assert_null(sio);
        assert_true(err.text[0] != '\0');
    }
    sl_route rows[SL_SIO_ROUTES];
    sl_sio_put_routes(b->sio, SL_RIGHT_OPEN, rows);
    assert_string_equal(rows[0].path, "/socket.io/");
    sl_sio_free(NULL);
}

/* A life with everything in it, in which the n-th allocation and all behind it fail. */
static void live(struct bench *b, long n)
{
    struct eio_session *s, *t;

    sl__alloc_fail_after(n);
    if (bench_new(b, NULL) < 0) goto done;
    s = dial(b, 4);
    t = dial(b, 3);
    say(b, s, "0{\"a\":1}");
    say(b, t, "0/dyn-x?token=y,");
    say(b, s, "0/dyn-x,");
    if (b->last != NULL) {
        (void)sl_sio_join(b->last, SL_STR("room"));
        sl_sio_packet *p = sl_sio_packet_new("q");
        if (p != NULL) {
            sl_sio_put_binary(p, NULL, SL_STR("bytes"));
            (void)sl_sio_emit_ack(b->last, p, 100, on_answer, b);
            (void)sl_sio_emit_others(b->last, p);
            sl_sio_packet_free(p);
        }
    }
    say(b, s, "52-1[\"echo\",{\"_placeholder\":true,\"num\":1}]");
    say_binary(b, s, "zero");
    say_binary(b, s, "one");
    say(b, s, "2[\"any\"]");
    if (b->last != NULL) sl_sio_disconnect(b->last, false);
    turn(b);
    say(b, s, "1");
    hang_up(b, s, "x");
    hang_up(b, t, "x");
done:
    sl__alloc_fail_after(-1);
    sl_sio_free(b->sio);
    b->sio = NULL;
    b->last = NULL;
}

static void memory_may_end_anywhere(void **state)
{
    struct bench *b = *state;

    sl_sio_free(b->sio);
    for (long n = 0; n < 200; n++) {
        b->log[b->log_len = 0] = '\0';
        live(b, n);
        assert_int_equal(fakes_alive, 0);
    }
    live(b, -1);
    assert_non_null(strstr(b->log, "answer none;"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_find_who_asked),
        TEST(as_many_as_the_limit),
        TEST(a_late_answer_is_no_crime),
        TEST(the_server_ends_a_namespace),
        TEST(the_server_ends_the_connection),
        TEST(by_polling_it_hears_why),
        TEST(ends_inside_the_hook),
        TEST(who_reads_too_slowly_ends),
        TEST(what_is_left_is_told_at_the_end),
        TEST(engine_alone),
        TEST(rows_are_checked),
        TEST(memory_may_end_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
