/* SPDX-License-Identifier: MIT */
/* Connection state recovery: who comes back has what sluice/sio.h promises. */
#include "serve/sio_recovery_app_test.h"

/* ---- the wire ---- */

static void on_answer(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    (void)s, (void)e, (void)user;
}

static void what_is_marked(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = "/chat,"};
    struct eio_session *old = dial(b, 3);
    sl_sio_packet *made = sl_sio_packet_new("x");
    char line[200];

    come(b, &p);
    snprintf(line, sizeof line, "0/chat,{\"sid\":\"%s\",\"pid\":\"", sl_sio_id(p.s));
    assert_memory_equal(p.e->sent, line, strlen(line));
    assert_seen(&p, "+ \"hi\" ");
    assert_int_equal(strlen(p.pid), SIO_PID_SIZE - 1);
    assert_null(strstr(p.pid, p.sid));
    assert_string_equal(old->sent, "0\n2[\"hi\"]\n");
    old->sent[old->len = 0] = '\0';

    sl_sio_put_binary(made, NULL, SL_STR("bin"));
    assert_int_equal(sl_sio_emit_volatile(p.s, made), 0);
    assert_int_equal(sl_sio_emit_newest(p.s, 7, made), 0);
    assert_int_equal(sl_sio_emit_ack(p.s, made, 0, on_answer, b), 0);
    emit_to(b, "v", &(sl_sio_target){.nsp = SL_STR("/chat"), .is_volatile = true});
    assert_sent(p.e, "51-/chat,[\"x\",{\"_placeholder\":true,\"num\":0}]\n<bin>\n"
                     "7!51-/chat,[\"x\",{\"_placeholder\":true,\"num\":0}]\n<bin>\n"
                     "51-/chat,0[\"x\",{\"_placeholder\":true,\"num\":0}]\n<bin>\n"
                     "2/chat,[\"v\"]\n");
    assert_int_equal(sl_sio_emit(p.s, made), 0);
    snprintf(line, sizeof line,
             "51-/chat,[\"x\",{\"_placeholder\":true,\"num\":0},\"%llu\"]\n<bin>\n",
             (unsigned long long)b->sio->recovery->last);
    assert_sent(p.e, line);
    emit_to_all(b, "y"); /* 2.x knows nothing of it */
    assert_sent(old, "2[\"y\"]\n");
    sl_sio_packet_free(made);
    hang_up(b, old, "x");
    lose(b, &p, "x");
}

static void in_order_and_once(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""}, q = {.nsp = ""};
    char sid[32], pid[40];

    come(b, &p);
    come(b, &q);
    assert_int_equal(sl_sio_join(p.s, SL_STR("a")), 0);
    sl_sio_set_user(p.s, (char *)"data");
    emit(&p, "one");
    see(&p, UINT32_MAX);
    emit(&p, "two"); /* on its way when it is cut */
    emit_to_room(b, "three", "a");
    lose(b, &p, "transport close");
    assert_int_equal(sl_sio_count(b->sio, SL_STR("/"), SL_STR("a")), 0);
    assert_int_equal(stats_of(b).lost, 1);
    emit_to_room(b, "four", "a");
    emit(&q, "others");
    emit_to_room(b, "others", "b");
    emit_to_all(b, "five");
    snprintf(sid, sizeof sid, "%s", p.sid);
    snprintf(pid, sizeof pid, "%s", p.pid);
    b->log[b->log_len = 0] = '\0';
    p.seen[0] = '\0';
    come(b, &p);
    emit(&p, "live");
    assert_seen(&p, "+ \"two\",1 \"three\" \"four\" \"five\" \"hi\" \"live\",1 ");
    assert_string_equal(p.sid, sid);
    assert_string_equal(sl_sio_id(p.s), sid);
    assert_string_equal(p.pid, pid);
    assert_log(b, "ask again;back with data;");
    assert_true(sl_sio_is_in(p.s, SL_STR("a")));
    assert_false(sl_sio_is_in(p.s, SL_STR("late")));
    assert_int_equal(sl_sio_count(b->sio, SL_STR("/"), SL_STR("a")), 1);
    emit_to_room(b, "six", "a");
    assert_seen(&p, "\"six\" ");
    assert_int_equal(stats_of(b).recovered, 1);
    assert_int_equal(stats_of(b).lost + stats_of(b).gaps, 0);
    lose(b, &p, "client gone");
    lose(b, &q, "client gone");
    assert_int_equal(freed, 1);
    assert_int_equal(stats_of(b).recovery_bytes, 0);
}

static void silent(struct bench *b, sl_sio_socket *s)
{
    (void)s;
    b->row[0].on_connect = NULL;
}

