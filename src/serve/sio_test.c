/* SPDX-License-Identifier: MIT */
/* Clients: what they join, what they say, what is answered and what ends them. */
#include "serve/sio_app_test.h"

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

/* Whichever of its sockets it is: they share one connection. */
static void a_pause_is_the_client_s(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);
    sl_sio_socket *root = b->last;

    say(b, s, "0/chat,");
    sl_sio_pause(root);
    assert_true(s->paused);
    sl_sio_resume(b->last);
    assert_false(s->paused);
    sl_sio_pause(b->last);
    sl_sio_disconnect(b->last, false);
    sl_sio_resume(b->last); /* it has left, and nobody has been told yet */
    assert_false(s->paused);
    sl_sio_pause(b->last);
    assert_false(s->paused);
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

struct lines {
    char *text;
    size_t len;
};

SL_PRINTF(2, 3) static void add(struct lines *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    l->len += (size_t)vsnprintf(l->text + l->len, 8192 - l->len, fmt, ap);
    va_end(ap);
    assert_true(l->len < 8192);
}

static void large_arguments_are_not_copied(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b);
    char text[8192], wanted[8192], one[1401];
    struct lines in = {text}, out = {wanted};

    add(&in, "2[\"echo\"");
    add(&out, "51-[\"back\",{\"_placeholder\":true,\"num\":0}");
    for (int i = 0; i < 5; i++) {
        memset(one, 'a' + i, sizeof one - 1);
        one[sizeof one - 1] = '\0';
        add(&in, ",\"%s\",%d", one, i);
        add(&out, ",\"%s\",%d", one, i);
    }
    add(&in, "]");
    add(&out, "]\n<mine>\n");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_answer_comes_first),
        TEST(revision_3_is_in_unasked),
        TEST(who_may_not_is_told_why),
        TEST(dynamic_ones_come_and_go),
        TEST(no_more_than_32),
        TEST(leaving_one_leaves_the_others),
        TEST(a_pause_is_the_client_s),
        TEST(who_never_joins_is_closed),
        TEST(bad_packets),
        TEST(nothing_comes_before_connect),
        TEST(attachments_must_follow),
        TEST(deep_json_is_bounded),
        TEST(events_find_their_rows),
        TEST(binary_comes_and_goes),
        TEST(large_arguments_are_not_copied),
        TEST(packets_keep_what_went_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
