/* SPDX-License-Identifier: MIT */
/* Clients, packets, acks and ends. */
#include "serve/sio_test.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

/* ---- an application that notes everything ---- */

static bool is_allowed(sl_sio_socket *s, sl_value auth, sl_sio_refusal *why, void *user)
{
    struct bench *b = user;

    (void)auth;
    assert_int_equal(sl_sio_emit_json(s, "early", SL_STR("1")),
                     s->client->eio != NULL ? SL_E_INVAL : SL_E_CLOSED);
    if (b->during != NULL) b->during(b, s);
    if (!b->said_no) return true;
    snprintf(why->message, sizeof why->message, "unauthorized");
    sl_out_raw(&why->data, SL_STR("{\"code\":401}"));
    return false;
}

static void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    struct bench *b = user;
    sl_str raw = sl_value_raw(auth);

    b->last = s;
    note(b, "+%.*s %.*s;", (int)sl_sio_nsp(s).len, sl_sio_nsp(s).ptr, (int)raw.len,
         raw.len ? raw.ptr : "");
    (void)sl_sio_emit_json(s, "hi", SL_STR(""));
}

static void on_disconnect(sl_sio_socket *s, const char *reason, void *user)
{
    struct bench *b = user;

    assert_null(b->in_call);
    note(b, "-%.*s %s;", (int)sl_sio_nsp(s).len, sl_sio_nsp(s).ptr, reason);
    assert_int_equal(sl_sio_emit_json(s, "late", SL_STR("")), SL_E_CLOSED);
    assert_string_equal(sl_sio_peer(s), "192.0.2.1:4711");
    if (b->last == s) b->last = NULL;
}

static void note_event(struct bench *b, sl_sio_socket *s, const sl_sio_event *e)
{
    note(b, "%.*s(", (int)e->name.len, e->name.len ? e->name.ptr : "");
    for (sl_value v = sl_sio_arg(e, 0); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(e->args, v, NULL)) {
        const sl_slice *binary = sl_sio_binary(e, v);
        sl_str raw = binary != NULL ? binary->bytes : sl_value_raw(v);
        note(b, binary != NULL ? "<%.*s>," : "%.*s,", (int)raw.len, raw.len ? raw.ptr : "");
    }
    note(b, ")");
    if (e->wants_ack) note(b, "?%llu", (unsigned long long)e->ack_id);
    note(b, ";");
    (void)s;
}

static void on_any(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    struct bench *b = user;

    b->in_call = s;
    note_event(b, s, e);
    if (b->during != NULL) b->during(b, s);
    b->in_call = NULL;
}

static void on_number(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    note(user, "number:");
    on_any(s, e, user);
}

static void on_echo(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = sl_sio_packet_new("back");

    (void)user;
    if (p == NULL) return;
    sl_sio_put_binary(p, NULL, SL_STR("mine"));
    sl_sio_put_args(p, e, 0);
    (void)sl_sio_emit(s, p);
    (void)sl_sio_ack_packet(s, e, p);
    sl_sio_packet_free(p);
}

static const sl_sio_on events[] = {
    {"echo", on_echo  },
    {"42",   on_number},
    {NULL,   on_any   }
};

static bool is_dynamic(sl_str name, void *user)
{
    (void)user;
    return name.len > 4 && memcmp(name.ptr, "/dyn", 4) == 0;
}

static int bench_new(struct bench *b, const sl_sio_options *extra)
{
    static const char *const names[] = {"/", "/chat", "/b", NULL};
    sl_sio_options o = extra != NULL ? *extra : (sl_sio_options){0};
    sl_error err;

    for (size_t i = 0; i < N(names); i++)
        b->row[i] = (sl_sio_namespace){.name = names[i],
                                       .is_match = is_dynamic,
                                       .is_allowed = is_allowed,
                                       .on_connect = on_connect,
                                       .on_disconnect = on_disconnect,
                                       .events = events,
                                       .event_count = N(events),
                                       .user = b};
    o.namespaces = b->row;
    o.namespace_count = N(names);
    return sl_sio_new(b->loop, &o, &b->sio, &err);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    assert_int_equal(sl_loop_new(&b->loop), 0);
    sl__loop_crank(b->loop, 1000);
    assert_int_equal(bench_new(b, NULL), 0);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    sl_sio_free(b->sio);
    sl_loop_free(b->loop);
    free(b);
    assert_int_equal(fakes_alive, 0);
    return 0;
}