/* Before anything was sent to it: it has no offset. */
static void from_the_first_moment(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""};

    b->during = silent;
    come(b, &p);
    b->during = NULL;
    assert_seen(&p, "+ ");
    for (int i = 0; i < 3; i++) {
        lose(b, &p, "transport error");
        if (i == 2) emit_to_all(b, "missed");
        b->row[0].on_connect = on_connect; /* to find it */
        come(b, &p);
        assert_string_equal(p.offset, "");
        assert_true(sl_sio_is_recovered(p.s));
        p.e->sent[p.e->len = 0] = '\0'; /* and it loses all of that again */
    }
    lose(b, &p, "ping timeout");
    come(b, &p);
    assert_seen(&p, "+ \"hi\" \"hi\" \"missed\" \"hi\" \"hi\" ");
    lose(b, &p, "x");
}

static void again_and_again(void **state)
{
    static const char *const reasons[] = {"transport close", "transport error", "ping timeout",
                                          "forced close"};
    struct bench *b = *state;
    struct caller p = {.nsp = "/dyn-1,"};

    b->row[2].events = (void *)1; /* for teardown; its count is 0 */
    come(b, &p);
    for (int i = 0; i < 50; i++) {
        see(&p, UINT32_MAX);
        lose(b, &p, reasons[i % 4]);
        emit_to(b, "x", &(sl_sio_target){.nsp = SL_STR("/dyn-1")});
        p.seen[0] = '\0';
        come(b, &p);
        assert_seen(&p, "+ \"x\" \"hi\" ");
    }
    assert_int_equal(stats_of(b).recovered, 50);
    lose(b, &p, "x");
    b->row[2].events = NULL; /* and its namespace has gone with it */
}

/* The client has noticed, the server has not. */
static void half_open(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""}, old;

    come(b, &p);
    sl_sio_set_user(p.s, (char *)"data");
    say(b, p.e, "0/chat,");
    see(&p, UINT32_MAX);
    emit(&p, "sent in vain");
    old = p;
    b->log[b->log_len = 0] = '\0';
    p.seen[0] = '\0';
    come(b, &p);
    assert_log(b, "-transport close;ask again;back with data;");
    assert_string_equal(old.e->reason, "transport close");
    emit_to_all(b, "x");
    assert_seen(&p, "+ \"sent in vain\",1 \"hi\" \"x\" ");
    lose(b, &old, "never used"); /* "/chat" goes with it, and may come back */
    assert_log(b, "-transport close;");
    assert_int_equal(stats_of(b).lost, 1);
    old = p; /* the pid is the proof, as often as it is shown */
    come(b, &p);
    assert_seen(&p, "+ \"hi\" ");
    lose(b, &old, "never used");
    assert_int_equal(stats_of(b).recovered, 2);
    lose(b, &p, "x");
    assert_int_equal(freed, 1);
}

/* ---- rooms ---- */

static void who_was_in_the_room_then(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""};
    sl_str not_b = SL_STR("b");
    sl_sio_target t = {.except = &not_b, .except_count = 1};

    come(b, &p);
    see(&p, UINT32_MAX);
    p.seen[0] = '\0';
    emit_to_room(b, "before", "a");
    assert_int_equal(sl_sio_join(p.s, SL_STR("a")), 0);
    emit_to_room(b, "in", "a");
    assert_int_equal(sl_sio_join(p.s, SL_STR("b")), 0);
    emit_to(b, "not b", &t);
    sl_sio_leave(p.s, SL_STR("a"));
    emit_to_room(b, "after", "a");
    sl_sio_leave(p.s, SL_STR("b"));
    emit_to(b, "not b either", &t);
    assert_int_equal(sl_sio_join(p.s, SL_STR("a")), 0);
    emit_to_room(b, "again", "a");
    emit_to(b, "but me", &(sl_sio_target){.but = p.s});
    lose(b, &p, "transport close");
    emit_to_room(b, "while away", "a");
    come(b, &p);
    assert_seen(&p, "+ \"in\" \"not b either\" \"again\" \"while away\" \"hi\" ");
    lose(b, &p, "x");
}

static void rooms_of_the_past_are_bounded(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""};

    for (int rooms = SL_SIO_PAST_MAX; rooms <= SL_SIO_PAST_MAX + 1; rooms++) {
        come(b, &p);
        see(&p, UINT32_MAX);
        for (int i = 0; i < rooms; i++) {
            assert_int_equal(sl_sio_join(p.s, SL_STR("a")), 0);
            emit_to_room(b, "x", "a");
            sl_sio_leave(p.s, SL_STR("a"));
        }
        lose(b, &p, "transport close");
        if (rooms == SL_SIO_PAST_MAX) {
            come(b, &p);
            assert_true(sl_sio_is_recovered(p.s));
        } else {
            assert_gap(b, &p, "log");
        }
        lose(b, &p, "x");
        memset(&p, 0, sizeof p);
        p.nsp = "";
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_marked),
        TEST(in_order_and_once),
        TEST(from_the_first_moment),
        TEST(again_and_again),
        TEST(half_open),
        TEST(who_was_in_the_room_then),
        TEST(rooms_of_the_past_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
