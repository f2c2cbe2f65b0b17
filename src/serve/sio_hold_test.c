/* SPDX-License-Identifier: MIT */
/* Who is let in or refused later than is_allowed. */
#include "serve/sio_app_test.h"

static sl_sio_socket *held; /* the last */

static void hold(struct bench *b, sl_sio_socket *s)
{
    (void)b;
    assert_int_equal(sl_sio_hold(s), 0);
    assert_int_equal(sl_sio_hold(s), 0); /* twice is once */
    held = s;
}

/* A client whose CONNECT to "/" waits for a decision. */
static struct eio_session *dial_held(struct bench *b, int revision)
{
    struct eio_session *s;

    b->during = hold;
    s = dial(b, revision);
    if (revision == 4) say(b, s, "0{\"token\":1}");
    b->during = NULL;
    assert_sent(s, "");
    assert_log(b, "");
    assert_int_equal(sl_sio_emit_json(held, "early", SL_STR("")), SL_E_INVAL);
    return s;
}

static void let_in_later(void **state)
{
    struct bench *b = *state;

    for (int revision = 3; revision <= 4; revision++) {
        struct eio_session *s = dial_held(b, revision);
        char wanted[64];

        assert_int_equal(sl_sio_join(held, SL_STR("room")), 0);
        assert_int_equal(sl_sio_let_in(held), 0);
        assert_log(b, "+/ ;");
        if (revision == 4)
            snprintf(wanted, sizeof wanted, "0{\"sid\":\"%s\"}\n2[\"hi\"]\n", sl_sio_id(held));
        else
            snprintf(wanted, sizeof wanted, "0\n2[\"hi\"]\n");
        assert_sent(s, wanted);
        assert_int_equal(sl_sio_let_in(held), SL_E_INVAL); /* it is decided */
        assert_int_equal(sl_sio_refuse(held, "no", (sl_str){0}), SL_E_INVAL);
        sl__loop_crank(b->loop, 100000);
        say(b, s, "2[\"x\"]");
        assert_log(b, "x();");
        hang_up(b, s, "transport close");
        assert_log(b, "-/ transport close;");
    }
}

static void refused_later(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = dial_held(b, 4);

    assert_int_equal(sl_sio_refuse(held, "unpaid", SL_STR("[402]")), 0);
    assert_sent(s, "4{\"message\":\"unpaid\",\"data\":[402]}\n");
    b->during = hold;
    say(b, s, "0"); /* it may try again */
    assert_int_equal(sl_sio_refuse(held, "", (sl_str){0}), 0);
    assert_sent(s, "4{\"message\":\"Forbidden\"}\n");
    b->during = NULL;
    say(b, s, "0");
    assert_log(b, "+/ ;"); /* and nothing of those before */
    hang_up(b, s, "transport close");
    assert_log(b, "-/ transport close;");
}

static void yes_inside(struct bench *b, sl_sio_socket *s)
{
    hold(b, s);
    assert_int_equal(sl_sio_let_in(s), 0);
    assert_int_equal(sl_sio_let_in(s), SL_E_INVAL);
}

static void no_inside(struct bench *b, sl_sio_socket *s)
{
    hold(b, s);
    assert_int_equal(sl_sio_refuse(s, "at once", SL_STR("1")), 0);
}

static void decided_before_is_allowed_returns(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = dial(b, 4);

    b->during = no_inside;
    say(b, s, "0");
    assert_sent(s, "4{\"message\":\"at once\",\"data\":1}\n");
    assert_log(b, "");
    b->during = yes_inside;
    b->said_no = true; /* does not count */
    say(b, s, "0{\"a\":1}");
    b->during = NULL;
    assert_log(b, "+/ {\"a\":1};");
    assert_int_equal(sl_sio_hold(b->last), SL_E_INVAL); /* it was not asked about */
    assert_int_equal(sl_sio_let_in(b->last), SL_E_INVAL);
    hang_up(b, s, "transport close");
}

