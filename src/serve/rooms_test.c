/* SPDX-License-Identifier: MIT */
#include "serve/rooms.h"

#include "serve/ws_test.h"

#include <stdio.h>

struct fixture {
    struct ws_bench b;
    sl_room *room;
};

static void begin(struct fixture *f, sl_room_policy policy, uint32_t cork_us, size_t queue_max)
{
    sl_server_options o = {.cork_us = cork_us, .queue_max = queue_max};

    bench_init(&f->b, &o);
    assert_int_equal(sl_room_new(f->b.server, policy, &f->room), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    begin(f, SL_ROOM_SKIP, SL_CORK_NONE, 0);
    *state = f;
    return 0;
}

static void end(struct fixture *f)
{
    sl_room_free(f->room);
    bench_deinit(&f->b);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    end(f);
    free(f);
    return 0;
}

struct member {
    struct mem_stream *m;
    sl_ws *ws;
};

static struct member dial(struct fixture *f)
{
    struct mem_stream *m = bench_dial(&f->b);

    return (struct member){m, f->b.last};
}

static struct member join(struct fixture *f)
{
    struct member k = dial(f);

    assert_int_equal(sl_room_join(f->room, k.ws), 0);
    return k;
}

static sl_message message(const char *text)
{
    sl_message m = {.text = true};
    sl_buf *b = sl_buf_copy(sl_str_of(text));

    assert_non_null(b);
    assert_int_equal(sl_message_add(&m, b, sl_buf_str(b)), 0);
    return m;
}

static void publish(sl_room *room, const char *text, const sl_ws *except)
{
    sl_message m = message(text);

    assert_int_equal(sl_room_publish(room, &m, except), 0);
    sl_buf_drop(m.slice[0].buf);
}

static void publish_newest(sl_room *room, uint32_t key, const char *text)
{
    sl_message m = message(text);

    assert_int_equal(sl_room_publish_newest(room, key, &m, NULL), 0);
    sl_buf_drop(m.slice[0].buf);
}

/* The payloads of the frames that were sent, one after the other. */
static void assert_got(const struct member *k, const char *texts)
{
    char got[8192];
    size_t n = 0, at = 0;

    while (at < k->m->sent_len) {
        size_t len = (uint8_t)k->m->sent[at + 1];
        assert_true(len < 126 && n + len < sizeof got);
        memcpy(got + n, k->m->sent + at + 2, len);
        n += len;
        at += 2 + len;
    }
    got[n] = 0;
    assert_string_equal(got, texts);
}

static void turn(struct fixture *f)
{
    sl__loop_crank(f->b.loop, 0);
}

static void all_but_one_get_it_in_one_write(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f), b = join(f), c = join(f), stranger = dial(f);

    publish(f->room, "one ", NULL);
    publish(f->room, "two ", NULL);
    turn(f);
    publish(f->room, "three ", b.ws);
    publish(f->room, "four ", stranger.ws); /* no member: everybody gets it */
    turn(f);
    assert_got(&a, "one two three four ");
    assert_got(&b, "one two four ");
    assert_got(&c, "one two three four ");
    assert_got(&stranger, "");
    assert_int_equal(a.m->sends, 2);
    bench_hang_up(&f->b, a.m);
    bench_hang_up(&f->b, b.m);
    bench_hang_up(&f->b, c.m);
    bench_hang_up(&f->b, stranger.m);
}

static void a_message_is_encoded_once(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f), b = join(f);
    sl_message m = message("shared");

    a.m->window = b.m->window = 0;
    assert_int_equal(sl_room_publish(f->room, &m, NULL), 0);
    turn(f);
    assert_ptr_equal(a.ws->stream->out != NULL, true);
    assert_int_equal(sl__stream_waiting(a.ws->stream), 8);
    assert_int_equal(m.slice[0].buf->refs, 2); /* ours and the one packet's */
    sl_buf_drop(m.slice[0].buf);
    bench_hang_up(&f->b, a.m);
    bench_hang_up(&f->b, b.m);
}

static void more_than_a_batch_stays_in_order(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f), b = join(f);
    char expect[2048] = "", *end = expect;

    for (int i = 0; i < 200; i++) {
        int n = snprintf(end, sizeof expect - (size_t)(end - expect), "%d,", i);

        publish(f->room, end, NULL);
        end += n;
    }
    turn(f);
    assert_got(&a, expect);
    assert_got(&b, expect);
    assert_true(a.m->sends <= 5);
    bench_hang_up(&f->b, a.m);
    bench_hang_up(&f->b, b.m);
}

