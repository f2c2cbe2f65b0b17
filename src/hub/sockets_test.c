/* SPDX-License-Identifier: MIT */
/* Two systems on one Socket.IO server: whose an event is, who is told what, and receipts. */
#include "hub/sockets.h"

#include "hub/intake_inside.h"
#include "serve/sio_test.h"

/* ---- the hub: the test settles the records ---- */

static struct {
    struct record *waiting[8];
    int n, announced, left, replies;
    bool is_full;
    char end[64];
} hub;

int hub_append(struct hub *h, struct record *r, struct sender *s)
{
    (void)h;
    (void)s;
    if (hub.is_full || hub.n == 8) return SL_E_FULL;
    hub.waiting[hub.n++] = r;
    return 0;
}

bool hub_is_stopping(const struct hub *h)
{
    (void)h;
    return false;
}

static void settle(enum outcome_kind kind, const char *why)
{
    struct record *r = hub.waiting[0];

    assert_in_range(hub.n, 1, 8);
    memmove(hub.waiting, hub.waiting + 1, (size_t)--hub.n * sizeof hub.waiting[0]);
    r->outcome.kind = kind;
    r->outcome.status = 409;
    r->outcome.seq = kind <= OUTCOME_MERGED ? 7 : 0;
    snprintf(r->outcome.id, sizeof r->outcome.id, "%s", kind <= OUTCOME_MERGED ? "id" : "");
    snprintf(r->outcome.why, sizeof r->outcome.why, "%s", why);
    r->on_done(r, &r->outcome);
    record_free(r);
}

/* ---- two systems ---- */

static int on_hello(struct arrival *a)
{
    a->sender->role = 1;
    return 0;
}

static int on_bye(struct arrival *a)
{
    a->sender->role = 0;
    return 0;
}

static void on_announce(const struct done *d)
{
    (void)d;
    hub.announced++;
}

/* In the words of an original: an event, and an acknowledgement without arguments. */
static void reply(const struct arrival *a, const struct done *d)
{
    struct sender *s = d != NULL ? d->sender : a->sender;
    sl_sio_packet *p = sl_sio_packet_new(NULL);

    hub.replies++;
    if (a != NULL && a->status != 0)
        (void)sl_sio_emit_json(s->sio, "refused", SL_STR("1"));
    else
        (void)sl_sio_emit_json(s->sio, "answer", SL_STR("2"));
    if (d != NULL && d->wants_ack) (void)sl_sio_ack_id(s->sio, d->ack_id, p);
    sl_sio_packet_free(p);
}

static void on_leave(void *state, struct sender *s)
{
    (void)state;
    assert_non_null(s->sio); /* it may still be asked who it was */
    hub.left++;
    snprintf(hub.end, sizeof hub.end, "%.*s", (int)s->end.len, s->end.ptr);
}

static const struct field thing_rows[] = {
    {"n", FIELD_NUMBER, FIELD_REQUIRED, 0, 9},
};
static const struct shape thing_shape = SHAPE(thing_rows);
static const struct record_kind thing = {"a", "thing", NULL, NULL};

static const char *const a_hello[] = {"a:hello", NULL};
static const char *const a_bye[] = {"a:bye", NULL};
static const char *const a_thing[] = {"a:thing", "a:thing-too", NULL};
static const char *const a_frame[] = {"a:frame", NULL};
static const char *const a_own[] = {"a:own", NULL};
static const char *const a_shy[] = {"a:shy", NULL};
static const char *const b_hello[] = {"b:hello", NULL};

// clang-format off
static const struct intake a_intakes[] = {
    {.events = a_hello, .class = CLASS_STATE, .on_x = on_hello},
    {.events = a_bye,   .class = CLASS_STATE, .on_x = on_bye},
    {.events = a_thing, .class = CLASS_RECORD, .shape = &thing_shape, .kind = &thing, .announce_x = on_announce},
    {.events = a_frame, .class = CLASS_FRAME, .shape = &thing_shape},
    {.events = a_own,   .class = CLASS_RECORD, .shape = &thing_shape, .kind = &thing, .reply_x = reply},
    {.events = a_shy,   .class = CLASS_STATE, .from = 1 << 1},
};
static const struct intake b_intakes[] = {
    {.events = b_hello, .class = CLASS_STATE, .on_x = on_hello},
};
// clang-format on