static void ends_before_it_is_decided(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = dial_held(b, 4);

    say(b, s, "0{\"again\":1}"); /* said twice */
    assert_sent(s, "");
    say(b, s, "1"); /* it has changed its mind */
    assert_log(b, "-/ client namespace disconnect;");
    b->during = hold;
    say(b, s, "0");
    hang_up(b, s, "transport close");
    assert_log(b, "-/ transport close;");

    s = dial_held(b, 4);
    say(b, s, "2[\"too early\"]");
    assert_string_equal(s->reason, "parse error");
    assert_int_equal(sl_sio_let_in(held), SL_E_CLOSED);
    assert_int_equal(sl_sio_refuse(held, "no", (sl_str){0}), SL_E_CLOSED);
    hang_up(b, s, "");
    assert_log(b, "-/ parse error;");

    s = dial_held(b, 4);
    sl_sio_disconnect(held, false);
    assert_int_equal(sl_sio_let_in(held), SL_E_CLOSED);
    turn(b);
    assert_log(b, "-/ server namespace disconnect;");
    hang_up(b, s, "transport close");
}

static void nobody_decides(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b), *first;

    b->during = hold;
    say(b, s, "0/chat,");
    sl__loop_crank(b->loop, 44999);
    assert_sent(s, "");
    sl__loop_crank(b->loop, 1);
    assert_sent(s, "4/chat,{\"message\":\"Timeout\"}\n");
    assert_log(b, "-/chat connect timeout;");
    b->during = NULL;
    say(b, s, "2[\"x\"]"); /* "/" goes on */
    assert_log(b, "x();");
    hang_up(b, s, "transport close");

    b->log[b->log_len = 0] = '\0';
    first = dial_held(b, 4);
    sl__loop_crank(b->loop, 45000);
    assert_non_null(first->reason); /* the first namespace was not joined in time */
    hang_up(b, first, "");
    assert_true(strncmp(b->log, "-/ ", 3) == 0);
}

static void who_is_held_hears_nothing(void **state)
{
    struct bench *b = *state;
    struct eio_session *s = join(b), *waits = dial_held(b, 4);
    sl_sio_packet *p = sl_sio_packet_new("news");

    assert_int_equal(sl_sio_broadcast(b->sio, &(sl_sio_target){0}, p), 0);
    assert_sent(s, "2[\"news\"]\n");
    assert_sent(waits, "");
    sl_sio_packet_free(p);
    hang_up(b, s, "transport close");
    hang_up(b, waits, "transport close");
}

/* Without memory it is not held: its answer counts. */
static void hold_or_refuse(struct bench *b, sl_sio_socket *s)
{
    held = sl_sio_hold(s) == 0 ? s : NULL;
    b->said_no = held == NULL;
}

static void without_memory(void **state)
{
    struct bench *b = *state;

    for (long n = 0; n < 60; n++) {
        struct eio_session *s = dial(b, 4);

        if (s->user == NULL || s->reason != NULL) {
            hang_up(b, s, "");
            continue;
        }
        held = NULL;
        b->during = hold_or_refuse;
        sl__alloc_fail_after(n % 30);
        say(b, s, "0");
        if (held != NULL && n < 30) (void)sl_sio_let_in(held);
        if (held != NULL && n >= 30) (void)sl_sio_refuse(held, "no", SL_STR("1"));
        sl__alloc_fail_after(-1);
        b->during = NULL;
        hang_up(b, s, "transport close");
        b->log[b->log_len = 0] = '\0';
    }
    b->said_no = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(let_in_later),
        TEST(refused_later),
        TEST(decided_before_is_allowed_returns),
        TEST(ends_before_it_is_decided),
        TEST(nobody_decides),
        TEST(who_is_held_hears_nothing),
        TEST(without_memory),
    };

    return cmocka_run_group_tests_name("serve/sio_hold", tests, NULL, NULL);
}