static void an_answer_keeps_its_place_among_events(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f), b = join(f);

    publish(f->room, "1", NULL);
    publish(f->room, "2", NULL);
    assert_int_equal(sl_ws_send_text(a.ws, SL_STR("(answer)")), 0);
    publish(f->room, "3", NULL);
    sl_ws_close(b.ws, 1000, NULL);
    publish(f->room, "4", NULL);
    turn(f);
    assert_got(&a, "12(answer)34");
    assert_int_equal(a.m->sends, 1);
    assert_got(&b, "123\x03\xe8"); /* RFC 6455 §5.5.1: nothing behind a close */
    bench_hang_up(&f->b, a.m);
    bench_hang_up(&f->b, b.m);
}

static void rooms_do_not_overtake_each_other(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f);
    sl_room *other;

    assert_int_equal(sl_room_new(f->b.server, SL_ROOM_SKIP, &other), 0);
    assert_int_equal(sl_room_join(other, a.ws), 0);
    for (int i = 0; i < 5; i++) {
        publish(f->room, "x", NULL);
        publish(other, "y", NULL);
    }
    turn(f);
    assert_got(&a, "xyxyxyxyxy");
    assert_int_equal(a.m->sends, 1);
    sl_room_free(other);
    bench_hang_up(&f->b, a.m);
}

static void members_get_what_was_published_while_they_were(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f), late = dial(f);

    publish(f->room, "before ", NULL);
    assert_int_equal(sl_room_join(f->room, late.ws), 0);
    assert_int_equal(sl_room_join(f->room, late.ws), 0); /* twice is once */
    publish(f->room, "between ", NULL);
    sl_room_leave(f->room, a.ws);
    sl_room_leave(f->room, a.ws);
    publish(f->room, "after ", NULL);
    turn(f);
    assert_got(&a, "before between ");
    assert_got(&late, "between after ");
    assert_false(sl_room_has(f->room, a.ws));
    assert_true(sl_room_has(f->room, late.ws));
    bench_hang_up(&f->b, a.m);
    bench_hang_up(&f->b, late.m);
}

static void who_lags_misses_and_it_is_counted(void **state)
{
    struct fixture *f = *state;
    struct member quick, slow;
    sl_room_stats stats;

    end(f);
    begin(f, SL_ROOM_SKIP, SL_CORK_NONE, 10);
    quick = join(f);
    slow = join(f);
    slow.m->window = 0;
    for (int i = 0; i < 5; i++) {
        publish(f->room, "abc", NULL); /* 5 bytes as a frame */
        turn(f);
    }
    mem_stream_open_window(slow.m, 1000);
    turn(f);
    assert_got(&quick, "abcabcabcabcabc");
    assert_got(&slow, "abcabc");
    sl_room_get_stats(f->room, &stats);
    assert_int_equal(stats.published, 5);
    assert_int_equal(stats.delivered, 7);
    assert_int_equal(stats.dropped_full, 3);
    assert_int_equal(stats.members, 2);
    bench_hang_up(&f->b, quick.m);
    bench_hang_up(&f->b, slow.m);
}

static void who_lags_is_closed_where_the_room_says_so(void **state)
{
    struct fixture *f = *state;
    struct member quick, slow;
    sl_room_stats stats;

    end(f);
    begin(f, SL_ROOM_CLOSE, SL_CORK_NONE, 10);
    quick = join(f);
    slow = join(f);
    slow.m->window = 0;
    for (int i = 0; i < 5; i++) {
        publish(f->room, "abc", NULL);
        turn(f);
    }
    assert_got(&quick, "abcabcabcabcabc");
    assert_int_equal(f->b.closes, 1);
    assert_int_equal(f->b.code, WS_TRY_LATER);
    sl_room_get_stats(f->room, &stats);
    assert_int_equal(stats.closed_full, 1);
    assert_int_equal(stats.members, 1);
    bench_hang_up(&f->b, quick.m);
    bench_hang_up(&f->b, slow.m);
}

static void all_rooms_together(void **state)
{
    struct fixture *f = *state;
    struct member quick = join(f), slow = join(f);
    sl_room_stats all;
    sl_room *other;

    assert_int_equal(sl_room_new(f->b.server, SL_ROOM_SKIP, &other), 0);
    assert_int_equal(sl_room_join(other, quick.ws), 0);
    slow.m->window = 0;
    publish(f->room, "a", NULL);
    publish(other, "b", NULL);
    for (int i = 0; i < 3; i++) {
        publish_newest(f->room, 1, "c");
        turn(f);
    }
    rooms_get_stats(f->b.server->rooms, &all);
    assert_int_equal(all.members, 3);
    assert_int_equal(all.published, 5);
    assert_int_equal(all.newest, 4);   /* three of the quick one, one of the slow one */
    assert_int_equal(all.replaced, 2); /* the slow one's */
    assert_int_equal(all.delivered, 2 + 1 + 4);
    sl_room_free(other); /* what it did has been done */
    rooms_get_stats(f->b.server->rooms, &all);
    assert_int_equal(all.members, 2);
    assert_int_equal(all.published, 5);
    assert_int_equal(all.delivered, 2 + 1 + 4);
    bench_hang_up(&f->b, quick.m);
    bench_hang_up(&f->b, slow.m);
}