static const struct system a = {.name = "a",
                                .intakes = a_intakes,
                                .intake_count = sizeof a_intakes / sizeof a_intakes[0],
                                .on_leave = on_leave};
static const struct system b = {.name = "b", .intakes = b_intakes, .intake_count = 1};
static const struct system silent = {.name = "silent"};

struct shop {
    struct bench k;
    struct sockets *s;
    struct intakes *x[3];
    struct knocks *knocks;
};

static int set_up(void **state)
{
    static const struct system *const systems[] = {&a, &b, &silent};
    struct shop *t = calloc(1, sizeof *t);

    memset(&hub, 0, sizeof hub);
    assert_int_equal(sl_loop_new(&t->k.loop), 0);
    sl__loop_crank(t->k.loop, 1000);
    assert_int_equal(knocks_new(t->k.loop, &t->knocks), 0);
    assert_int_equal(sockets_new(t->k.loop, 0, 0, &t->s, NULL), 0);
    sockets_set_knocks(t->s, t->knocks);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(intakes_new(NULL, systems[i], NULL, &t->x[i]), 0);
        intakes_set_knocks(t->x[i], t->knocks);
        assert_int_equal(sockets_add(t->s, t->x[i], NULL), 0);
    }
    t->k.sio = sockets_server(t->s);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct shop *t = *state;

    sockets_free(t->s);
    for (int i = 0; i < 3; i++)
        intakes_free(t->x[i]);
    knocks_free(t->knocks);
    sl_loop_free(t->k.loop);
    assert_int_equal(fakes_alive, 0);
    free(t);
    return 0;
}

static struct eio_session *join(struct shop *t)
{
    struct eio_session *s = dial(&t->k, 4);

    say(&t->k, s, "0");
    assert_memory_equal(s->sent, "0{\"sid\":", 8);
    s->sent[s->len = 0] = '\0';
    return s;
}

/* ---- whose ---- */

static void tell_all(struct shop *t, const char *system, uint32_t key)
{
    sl_sio_packet *p = sl_sio_packet_new("news");

    assert_int_equal(sockets_tell_all(t->s, system, key, p), 0);
    sl_sio_packet_free(p);
}

static void test_everybody_is_all_but_those_of_others(void **state)
{
    struct shop *t = *state;
    struct eio_session *nobody = join(t), *of_a = join(t), *of_b = join(t), *of_both = join(t);

    say(&t->k, of_a, "2[\"a:hello\"]");
    say(&t->k, of_a, "2[\"a:hello\"]"); /* once is enough */
    say(&t->k, of_b, "2[\"b:hello\"]");
    say(&t->k, of_both, "2[\"b:hello\"]");
    say(&t->k, of_both, "2[\"a:hello\"]");
    tell_all(t, "a", 0);
    assert_sent(nobody, "2[\"news\"]\n");
    assert_sent(of_a, "2[\"news\"]\n");
    assert_sent(of_b, "");
    assert_sent(of_both, "2[\"news\"]\n");
    tell_all(t, "b", 3);
    assert_sent(nobody, "3!2[\"news\"]\n");
    assert_sent(of_a, "");
    assert_sent(of_b, "3!2[\"news\"]\n");
    assert_sent(of_both, "3!2[\"news\"]\n");

    say(&t->k, of_both, "2[\"a:bye\"]"); /* it is of one again */
    say(&t->k, of_a, "2[\"a:bye\"]");
    tell_all(t, "a", 0);
    assert_sent(of_a, "2[\"news\"]\n");
    assert_sent(of_both, "");
    assert_true(sockets_has(t->s, "a"));
    assert_false(sockets_has(t->s, "silent"));
    for (int i = 0; i < 4; i++)
        hang_up(&t->k, (struct eio_session *[]){nobody, of_a, of_b, of_both}[i],
                "transport close");
}

