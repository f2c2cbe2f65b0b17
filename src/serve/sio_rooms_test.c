/* SPDX-License-Identifier: MIT */
/* Rooms, and sending to many. */
#include "serve/sio_test.h"

#define PEERS 5

struct fixture {
    struct bench b;
    struct eio_session *e[PEERS];
    sl_sio_socket *s[PEERS];
};

static void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    struct fixture *f = user;

    (void)auth;
    f->b.last = s;
}

static void on_disconnect(sl_sio_socket *s, const char *reason, void *user)
{
    struct fixture *f = user;

    (void)reason;
    note(&f->b, "in a: %d, of %u;", sl_sio_is_in(s, SL_STR("a")),
         sl_sio_count(f->b.sio, SL_STR("/"), SL_STR("a")));
}

/* Five clients: the first is of revision 3, the last in "/other". */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct bench *b = &f->b;
    sl_sio_options o = {.namespaces = b->row, .namespace_count = 2};

    assert_int_equal(sl_loop_new(&b->loop), 0);
    sl__loop_crank(b->loop, 1000);
    b->row[0] = (sl_sio_namespace){
        .name = "/", .on_connect = on_connect, .on_disconnect = on_disconnect, .user = f};
    b->row[1] = (sl_sio_namespace){.name = "/other", .on_connect = on_connect, .user = f};
    assert_int_equal(sl_sio_new(b->loop, &o, &b->sio, NULL), 0);
    for (int i = 0; i < PEERS; i++) {
        f->e[i] = dial(b, i == 0 ? 3 : 4);
        if (i > 0) say(b, f->e[i], i == PEERS - 1 ? "0/other," : "0");
        f->s[i] = b->last;
        f->e[i]->sent[f->e[i]->len = 0] = '\0';
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < PEERS; i++)
        if (f->e[i] != NULL) hang_up(&f->b, f->e[i], "x");
    assert_int_equal(map_count(f->b.sio->nsps), 2);
    sl_sio_free(f->b.sio);
    sl_loop_free(f->b.loop);
    free(f);
    assert_int_equal(fakes_alive, 0);
    return 0;
}

static void put(struct fixture *f, int peer, const char *room)
{
    assert_int_equal(sl_sio_join(f->s[peer], sl_str_of(room)), 0);
}

static void tell_who(struct fixture *f, const sl_sio_target *t, uint32_t key)
{
    sl_sio_packet *p = sl_sio_packet_new("x");

    assert_int_equal(key ? sl_sio_broadcast_newest(f->b.sio, t, key, p)
                         : sl_sio_broadcast(f->b.sio, t, p),
                     0);
    sl_sio_packet_free(p);
}

/* Who got it, as digits; nobody more than once. */
static void assert_heard(struct fixture *f, const char *who)
{
    char got[PEERS + 1] = "", *end = got;

    for (int i = 0; i < PEERS; i++) {
        if (f->e[i]->len > 0) *end++ = (char)('0' + i);
        if (f->e[i]->len > 0)
            assert_sent(f->e[i], i == PEERS - 1 ? "2/other,[\"x\"]\n" : "2[\"x\"]\n");
    }
    assert_string_equal(got, who);
}

static void everybody_gets_it_once(void **state)
{
    struct fixture *f = *state;
    sl_str ab[] = {SL_STR("a"), SL_STR("b")}, c = SL_STR("c"), none = SL_STR("nobody");

    put(f, 0, "a"), put(f, 1, "a"), put(f, 1, "b"), put(f, 2, "b"), put(f, 2, "c");
    put(f, 4, "a"); /* the same name elsewhere is another room */
    tell_who(f, &(sl_sio_target){0}, 0);
    assert_heard(f, "0123");
    tell_who(f, &(sl_sio_target){.nsp = SL_STR("/other")}, 0);
    assert_heard(f, "4");
    tell_who(f, &(sl_sio_target){.nsp = SL_STR("/none")}, 0);
    assert_heard(f, "");
    tell_who(f, &(sl_sio_target){.to = ab, .to_count = 2}, 0);
    assert_heard(f, "012");
    tell_who(f, &(sl_sio_target){.to = ab, .to_count = 2, .except = &c, .except_count = 1}, 0);
    assert_heard(f, "01");
    tell_who(f, &(sl_sio_target){.except = ab, .except_count = 2}, 0);
    assert_heard(f, "3");
    tell_who(f, &(sl_sio_target){.to = ab, .to_count = 1, .but = f->s[1]}, 0);
    assert_heard(f, "0");
    tell_who(
        f, &(sl_sio_target){.to = &none, .to_count = 1, .except = &none, .except_count = 1}, 0);
    assert_heard(f, "");
}

