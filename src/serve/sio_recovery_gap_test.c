/* SPDX-License-Identifier: MIT */
/* Connection state recovery: its bounds, who can not come back, returns that fail. */
#include "serve/sio_recovery_app_test.h"

/* ---- what can not be recovered ---- */

static void not_after_a_goodbye(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""};

    for (int i = 0; i < 5; i++) {
        come(b, &p);
        see(&p, UINT32_MAX);
        if (i == 0) say(b, p.e, "1");
        if (i == 1) sl_sio_disconnect(p.s, false);
        if (i == 2) sl_sio_disconnect(p.s, true);
        if (i == 3) say(b, p.e, "9");
        lose(b, &p, i == 4 ? "server shutting down" : "transport close");
        assert_int_equal(stats_of(b).lost, 0);
        assert_gap(b, &p, "unknown");
        lose(b, &p, "x");
        memset(p.pid, 0, sizeof p.pid);
    }
}

static void a_pid_of_somewhere_else(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""};
    char link[256];

    come(b, &p);
    see(&p, UINT32_MAX);
    lose(b, &p, "transport close");
    p.nsp = "/chat,";
    snprintf(link, sizeof link, "+ \"gap\",{\"reason\":\"unknown\",\"from\":\"%s\",\"to\":\"",
             p.offset);
    assert_gap(b, &p, "unknown");
    assert_memory_equal(p.seen, link, strlen(link));
    assert_non_null(strstr(p.seen, "\",\"link\":\"/history?unknown\"} "));
    assert_int_equal(stats_of(b).lost, 1);
    lose(b, &p, "x");
}

static void it_is_kept_so_long(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""}, q = {.nsp = ""};

    come(b, &p);
    come(b, &q);
    sl_sio_set_user(p.s, (char *)"data");
    assert_int_equal(sl_sio_join(p.s, SL_STR("a")), 0);
    see(&p, UINT32_MAX);
    lose(b, &p, "transport close");
    sl__loop_crank(b->loop, KEEP_MS / 2);
    lose(b, &q, "transport close");
    sl__loop_crank(b->loop, KEEP_MS / 2 - 1);
    assert_int_equal(stats_of(b).lost, 2);
    assert_true(stats_of(b).recovery_bytes > 0);
    assert_int_equal(freed, 0);
    sl__loop_crank(b->loop, 2);
    assert_int_equal(stats_of(b).lost, 1);
    assert_int_equal(freed, 1);
    sl__loop_crank(b->loop, KEEP_MS / 2);
    assert_int_equal(stats_of(b).lost, 0);
    assert_int_equal(stats_of(b).recovery_bytes, 0);
    assert_gap(b, &p, "unknown");
    lose(b, &p, "x");
}

static void so_many_are_kept(void **state)
{
    struct bench *b = *state;
    struct caller p[3];

    remake(b, 2, 0, 0);
    for (int i = 0; i < 3; i++) {
        p[i] = (struct caller){.nsp = ""};
        come(b, &p[i]);
        see(&p[i], UINT32_MAX);
        lose(b, &p[i], "transport close");
    }
    assert_int_equal(stats_of(b).lost, 2);
    assert_gap(b, &p[0], "unknown");
    for (int i = 0; i < 3; i++) {
        if (i > 0) come(b, &p[i]);
        lose(b, &p[i], "x");
    }
    assert_int_equal(stats_of(b).recovered, 2);
}

static void so_much_is_kept(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""}, q = {.nsp = ""};

    remake(b, 0, 8192, 0);
    come(b, &p);
    come(b, &q);
    assert_int_equal(sl_sio_join(p.s, SL_STR("a")), 0);
    see(&p, UINT32_MAX);
    for (int i = 0; i < 100; i++) { /* none of it is for the first: it misses nothing */
        emit(&q, "x");
        assert_true(stats_of(b).recovery_bytes <= 8192);
    }
    lose(b, &p, "transport close");
    come(b, &p);
    assert_true(sl_sio_is_recovered(p.s));
    see(&p, UINT32_MAX);
    lose(b, &p, "transport close");
    emit_to_room(b, "missed", "a");
    for (int i = 0; i < 100; i++)
        emit(&q, "x");
    assert_gap(b, &p, "log");
    emit(&p, "missed"); /* a live one too, half open */
    for (int i = 0; i < 100; i++)
        emit(&q, "x");
    q.e->sent[q.e->len = 0] = '\0';
    struct caller old = p;
    assert_gap(b, &p, "log");
    lose(b, &old, "never used");
    lose(b, &p, "x");
    lose(b, &q, "x");
}