static void slow_viewers_see_fewer_and_never_older(void **state)
{
    struct fixture *f = *state;
    struct member quick = join(f), slow = join(f);
    sl_room_stats stats;
    char one[16];

    slow.m->window = 0;
    for (int i = 1; i <= 5; i++) {
        snprintf(one, sizeof one, "a%d ", i);
        publish_newest(f->room, 1, one);
        snprintf(one, sizeof one, "b%d ", i);
        publish_newest(f->room, 2, one);
        turn(f);
    }
    mem_stream_open_window(slow.m, 1000);
    assert_got(&quick, "a1 b1 a2 b2 a3 b3 a4 b4 a5 b5 ");
    assert_got(&slow, "a5 b5 ");
    sl_room_get_stats(f->room, &stats);
    assert_int_equal(stats.replaced, 8);
    bench_hang_up(&f->b, quick.m);
    bench_hang_up(&f->b, slow.m);
}

static void events_are_corked_within_the_budget(void **state)
{
    struct fixture *f = *state;
    struct member a;

    end(f);
    begin(f, SL_ROOM_SKIP, 5000, 0);
    a = join(f);
    sl__loop_crank(f->b.loop, 10);
    mem_stream_clear(a.m);
    publish(f->room, "1", NULL);
    sl__loop_crank(f->b.loop, 1);
    assert_got(&a, "1"); /* a lone one leaves at once */
    for (int i = 0; i < 4; i++) {
        publish(f->room, "2", NULL);
        sl__loop_crank(f->b.loop, 1);
    }
    assert_got(&a, "1");
    sl__loop_crank(f->b.loop, 2);
    assert_got(&a, "12222");
    assert_int_equal(a.m->sends, 2);
    bench_hang_up(&f->b, a.m);
}

static void a_room_may_end_before_its_members(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f);
    sl_room *other;

    assert_int_equal(sl_room_new(f->b.server, SL_ROOM_SKIP, &other), 0);
    assert_int_equal(sl_room_join(other, a.ws), 0);
    publish(other, "last words", NULL);
    sl_room_free(other);
    turn(f);
    assert_got(&a, "last words");
    bench_hang_up(&f->b, a.m);
}

/* ---- random traffic against a model of what each member must see ---- */

#define PEERS 6
#define ROOMS 3

static uint32_t rng = 42;

static uint32_t pick(uint32_t below)
{
    rng = rng * 1664525u + 1013904223u;
    return (rng >> 8) % below;
}

static void random_traffic_is_seen_in_order(void **state)
{
    struct fixture *f = *state;
    struct member peer[PEERS];
    sl_room *room[ROOMS];
    bool in[PEERS][ROOMS] = {0};
    static char expect[PEERS][1 << 18];
    size_t n[PEERS] = {0}, at;
    char text[16];

    for (int r = 0; r < ROOMS; r++)
        assert_int_equal(sl_room_new(f->b.server, SL_ROOM_SKIP, &room[r]), 0);
    for (int p = 0; p < PEERS; p++)
        peer[p] = dial(f);
    for (int i = 0; i < 20000; i++) {
        uint32_t p = pick(PEERS), r = pick(ROOMS), what = pick(100);
        int len = snprintf(text, sizeof text, "%d;", i);
        if (what < 5) {
            sl_room_join(room[r], peer[p].ws);
            in[p][r] = true;
        } else if (what < 9) {
            sl_room_leave(room[r], peer[p].ws);
            in[p][r] = false;
        } else if (what < 60) {
            bool but_one = pick(4) == 0;
            publish(room[r], text, but_one ? peer[p].ws : NULL);
            for (uint32_t k = 0; k < PEERS; k++) {
                if (!in[k][r] || (but_one && k == p)) continue;
                memcpy(expect[k] + n[k], text, (size_t)len);
                n[k] += (size_t)len;
            }
        } else if (what < 75) {
            assert_int_equal(sl_ws_send_text(peer[p].ws, sl_str_of(text)), 0);
            memcpy(expect[p] + n[p], text, (size_t)len);
            n[p] += (size_t)len;
        } else if (what < 85) {
            peer[p].m->window = pick(40); /* the kernel takes little */
        } else if (what < 90) {
            mem_stream_open_window(peer[p].m, pick(3000));
        } else {
            sl__loop_crank(f->b.loop, pick(4));
        }
    }
    for (int p = 0; p < PEERS; p++) {
        mem_stream_open_window(peer[p].m, 1 << 24);
        sl__loop_crank(f->b.loop, 1);
        size_t seen = 0;
        for (at = 0; at < peer[p].m->sent_len; at += 2 + (uint8_t)peer[p].m->sent[at + 1]) {
            size_t len = (uint8_t)peer[p].m->sent[at + 1];
            assert_memory_equal(peer[p].m->sent + at + 2, expect[p] + seen, len);
            seen += len;
        }
        assert_int_equal(seen, n[p]);
    }
    for (int r = 0; r < ROOMS; r++)
        sl_room_free(room[r]);
    for (int p = 0; p < PEERS; p++)
        bench_hang_up(&f->b, peer[p].m);
}