/* What the engine has counted is in there as it is. */
static void each_that_is_passed_one_counts(void **state)
{
    struct fixture *f = *state;
    sl_str a = SL_STR("a");
    sl_sio_stats stats;

    put(f, 0, "a"), put(f, 1, "a"), put(f, 2, "a");
    f->e[1]->full = true;
    tell_who(f, &(sl_sio_target){.to = &a, .to_count = 1}, 0); /* 0 and 2 */
    tell_who(f, &(sl_sio_target){0}, 0);                       /* 3 as well */
    tell_who(f, &(sl_sio_target){0}, 7);                       /* newest only: not these */
    sl_sio_get_stats(f->b.sio, &stats);
    assert_int_equal(stats.broadcast, 2 + 3);
    assert_int_equal(stats.newest, 2);
    assert_int_equal(stats.conflated, 3);
    assert_int_equal(stats.cut_off, 4);
    assert_int_equal(stats.closed_full, 5);
    for (int i = 0; i < PEERS; i++)
        f->e[i]->sent[f->e[i]->len = 0] = '\0';
}

static void the_others_of_a_namespace(void **state)
{
    struct fixture *f = *state;
    sl_sio_packet *p = sl_sio_packet_new("x");

    assert_int_equal(sl_sio_emit_others(f->s[2], p), 0);
    assert_heard(f, "013");
    assert_int_equal(sl_sio_emit_others(f->s[4], p),
                     0); /* encoded anew, for another namespace */
    assert_heard(f, "");
    assert_int_equal(sl_sio_emit(f->s[4], p), 0);
    assert_heard(f, "4");
    sl_sio_packet_free(p);
}

static void it_is_encoded_once(void **state)
{
    struct fixture *f = *state;
    sl_sio_packet *p = sl_sio_packet_new("x");
    struct eio_message *made;

    assert_int_equal(sl_sio_broadcast(f->b.sio, &(sl_sio_target){0}, p), 0);
    made = p->made;
    assert_int_equal(sl_sio_emit(f->s[1], p), 0);
    assert_ptr_equal(p->made, made);
    sl_sio_packet_free(p);
}

static void volatile_and_newest(void **state)
{
    struct fixture *f = *state;
    sl_sio_packet *p;

    f->e[1]->unwritable = true;
    tell_who(f, &(sl_sio_target){.is_volatile = true}, 0);
    assert_heard(f, "023");
    tell_who(f, &(sl_sio_target){0}, 7);
    assert_sent(f->e[1], "7!2[\"x\"]\n");
    assert_sent(f->e[0], "7!2[\"x\"]\n");
    p = sl_sio_packet_new("x");
    assert_int_equal(sl_sio_emit_volatile(f->s[1], p), 0);
    assert_int_equal(sl_sio_emit_newest(f->s[1], 9, p), 0);
    assert_int_equal(sl_sio_emit_newest(f->s[1], 0, p), SL_E_INVAL);
    assert_int_equal(sl_sio_broadcast_newest(f->b.sio, &(sl_sio_target){0}, 0, p), SL_E_INVAL);
    assert_sent(f->e[1], "9!2[\"x\"]\n");
    sl_sio_packet_free(p);
}

static void joining_and_leaving(void **state)
{
    struct fixture *f = *state;
    sl_str a = SL_STR("a");

    put(f, 0, "a"), put(f, 0, "a"), put(f, 1, "a"), put(f, 1, "");
    assert_int_equal(sl_sio_count(f->b.sio, (sl_str){0}, a), 2);
    assert_int_equal(sl_sio_count(f->b.sio, SL_STR("/"), SL_STR("")), 1);
    assert_int_equal(sl_sio_count(f->b.sio, SL_STR("/"), (sl_str){0}), 4);
    assert_true(sl_sio_is_in(f->s[0], a));
    assert_false(sl_sio_is_in(f->s[2], a));
    assert_false(sl_sio_is_in(f->s[4], a));
    sl_sio_leave(f->s[0], a);
    sl_sio_leave(f->s[0], a);
    sl_sio_leave(f->s[0], SL_STR("never"));
    assert_int_equal(sl_sio_count(f->b.sio, (sl_str){0}, a), 1);
    tell_who(f, &(sl_sio_target){.to = &a, .to_count = 1}, 0);
    assert_heard(f, "1");
    sl_sio_leave(f->s[1], a);
    assert_int_equal(map_count(f->b.sio->nsps), 2);
    assert_int_equal(map_count(f->s[0]->nsp->rooms), 1); /* "" */
}