/* In "/", and all that this brought is forgotten. */
static struct eio_session *join(struct bench *b)
{
    struct eio_session *s = dial(b, 4);

    say(b, s, "0");
    s->sent[s->len = 0] = '\0';
    b->log[b->log_len = 0] = '\0';
    assert_non_null(b->last);
    return s;
}

/* ---- §6 namespaces ---- */

static void the_answer_comes_first(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = dial(b, 4);
    char wanted[128];

    assert_sent(s, "");
    say(b, s, "0{\"token\":1}");
    assert_log(b, "+/ {\"token\":1};");
    assert_int_equal(strlen(sl_sio_id(b->last)), 20);
    assert_int_equal(sl_sio_revision(b->last), 4);
    snprintf(wanted, sizeof wanted, "0{\"sid\":\"%s\"}\n2[\"hi\"]\n", sl_sio_id(b->last));
    assert_sent(s, wanted);
    say(b, s, "0/chat,");
    snprintf(wanted, sizeof wanted, "0/chat,{\"sid\":\"%s\"}\n2/chat,[\"hi\"]\n",
             sl_sio_id(b->last));
    assert_sent(s, wanted);
    say(b, s, "0/chat,{}"); /* a second one: nothing */
    assert_sent(s, "");
    assert_log(b, "+/chat ;");
    hang_up(b, s, "transport close");
    assert_log(b, "-/ transport close;-/chat transport close;");
}

static void revision_3_is_in_unasked(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = dial(b, 3);

    assert_sent(s, "0\n2[\"hi\"]\n");
    assert_string_equal(sl_sio_id(b->last), "engine-sid");
    say(b, s, "0/chat?token=a%20b&x=%C3%BC&y=%00&z,");
    assert_sent(s, "0/chat,\n2/chat,[\"hi\"]\n");
    assert_string_equal(sl_sio_id(b->last), "/chat#engine-sid");
    assert_log(b, "+/ ;+/chat {\"token\":\"a b\",\"x\":\"\xc3\xbc\",\"z\":\"\"};");
    sl__loop_crank(b->loop, 100000); /* it has no patience to lose */
    assert_null(s->reason);
    b->said_no = true;
    say(b, s, "0/b,");
    assert_sent(s, "4/b,{\"code\":401}\n");
    hang_up(b, s, "ping timeout");
    assert_log(b, "-/ ping timeout;-/chat ping timeout;");
}

static void who_may_not_is_told_why(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    say(b, s, "0/nowhere,");
    say(b, s, "0/nowhere");
    assert_sent(s, "4/nowhere,{\"message\":\"Invalid namespace\"}\n"
                   "4/nowhere,{\"message\":\"Invalid namespace\"}\n");
    b->said_no = true;
    say(b, s, "0/chat,");
    assert_sent(s, "4/chat,{\"message\":\"unauthorized\",\"data\":{\"code\":401}}\n");
    assert_null(s->reason);
    b->said_no = false;
    say(b, s, "2[\"still\",\"here\"]");
    say(b, s, "0/chat,");
    assert_log(b, "still(\"here\",);+/chat ;");
    hang_up(b, s, "transport close");
}