/* One event that is larger than all that is kept, and a replay larger than what may wait. */
static void too_large(void **state)
{
    static char large[9000];
    struct bench *b = *state;
    struct caller p = {.nsp = ""};

    memset(large, '1', sizeof large);
    remake(b, 0, 8192, 1000);
    for (int i = 0; i < 2; i++) {
        come(b, &p);
        see(&p, UINT32_MAX);
        lose(b, &p, "transport close");
        sl_sio_packet *packet = sl_sio_packet_new("large");
        if (i == 0) sl_sio_put_slice(packet, NULL, (sl_str){large, sizeof large});
        for (int k = 0; k < (i == 0 ? 1 : 9); k++)
            assert_int_equal(sl_sio_broadcast(b->sio, &(sl_sio_target){0}, packet), 0);
        sl_sio_packet_free(packet);
        assert_gap(b, &p, "log");
        lose(b, &p, "x");
        memset(p.pid, 0, sizeof p.pid);
    }
}

static void offsets_are_read_strictly(void **state)
{
    static const char *const bad[] = {"x",      "1x", "01", "-1", " 1", "12345678901234567890",
                                      "\\u0031"};
    struct bench *b = *state;
    struct caller p = {.nsp = ""};

    come(b, &p);
    for (size_t i = 0; i < N(bad); i++) {
        see(&p, UINT32_MAX);
        lose(b, &p, "transport close");
        snprintf(p.offset, sizeof p.offset, "%s", bad[i]);
        assert_gap(b, &p, "offset");
    }
    see(&p, UINT32_MAX);
    lose(b, &p, "x");
}

/* Clients keep an offset when they get a new session: that says nothing of the new one. */
static void an_offset_from_before(void **state)
{
    static const char *const before[] = {"1", "1700000000000000", "9999999999999999"};
    struct bench *b = *state;

    for (size_t i = 0; i < N(before); i++) {
        struct caller p = {.nsp = ""};
        come(b, &p);
        find_key(p.e->sent, "pid", p.pid, sizeof p.pid);
        lose(b, &p, "transport close"); /* before its "hi" has come */
        snprintf(p.offset, sizeof p.offset, "%s", before[i]);
        emit_to_all(b, "x");
        if (i == 2) /* one in between that was another's */
            snprintf(p.offset, sizeof p.offset, "%llu",
                     (unsigned long long)b->sio->recovery->last - 1);
        come(b, &p);
        assert_true(sl_sio_is_recovered(p.s));
        assert_seen(&p, "+ \"hi\" \"x\" \"hi\" ");
        lose(b, &p, "x");
    }
}

/* ---- returns that fail ---- */

static void leave_softly(struct bench *b, sl_sio_socket *s)
{
    b->during = NULL;
    sl_sio_disconnect(s, false);
}

static void refused_at_the_door(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""};

    for (int i = 0; i < 2; i++) {
        come(b, &p);
        sl_sio_set_user(p.s, (char *)"data");
        assert_int_equal(sl_sio_join(p.s, SL_STR("a")), 0);
        see(&p, UINT32_MAX);
        lose(b, &p, "transport close");
        b->said_no = i == 0;
        b->during = i == 1 ? leave_softly : NULL;
        come(b, &p);
        b->said_no = false;
        turn(b);
        assert_int_equal(freed, i + 1);
        assert_int_equal(sl_sio_count(b->sio, SL_STR("/"), SL_STR("a")), 0);
        lose(b, &p, "x");
        assert_gap(b, &p, "unknown");
        lose(b, &p, "x");
        memset(p.pid, 0, sizeof p.pid);
    }
}

static void cut_again_at_once(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""};
    struct eio_session *e;
    char text[128];

    come(b, &p);
    see(&p, UINT32_MAX);
    lose(b, &p, "transport close");
    emit_to_all(b, "missed");
    e = dial(b, 4);
    e->full = true; /* not even its answer */
    snprintf(text, sizeof text, "0{\"pid\":\"%s\",\"offset\":\"%s\"}", p.pid, p.offset);
    say(b, e, text);
    hang_up(b, e, "x");
    emit_to_all(b, "too");
    p.seen[0] = '\0';
    come(b, &p);
    assert_seen(&p, "+ \"missed\" \"too\" \"hi\" ");
    lose(b, &p, "x");
}

static void hold(struct bench *b, sl_sio_socket *s)
{
    b->last = s;
    assert_int_equal(sl_sio_hold(s), 0);
}