static void test_an_event_by_any_spelling(void **state)
{
    struct shop *t = *state;
    struct eio_session *s = join(t);
    const struct socket *k = sockets_next(t->s, NULL);

    assert_null(k->senders); /* it has said nothing */
    say(&t->k, s, "2[\"a\\u003ahello\"]");
    assert_int_equal(k->senders->role, 1);
    assert_null(k->senders->next);
    assert_int_equal(sockets_ignored(t->s), 0);
    say(&t->k, s, "2[\"a\\ud800\"]");
    say(&t->k, s, "2[\"nobody's\",{}]");
    say(&t->k, s, "2[7]");
    assert_int_equal(sockets_ignored(t->s), 3);
    assert_int_equal(knocks_count(t->knocks, KNOCK_EVENT), 3);
    assert_sent(s, "");
    assert_null(sockets_next(t->s, k));
    hang_up(&t->k, s, "transport close");
    assert_null(sockets_next(t->s, NULL));
}

static void test_two_systems_cannot_share_an_event(void **state)
{
    struct shop *t = *state;
    sl_error err = {0};

    assert_int_equal(sockets_add(t->s, t->x[1], &err), SL_E_INVAL);
    assert_string_equal(err.where, "b:hello");
}

static void test_roles_hold_here_as_well(void **state)
{
    struct shop *t = *state;
    struct eio_session *s = join(t);

    say(&t->k, s, "20[\"a:shy\"]");
    assert_sent(s, "");
    assert_int_equal(t->x[0]->ignored, 1);
    assert_int_equal(knocks_count(t->knocks, KNOCK_UNREGISTERED), 1);
    say(&t->k, s, "2[\"a:hello\"]");
    say(&t->k, s, "21[\"a:shy\"]");
    assert_sent(s, "31[{\"ok\":true}]\n");
    hang_up(&t->k, s, "transport close");
}

/* ---- receipts ---- */

static void test_an_acknowledgement_is_the_receipt(void **state)
{
    struct shop *t = *state;
    struct eio_session *s = join(t);

    say(&t->k, s, "25[\"a:thing\",{\"n\":1.50}]");
    assert_sent(s, ""); /* not before the commit */
    assert_true(sl_str_eq(hub.waiting[0]->body, SL_STR("{\"n\":1.50}")));
    settle(OUTCOME_STORED, "");
    assert_sent(s, "35[{\"ok\":true,\"id\":\"id\",\"seq\":7,\"stored\":true,\"duplicate\":"
                   "false}]\n");
    say(&t->k, s, "26[\"a:thing-too\",{\"n\":1}]");
    settle(OUTCOME_DUPLICATE, "");
    assert_sent(s, "36[{\"ok\":true,\"id\":\"id\",\"seq\":7,\"stored\":false,\"duplicate\":"
                   "true}]\n");
    say(&t->k, s, "27[\"a:thing\",{\"n\":1}]");
    settle(OUTCOME_REFUSED, "the pen is full");
    assert_sent(s, "37[{\"ok\":false,\"error\":\"the pen is full\"}]\n");
    say(&t->k, s, "28[\"a:thing\",{}]");
    assert_sent(s, "38[{\"ok\":false,\"error\":\"n is missing\",\"field\":\"n\"}]\n");
    say(&t->k, s, "29[\"a:thing\"]");
    assert_sent(s, "39[{\"ok\":false,\"error\":\"the message must be a JSON object\"}]\n");
    assert_int_equal(hub.announced, 1);
    hang_up(&t->k, s, "transport close");
}

static void test_without_one_only_refusals_of_records_are_told(void **state)
{
    struct shop *t = *state;
    struct eio_session *s = join(t);

    say(&t->k, s, "2[\"a:hello\"]");
    say(&t->k, s, "2[\"a:frame\",{}]");
    say(&t->k, s, "2[\"a:thing\",{\"n\":1}]");
    settle(OUTCOME_STORED, "");
    assert_sent(s, "");
    say(&t->k, s, "2[\"a:thing\",{\"n\":10}]");
    assert_sent(
        s, "2[\"error\",{\"error\":\"n must be a number from 0 to 9\",\"field\":\"n\"}]\n");
    say(&t->k, s, "2[\"a:thing\",{\"n\":1}]");
    settle(OUTCOME_FAILED, "the disk is full");
    assert_sent(s, "2[\"error\",{\"error\":\"the disk is full\"}]\n");
    hub.is_full = true;
    say(&t->k, s, "2[\"a:thing\",{\"n\":1}]");
    assert_non_null(strstr(s->sent, "more to write than it can hold"));
    hang_up(&t->k, s, "transport close");
}