static void dynamic_ones_come_and_go(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b), *t = join(b);

    assert_int_equal(map_count(b->sio->nsps), 3);
    say(b, s, "0/dyn-1,");
    say(b, t, "0/dyn-1,");
    say(b, t, "0/dyn-2,");
    b->said_no = true;
    say(b, t, "0/dyn-3,");
    assert_int_equal(map_count(b->sio->nsps), 5);
    assert_int_equal(sl_sio_count(b->sio, SL_STR("/dyn-1"), (sl_str){0}), 2);
    say(b, t, "1/dyn-2,");
    assert_int_equal(map_count(b->sio->nsps), 4);
    hang_up(b, s, "x");
    hang_up(b, t, "x");
    assert_int_equal(map_count(b->sio->nsps), 3);
    assert_int_equal(sl_sio_count(b->sio, SL_STR("/dyn-1"), (sl_str){0}), 0);
}

static void no_more_than_32(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);
    char text[64];

    for (int i = 1; i <= SL_SIO_NAMESPACES_MAX; i++) {
        snprintf(text, sizeof text, "0/dyn%d,", i);
        s->sent[s->len = 0] = '\0';
        say(b, s, text);
    }
    assert_sent(s, "4/dyn32,{\"message\":\"Too many namespaces\"}\n");
    say(b, s, "1/dyn1,");
    say(b, s, "0/dyn32,");
    assert_memory_equal(s->sent, "0/dyn32,{", 9);
    hang_up(b, s, "x");
}

static void leaving_one_leaves_the_others(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    say(b, s, "0/chat,");
    say(b, s, "1/chat,");
    say(b, s, "2[\"a\"]");
    say(b, s, "1");
    assert_log(b, "+/chat ;-/chat client namespace disconnect;a();"
                  "-/ client namespace disconnect;");
    sl__loop_crank(b->loop, 100000); /* in none, and that is fine */
    assert_null(s->reason);
    say(b, s, "0{\"again\":true}");
    assert_log(b, "+/ {\"again\":true};");
    hang_up(b, s, "transport close");
}

static void who_never_joins_is_closed(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = dial(b, 4), *t = dial(b, 4);

    say(b, s, "0/nowhere,");
    say(b, t, "0/b,");
    sl__loop_crank(b->loop, 44999);
    assert_null(s->reason);
    sl__loop_crank(b->loop, 1);
    assert_string_equal(s->reason, "forced close");
    assert_null(t->reason);
    hang_up(b, s, "x");
    hang_up(b, t, "x");
}

/* ---- §5 what ends a connection ---- */

static void bad_packets(void **state)
{
    // clang-format off
    static const char *const rows[] = {
        "", "7", "9[]", "x", "42[\"a\"]",        /* type */
        "2", "2{}", "2\"a\"", "2[", "2[\"a\"", "2[\"a\"]x", "2[\"a\",]", "2null",
        "2[]", "2[null]", "2[{}]", "2[[\"a\"]]", "2[true]",
        "2[\"connect\"]", "2[\"connect_error\"]", "2[\"disconnect\"]", "2[\"disconnecting\"]",
        "2[\"newListener\"]", "2[\"removeListener\"]", "2[\"conn\\u0065ct\"]",
        "2abc[\"a\"]", "21abc[\"a\"]", "29007199254740992[\"a\"]", "2-1[\"a\"]",
        "3", "3[]", "31", "31{}",
        "5[\"a\"]", "50-[\"a\"]", "511-[\"a\"]", "5-[\"a\"]", "51[\"a\"]", "5a-[\"a\"]",
        "51-[\"a\",{\"_placeholder\":true,\"num\":1}]",
        "51-[\"a\",{\"_placeholder\":true,\"num\":-1}]",
        "51-[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]",
        "51-[\"a\",{\"_placeholder\":true,\"num\":0.5}]",
        "51-[\"a\",{\"_placeholder\":true}]",
        "1[]", "1{}", "1/chat,[]",
        "0[]", "0\"a\"", "0null", "0/chat,[1]", "01", "0{\"a\"}",
        "2/chat,[\"not joined\"]", "2/nowhere,[\"a\"]", "1/chat,", "51-/chat,[\"a\"]",
        "4{\"message\":\"mine to say\"}", "4/chat,\"x\"",
    };
    // clang-format on
    struct bench *b = *state;
    sl_sio_stats stats;

    for (size_t i = 0; i < N(rows); i++) {
        struct eio_session *s = join(b), *other = dial(b, 4);
        sl_message none = {.text = true};

        if (rows[i][0] != '\0')
            say(b, s, rows[i]);
        else
            sio_events.on_message(s, &none, NULL, b->sio);
        if (s->reason == NULL) fail_msg("%s was taken", rows[i]);
        assert_string_equal(s->reason, "parse error");
        assert_null(other->reason);
        say(b, s, "2[\"deaf\"]");
        hang_up(b, s, "x");
        hang_up(b, other, "x");
        assert_log(b, "-/ parse error;");
    }
    sl_sio_get_stats(b->sio, &stats);
    assert_int_equal(stats.parse_errors, N(rows) + 1);
    assert_int_equal(stats.sockets, 0);
}