/* Meanwhile events go on, for it too; more than are kept, it may be. */
static void decided_later(void **state)
{
    struct bench *b = *state;
    struct caller p = {.nsp = ""};

    remake(b, 0, 8192, 0);
    come(b, &p);
    for (int i = 0; i < 2; i++) {
        see(&p, UINT32_MAX);
        lose(b, &p, "transport close");
        p.seen[0] = '\0';
        b->during = hold;
        come(b, &p);
        for (int k = 0; k < (i == 0 ? 1 : 100); k++)
            emit_to_all(b, "meanwhile");
        assert_seen(&p, "");
        assert_int_equal(sl_sio_let_in(p.s), 0);
        assert_true(sl_sio_is_recovered(p.s));
        see(&p, UINT32_MAX);
        if (i == 0) assert_string_equal(p.seen, "+ \"meanwhile\" \"hi\" ");
        assert_int_equal(strstr(p.seen, "\"gap\",{\"reason\":\"log\"") != NULL, i);
        assert_int_equal(stats_of(b).gaps, i);
    }
    for (int i = 0; i < 2; i++) { /* nobody decides, or it goes again */
        lose(b, &p, "transport close");
        come(b, &p);
        if (i == 0) {
            lose(b, &p, "transport close");
            b->during = NULL;
            come(b, &p);
            assert_true(sl_sio_is_recovered(p.s));
            b->during = hold;
        } else {
            sl__loop_crank(b->loop, 45000);
            lose(b, &p, "transport close");
        }
    }
    assert_int_equal(stats_of(b).lost, 0);
    b->during = NULL;
    assert_gap(b, &p, "unknown");
    lose(b, &p, "x");
}

/* ---- lives ---- */

static void options_are_checked(void **state)
{
    struct bench *b = *state;
    sl_sio_namespace row = {.name = "/"};
    sl_sio_options o = {.namespaces = &row,
                        .namespace_count = 1,
                        .recovery_ms = 1,
                        .on_plain_message = (void *)1};
    sl_sio *sio;

    (void)b;
    assert_int_equal(sl_sio_new(b->loop, &o, &sio, NULL), SL_E_INVAL);
}

/* Two losses and returns, in which the n-th allocation and all behind it fail. */
static void live(struct bench *b, long n)
{
    struct caller p = {.nsp = "/dyn-x,"};
    sl_str room = SL_STR("a");
    sl_sio_target t = {.nsp = SL_STR("/dyn-x"), .to = &room, .to_count = 1};
    sl_sio_packet *packet;

    sl__alloc_fail_after(n);
    if (make(b, &(sl_sio_options){.recovery_ms = KEEP_MS}) < 0) goto done;
    b->row[2].on_connect = NULL; /* which minds */
    for (int i = 0; i < 3; i++) {
        come(b, &p);
        see(&p, UINT32_MAX);
        struct sio_client *c = p.e->user;
        sl_sio_socket *s = c != NULL && !list_is_empty(&c->sockets)
                               ? LIST_ENTRY(c->sockets.next, sl_sio_socket, of_client)
                               : NULL;
        if (s != NULL) {
            (void)sl_sio_join(s, room);
            (void)sl_sio_emit_json(s, "one", SL_STR("1"));
            if (i == 1) sl_sio_leave(s, room);
        }
        packet = sl_sio_packet_new("many");
        if (packet != NULL) (void)sl_sio_broadcast(b->sio, &t, packet);
        lose(b, &p, "transport close");
        if (packet != NULL) (void)sl_sio_broadcast(b->sio, &t, packet);
        sl_sio_packet_free(packet);
        if (i == 1) snprintf(p.offset, sizeof p.offset, "x");
    }
done:
    sl__alloc_fail_after(-1);
    sl_sio_free(b->sio);
    b->sio = NULL;
}

static void memory_may_end_anywhere(void **state)
{
    struct bench *b = *state;

    sl_sio_free(b->sio);
    for (long n = 0; n < 150; n++) {
        b->log[b->log_len = 0] = '\0';
        live(b, n);
        assert_int_equal(fakes_alive, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(not_after_a_goodbye),
        TEST(a_pid_of_somewhere_else),
        TEST(it_is_kept_so_long),
        TEST(so_many_are_kept),
        TEST(so_much_is_kept),
        TEST(too_large),
        TEST(offsets_are_read_strictly),
        TEST(an_offset_from_before),
        TEST(refused_at_the_door),
        TEST(cut_again_at_once),
        TEST(decided_later),
        TEST(options_are_checked),
        TEST(memory_may_end_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