static void who_has_ended_hears_and_counts_no_more(void **state)
{
    struct fixture *f = *state;
    sl_str a = SL_STR("a");

    put(f, 0, "a"), put(f, 1, "a"), put(f, 2, "a");
    sl_sio_disconnect(f->s[1], false);
    assert_sent(f->e[1], "1\n");
    assert_int_equal(sl_sio_count(f->b.sio, SL_STR("/"), a), 2);
    assert_int_equal(sl_sio_count(f->b.sio, SL_STR("/"), (sl_str){0}), 3);
    tell_who(f, &(sl_sio_target){.to = &a, .to_count = 1}, 0);
    assert_heard(f, "02");
    tell_who(f, &(sl_sio_target){0}, 0);
    assert_heard(f, "023");
    assert_log(&f->b, "");
    turn(&f->b);
    assert_log(&f->b, "in a: 1, of 2;"); /* still in its rooms while it is told */
}

static void one_that_is_full_holds_up_nobody(void **state)
{
    struct fixture *f = *state;

    f->e[1]->full = true;
    tell_who(f, &(sl_sio_target){0}, 0);
    assert_heard(f, "023");
    assert_non_null(f->e[1]->reason);
    tell_who(f, &(sl_sio_target){0}, 0);
    assert_heard(f, "023");
}

static void limits_are_clear(void **state)
{
    struct fixture *f = *state;
    char name[SL_SIO_ROOM_NAME_MAX + 1];

    memset(name, 'n', sizeof name);
    assert_int_equal(sl_sio_join(f->s[0], (sl_str){name, sizeof name}), SL_E_TOO_BIG);
    assert_int_equal(sl_sio_join(f->s[0], (sl_str){name, sizeof name - 1}), 0);
    for (int i = 1; i < SL_SIO_ROOMS_MAX; i++) {
        snprintf(name, sizeof name, "room %d", i);
        put(f, 0, name);
    }
    assert_int_equal(sl_sio_join(f->s[0], SL_STR("one more")), SL_E_TOO_BIG);
    put(f, 0, "room 7"); /* it is in */
    sl_sio_leave(f->s[0], SL_STR("room 7"));
    put(f, 0, "one more");
}

static void without_memory_nobody_is_in(void **state)
{
    struct fixture *f = *state;
    sl_str a = SL_STR("a");
    int rc;

    for (long n = 0;; n++) {
        sl__alloc_fail_after(n);
        rc = sl_sio_join(f->s[0], a);
        sl__alloc_fail_after(-1);
        assert_int_equal(sl_sio_is_in(f->s[0], a), rc == 0);
        if (rc == 0) break;
        assert_int_equal(rc, SL_E_NOMEM);
        assert_true(n < 20);
    }
    for (long n = 0;; n++) {
        sl__alloc_fail_after(n);
        sl_sio_packet *p = sl_sio_packet_new("x");
        rc = p != NULL ? sl_sio_broadcast(f->b.sio, &(sl_sio_target){0}, p) : SL_E_NOMEM;
        sl__alloc_fail_after(-1);
        sl_sio_packet_free(p);
        assert_heard(f, rc == 0 ? "0123" : "");
        if (rc == 0) break;
        assert_int_equal(rc, SL_E_NOMEM);
        assert_true(n < 20);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everybody_gets_it_once),
        TEST(each_that_is_passed_one_counts),
        TEST(the_others_of_a_namespace),
        TEST(it_is_encoded_once),
        TEST(volatile_and_newest),
        TEST(joining_and_leaving),
        TEST(who_has_ended_hears_and_counts_no_more),
        TEST(one_that_is_full_holds_up_nobody),
        TEST(limits_are_clear),
        TEST(without_memory_nobody_is_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