/* ---- from inside callbacks ---- */

static sl_room *told_room;

static void publish_goodbye(sl_ws *ws, int code, sl_str reason, void *user)
{
    bench_on_close(ws, code, reason, user);
    if (told_room != NULL) publish(told_room, "gone ", NULL);
}

/* The last thing in a turn: nothing else may come for a long time. */
static void who_goes_is_announced_in_the_same_turn(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f), b = join(f);

    f->b.ops.on_close = publish_goodbye;
    told_room = f->room;
    bench_hang_up(&f->b, b.m);
    assert_got(&a, "gone ");
    told_room = NULL;
    bench_hang_up(&f->b, a.m);
}

static void free_the_room(sl_ws *ws, int code, sl_str reason, void *user)
{
    bench_on_close(ws, code, reason, user);
    sl_room_free(told_room);
    told_room = NULL;
}

static void a_room_may_end_while_a_member_goes(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f), b = join(f);

    f->b.ops.on_close = free_the_room;
    told_room = f->room;
    f->room = NULL;
    publish(told_room, "last ", b.ws);
    bench_hang_up(&f->b, b.m);
    assert_got(&a, "last ");
    f->b.ops.on_close = bench_on_close;
    bench_hang_up(&f->b, a.m);
}

/* RFC 6455 §5.5.1: no data behind a close frame */
static void who_is_closing_can_not_join(void **state)
{
    struct fixture *f = *state;
    struct member a = dial(f);

    sl_ws_close(a.ws, 1008, "");
    assert_int_equal(sl_room_join(f->room, a.ws), SL_E_CLOSED);
    publish(f->room, "late", NULL);
    turn(f);
    assert_int_equal(a.m->sent_len, 4); /* the close frame */
    bench_hang_up(&f->b, a.m);
}

static void our_own_keys_are_refused(void **state)
{
    struct fixture *f = *state;
    struct member a = join(f);
    sl_message m = message("x");

    assert_int_equal(sl_room_publish_newest(f->room, UINT32_MAX, &m, NULL), SL_E_INVAL);
    assert_int_equal(sl_room_publish_newest(f->room, UINT32_MAX - 1, &m, NULL), SL_E_INVAL);
    assert_int_equal(sl_ws_send_newest(a.ws, UINT32_MAX - 1, &m), SL_E_INVAL);
    assert_int_equal(sl_ws_send_newest(a.ws, UINT32_MAX - 2, &m), 0);
    sl_buf_drop(m.slice[0].buf);
    bench_hang_up(&f->b, a.m);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_but_one_get_it_in_one_write),
        CASE(a_message_is_encoded_once),
        CASE(more_than_a_batch_stays_in_order),
        CASE(an_answer_keeps_its_place_among_events),
        CASE(rooms_do_not_overtake_each_other),
        CASE(members_get_what_was_published_while_they_were),
        CASE(who_lags_misses_and_it_is_counted),
        CASE(who_lags_is_closed_where_the_room_says_so),
        CASE(all_rooms_together),
        CASE(slow_viewers_see_fewer_and_never_older),
        CASE(events_are_corked_within_the_budget),
        CASE(a_room_may_end_before_its_members),
        CASE(random_traffic_is_seen_in_order),
        CASE(who_goes_is_announced_in_the_same_turn),
        CASE(a_room_may_end_while_a_member_goes),
        CASE(who_is_closing_can_not_join),
        CASE(our_own_keys_are_refused),
    };

    return cmocka_run_group_tests_name("serve/rooms", tests, NULL, NULL);
}
