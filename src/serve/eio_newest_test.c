/* SPDX-License-Identifier: MIT */
/* What is counted of newest-only messages and of their viewers, on each transport. */
#include "serve/eio_test.h"

static int show(struct eio_session *s, uint32_t key, const char *text, uint64_t born_us)
{
    sl_message m = {.text = true, .born_us = born_us};
    sl_buf *buf = sl_buf_copy(sl_str_of(text));
    struct eio_message *made;
    int rc;

    assert_non_null(buf);
    assert_int_equal(sl_message_add(&m, buf, sl_buf_str(buf)), 0);
    made = eio_message_new(&m, 1);
    assert_non_null(made);
    rc = eio_send(s, made, key);
    eio_message_drop(made);
    sl_buf_drop(buf);
    return rc;
}

static uint64_t ages(const struct bench *b)
{
    uint64_t n = 0;

    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++)
        n += b->loop->ages.bucket[i];
    return n;
}

#define assert_counted(b, none_waited, gave_way)             \
    do {                                                     \
        assert_int_equal(stats_of(b).newest, (none_waited)); \
        assert_int_equal(stats_of(b).conflated, (gave_way)); \
    } while (0)

static void by_polling(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    uint64_t born_us;
    char q[QUERY];

    handshake(p, q);
    pass(b, 7);
    born_us = b->loop->now.us;
    assert_int_equal(show(b->last, 1, "old", born_us), 0);
    assert_int_equal(show(b->last, 2, "two", born_us), 0);
    assert_int_equal(show(b->last, 1, "new", born_us), 0);
    assert_int_equal(show(b->last, 3, "ageless", 0), 0);
    assert_int_equal(show(b->last, 0, "in order", born_us), 0); /* that is no picture */
    assert_counted(b, 3, 1);
    pass(b, 20);
    assert_int_equal(ages(b), 0); /* nothing has left */
    assert_int_equal(get(p, q), 200);
    assert_string_equal(p->body, "4in order\x1e"
                                 "4new\x1e"
                                 "4two\x1e"
                                 "4ageless");
    assert_int_equal(ages(b), 2);
    assert_int_equal(b->loop->ages.sum_us, 2 * 20000);
    assert_int_equal(get(p, q), 0);
    assert_int_equal(show(b->last, 1, "held", b->loop->now.us), 0);
    pass(b, 0);
    assert_answer(p, 200, "4held");
    assert_int_equal(ages(b), 3);
    assert_counted(b, 4, 1);
    peer_free(p);
}

/* What a body has no room for has not left. */
static void only_what_leaves_has_an_age(void **state)
{
    struct eio_options o = {.poll_packets_max = 2};
    struct bench *b = bench_open(&o);
    struct client *p = peer_open(b);
    char q[QUERY];

    (void)state;
    handshake(p, q);
    pass(b, 1);
    for (uint32_t key = 1; key <= 3; key++)
        assert_int_equal(show(b->last, key, "x", b->loop->now.us), 0);
    assert_int_equal(get(p, q), 200);
    assert_int_equal(ages(b), 2);
    assert_int_equal(get(p, q), 200);
    assert_int_equal(ages(b), 3);
    peer_free(p);
    bench_close(b);
}

static void by_websocket(void **state)
{
    struct bench *b = *state;
    struct client *p = dial_new(b, 4);

    next_frame(p);
    pass(b, 5);
    p->m->window = 0;
    assert_int_equal(show(b->last, 1, "a", b->loop->now.us), 0);
    assert_int_equal(show(b->last, 1, "b", b->loop->now.us), 0);
    assert_int_equal(show(b->last, 2, "c", b->loop->now.us), 0);
    assert_counted(b, 2, 1);
    pass(b, 3);
    assert_int_equal(ages(b), 0);
    mem_stream_open_window(p->m, 1000);
    pass(b, 0);
    assert_text_frame(p, "4b");
    assert_text_frame(p, "4c");
    assert_int_equal(ages(b), 2);
    assert_int_equal(b->loop->ages.sum_us, 2 * 3000);
    peer_free(p);
}

/* From a queue to the WebSocket it is still the same message. */
static void an_upgrade_counts_nothing_twice(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b), *ws;
    char q[QUERY];

    handshake(p, q);
    ws = dial_sid(b, 4, eio_sid(b->last));
    ws_say(ws, "2probe");
    pass(b, 2);
    assert_int_equal(show(b->last, 1, "a", b->loop->now.us), 0);
    assert_int_equal(show(b->last, 1, "b", b->loop->now.us), 0);
    assert_counted(b, 1, 1);
    ws_say(ws, "5");
    assert_text_frame(ws, "3probe");
    assert_text_frame(ws, "4b");
    assert_counted(b, 1, 1);
    assert_int_equal(ages(b), 1);
    peer_free(ws);
    peer_free(p);
}

/* ---- who is cut off ---- */

enum { SENT, ANNOUNCED, NEWEST };

static int fill(struct eio_session *s, int how)
{
    char text[301];
    struct eio_message *m;
    int rc = 0;

    memset(text, 'x', 300);
    text[300] = '\0';
    for (uint32_t i = 1; rc == 0 && i < 10; i++) {
        if (how != ANNOUNCED) {
            rc = show(s, how == NEWEST ? i : 0, text, 0);
            continue;
        }
        m = eio_packet_new(EIO_MESSAGE, sl_str_of(text));
        assert_non_null(m);
        rc = eio_announce(s, m);
        eio_message_drop(m);
    }
    return rc;
}

static void a_viewer_that_is_cut_off(void **state)
{
    struct eio_options o = {.queue_max = 1000};
    struct bench *b = bench_open(&o);
    char q[QUERY];

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct client *p = i % 2 ? peer_open(b) : dial_new(b, 4);
        uint64_t before = stats_of(b).cut_off;

        if (i % 2) handshake(p, q);
        p->m->window = i % 2 ? p->m->window : 0;
        (void)fill(b->last, i / 2);
        pass(b, 0);
        assert_int_equal(stats_of(b).closed_full, i + 1);
        assert_int_equal(stats_of(b).cut_off - before, i / 2 == SENT ? 0 : 1);
        peer_free(p);
    }
    bench_close(b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        T(by_polling),
        cmocka_unit_test(only_what_leaves_has_an_age),
        T(by_websocket),
        T(an_upgrade_counts_nothing_twice),
        cmocka_unit_test(a_viewer_that_is_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