static void nothing_comes_before_connect(void **state)
{
    static const char *const rows[] = {"2[\"a\"]", "30[]", "1", "51-[\"a\"]"};
    struct bench *b = *state;

    for (size_t i = 0; i < N(rows); i++) {
        struct eio_session *s = dial(b, 4);
        say(b, s, rows[i]);
        assert_non_null(s->reason);
        hang_up(b, s, "x");
    }
    assert_log(b, "");
}

static void attachments_must_follow(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    say(b, s, "51-[\"a\",{\"_placeholder\":true,\"num\":0}]");
    assert_null(s->reason);
    say(b, s, "2[\"a\"]");
    assert_string_equal(s->reason, "parse error");
    hang_up(b, s, "x");
    s = join(b);
    say_binary(b, s, "unasked");
    assert_string_equal(s->reason, "parse error");
    hang_up(b, s, "x");
    s = join(b);
    say(b, s, "53-[\"a\"]");
    say_binary(b, s, "one");
    hang_up(b, s, "transport close"); /* in the middle */
}

static void deep_json_is_bounded(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);
    static char text[200016] = "2[\"a\",";
    size_t at = strlen(text);

    memset(text + at, '[', 100000);
    memset(text + at + 100000, ']', 100001);
    say(b, s, text);
    assert_string_equal(s->reason, "parse error");
    hang_up(b, s, "x");
}

/* ---- events ---- */

static void events_find_their_rows(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    say(b, s, "2[\"any\",1,\"two\",null,{\"a\":[]}]");
    say(b, s, "2[42,1]");
    say(b, s, "2[\"42\"]");
    say(b, s, "20[\"\"]");
    say(b, s, "29007199254740991[\"q\"]");
    say(b, s, "2[\"\\u0065cho\"]"); /* the row of "echo" */
    say(b, s, "2[\"x\",{\"_placeholder\":true,\"num\":0}]");
    assert_log(b, "any(1,\"two\",null,{\"a\":[]},);number:42(1,);number:42();()?0;"
                  "q()?9007199254740991;x({\"_placeholder\":true,\"num\":0},);");
    assert_sent(s, "51-[\"back\",{\"_placeholder\":true,\"num\":0}]\n<mine>\n");
    hang_up(b, s, "x");
}

static void binary_comes_and_goes(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);

    say(b, s,
        "53-[\"any\",{\"_placeholder\":true,\"num\":2},{\"num\":0,\"_placeholder\":true},7]");
    say_binary(b, s, "zero");
    say_binary(b, s, "one");
    sio_events.on_message(s, &(sl_message){0}, NULL, b->sio); /* an empty one */
    assert_log(b, "any(<>,<zero>,7,);");
    say(b, s,
        "52-7[\"echo\",{\"a\":[{\"_placeholder\":true,\"num\":1}]},"
        "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    say_binary(b, s, "zero");
    say_binary(b, s, "one");
#define ARGS                                                                         \
    "{\"_placeholder\":true,\"num\":0},{\"a\":[{\"_placeholder\":true,\"num\":1}]}," \
    "{\"_placeholder\":true,\"num\":2},{\"_placeholder\":true,\"num\":3}]\n<mine>\n" \
    "<one>\n<zero>\n<one>\n"
    assert_sent(s, "54-[\"back\"," ARGS "64-7[" ARGS);
    hang_up(b, s, "x");
}