static void test_a_system_answers_in_its_own_words(void **state)
{
    struct shop *t = *state;
    struct eio_session *s = join(t);

    say(&t->k, s, "20[\"a:own\",{\"n\":1}]");
    settle(OUTCOME_STORED, "");
    assert_sent(s, "2[\"answer\",2]\n30[]\n");
    say(&t->k, s, "21[\"a:own\",{}]");
    assert_sent(s, "2[\"refused\",1]\n");
    assert_int_equal(hub.replies, 2);
    hang_up(&t->k, s, "transport close");
}

static void test_who_has_gone_is_not_answered(void **state)
{
    struct shop *t = *state;
    struct eio_session *s = join(t);

    say(&t->k, s, "20[\"a:thing\",{\"n\":1}]");
    say(&t->k, s, "21[\"a:own\",{\"n\":1}]");
    hang_up(&t->k, s, "ping timeout");
    assert_int_equal(hub.left, 1);
    assert_string_equal(hub.end, "ping timeout");
    settle(OUTCOME_STORED, "");
    settle(OUTCOME_REFUSED, "no");
    assert_int_equal(hub.announced, 1); /* it is stored, whoever asks */
    assert_int_equal(hub.replies, 0);
}

/* ---- back-pressure ---- */

static void test_who_leaves_is_held_back_no_more(void **state)
{
    struct shop *t = *state;
    struct eio_session *s = join(t);
    struct list paused;

    list_init(&paused);
    say(&t->k, s, "20[\"a:thing\",{\"n\":1}]");
    list_add_last(&paused, &sockets_next(t->s, NULL)->senders->paused);
    sl_sio_pause(sockets_next(t->s, NULL)->sio); /* as the backlog does */
    assert_true(s->paused);
    say(&t->k, s, "1"); /* it leaves the namespace; its record is under way */
    assert_true(list_is_empty(&paused));
    assert_false(s->paused);
    settle(OUTCOME_STORED, "");
    hang_up(&t->k, s, "transport close");
}

/* ---- memory ---- */

static void test_each_allocation_may_fail(void **state)
{
    struct shop *t = *state;
    struct sockets *s = NULL;
    sl_error err;
    int rc = -1;

    for (int n = 0; rc != 0 && n < 100; n++) {
        sl__alloc_fail_after(n);
        rc = sockets_new(t->k.loop, 0, 0, &s, &err);
        sl__alloc_fail_after(-1);
        if (rc != 0) assert_null(s);
    }
    assert_int_equal(rc, 0);
    sockets_free(s);
    sockets_free(NULL);
}

/* Whatever fails, it is let go and may come back; nothing is lost. */
static void test_what_a_client_does_may_fail(void **state)
{
    struct shop *t = *state;

    for (int n = 0; n < 60; n++) {
        struct eio_session *s = dial(&t->k, 4);

        sl__alloc_fail_after(n);
        say(&t->k, s, "0");
        say(&t->k, s, "2[\"a:hello\"]");
        say(&t->k, s, "20[\"a:thing\",{\"n\":10}]");
        sl__alloc_fail_after(-1);
        hang_up(&t->k, s, "transport close");
        assert_null(sockets_next(t->s, NULL));
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_everybody_is_all_but_those_of_others),
        TEST(test_an_event_by_any_spelling),
        TEST(test_two_systems_cannot_share_an_event),
        TEST(test_roles_hold_here_as_well),
        TEST(test_an_acknowledgement_is_the_receipt),
        TEST(test_without_one_only_refusals_of_records_are_told),
        TEST(test_a_system_answers_in_its_own_words),
        TEST(test_who_has_gone_is_not_answered),
        TEST(test_who_leaves_is_held_back_no_more),
        TEST(test_each_allocation_may_fail),
        TEST(test_what_a_client_does_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