static void large_arguments_are_not_copied(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);
    char text[8192], wanted[8192], *at = text, *to = wanted;

    at += sprintf(at, "2[\"echo\"");
    to += sprintf(to, "51-[\"back\",{\"_placeholder\":true,\"num\":0}");
    for (int i = 0; i < 5; i++) {
        char one[1500];
        memset(one, 'a' + i, sizeof one);
        at += sprintf(at, ",\"%.1400s\",%d", one, i);
        to += sprintf(to, ",\"%.1400s\",%d", one, i);
    }
    sprintf(at, "]");
    sprintf(to, "]\n<mine>\n");
    say(b, s, text);
    assert_int_equal(s->last_slices, 7); /* three of its own, and what lies between */
    assert_sent(s, wanted);
    hang_up(b, s, "x");
}

static void packets_keep_what_went_wrong(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);
    sl_sio_packet *p = sl_sio_packet_new("a");
    sl_buf *buf = sl_buf_copy(SL_STR("[1,2]"));

    sl_sio_put_slice(p, buf, sl_buf_str(buf));
    sl_out_object(sl_sio_args(p));
    sl_out_key(sl_sio_args(p), "k");
    sl_sio_put_slice(p, buf, SL_STR("\"be"));
    sl_sio_put_more(p, buf, SL_STR("gun\""));
    sl_out_end(sl_sio_args(p));
    assert_int_equal(sl_sio_emit(b->last, p), 0);
    assert_int_equal(sl_sio_emit(b->last, p), 0); /* again, and no more arguments */
    sl_sio_put_slice(p, buf, SL_STR("3"));
    assert_int_equal(sl_sio_emit(b->last, p), SL_E_INVAL);
    sl_sio_packet_free(p);
    assert_sent(s, "2[\"a\",[1,2],{\"k\":\"begun\"}]\n2[\"a\",[1,2],{\"k\":\"begun\"}]\n");

    p = sl_sio_packet_new("left open");
    sl_out_object(sl_sio_args(p));
    assert_int_equal(sl_sio_emit(b->last, p), SL_E_INVAL);
    sl_sio_packet_free(p);
    p = sl_sio_packet_new("eleven");
    for (int i = 0; i < 11; i++)
        sl_sio_put_binary(p, buf, sl_buf_str(buf));
    assert_int_equal(sl_sio_emit(b->last, p), SL_E_TOO_BIG);
    sl_sio_packet_free(p);
    p = sl_sio_packet_new(NULL);
    assert_int_equal(sl_sio_emit(b->last, p), SL_E_INVAL); /* an event needs a name */
    sl_sio_packet_free(p);
    sl_sio_packet_free(NULL);
    sl_buf_drop(buf);
    assert_sent(s, "");
    hang_up(b, s, "x");
}

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_answer_comes_first),
        TEST(revision_3_is_in_unasked),
        TEST(who_may_not_is_told_why),
        TEST(dynamic_ones_come_and_go),
        TEST(no_more_than_32),
        TEST(leaving_one_leaves_the_others),
        TEST(who_never_joins_is_closed),
        TEST(bad_packets),
        TEST(nothing_comes_before_connect),
        TEST(attachments_must_follow),
        TEST(deep_json_is_bounded),
        TEST(events_find_their_rows),
        TEST(binary_comes_and_goes),
        TEST(large_arguments_are_not_copied),
        TEST(packets_keep_what_went_wrong),
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
