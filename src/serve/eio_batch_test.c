/* SPDX-License-Identifier: MIT */
/* What goes to many: the order each of them sees, and what it costs. */
#include "serve/eio_test.h"

#define MEMBERS 6

struct crowd {
    struct bench *b;
    struct client *p[MEMBERS];
    struct eio_session *s[MEMBERS]; /* the last two speak revision 3 */
};

static void gather(struct crowd *c, struct bench *b)
{
    c->b = b;
    for (int i = 0; i < MEMBERS; i++) {
        c->p[i] = dial_new(b, i < MEMBERS - 2 ? 4 : 3);
        c->s[i] = b->last;
        assert_int_equal(next_frame(c->p[i]), WS_TEXT);
        c->p[i]->m->sends = 0;
    }
}

static void part(struct crowd *c)
{
    for (int i = 0; i < MEMBERS; i++) {
        assert_no_frame(c->p[i]);
        peer_free(c->p[i]);
    }
}

static int setup(void **state)
{
    struct crowd *c = calloc(1, sizeof *c);

    assert_non_null(c);
    gather(c, bench_open(NULL));
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct crowd *c = *state;

    part(c);
    bench_close(c->b);
    free(c);
    return 0;
}

/* To all, but for those whose bit is set. */
static void announce(struct crowd *c, const char *text, unsigned but)
{
    struct eio_message *m = eio_packet_new(EIO_MESSAGE, sl_str_of(text));

    assert_non_null(m);
    for (unsigned i = 0; i < MEMBERS; i++)
        if ((but >> i & 1) == 0) assert_int_equal(eio_announce(c->s[i], m), 0);
    eio_message_drop(m);
}

static void one_write_for_a_turn(void **state)
{
    struct crowd *c = *state;

    announce(c, "a", 0);
    announce(c, "b", 0);
    announce(c, "c", 0);
    assert_null(c->s[0]->ws->stream->out); /* nobody has a queue for it */
    pass(c->b, 0);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(c->p[i]->m->sends, 1);
        assert_text_frame(c->p[i], "4a");
        assert_text_frame(c->p[i], "4b");
        assert_text_frame(c->p[i], "4c");
    }
}

static void who_misses_one_sees_the_others_in_order(void **state)
{
    static const struct {
        const char *text;
        unsigned but;
    } rows[] = {
        {"1", 1 },
        {"2", 2 },
        {"3", 1 },
        {"4", 0 },
        {"5", 16},
        {"6", 62},
        {"7", 31},
        {"8", 0 }
    };
    struct crowd *c = *state;

    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        announce(c, rows[k].text, rows[k].but);
    pass(c->b, 0);
    for (unsigned i = 0; i < MEMBERS; i++) {
        assert_int_equal(c->p[i]->m->sends, 1);
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            if (rows[k].but >> i & 1) continue;
            assert_int_equal(next_frame(c->p[i]), WS_TEXT);
            assert_string_equal(c->p[i]->body + 1, rows[k].text);
        }
        assert_no_frame(c->p[i]);
    }
}

static void what_is_sent_to_one_keeps_its_place(void **state)
{
    struct crowd *c = *state;

    announce(c, "a", 0);
    assert_int_equal(send_to(c->s[1], true, "only", 4, 0), 0);
    announce(c, "b", 0);
    assert_int_equal(send_to(c->s[2], true, "newest", 6, 1), 0);
    announce(c, "c", 0);
    pass(c->b, 0);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(c->p[i]->m->sends, 1);
        assert_text_frame(c->p[i], "4a");
        if (i == 1) assert_text_frame(c->p[i], "4only");
        assert_text_frame(c->p[i], "4b");
        assert_text_frame(c->p[i], "4c");
        if (i == 2) assert_text_frame(c->p[i], "4newest"); /* slots leave last */
    }
}

static void the_same_message_twice(void **state)
{
    struct crowd *c = *state;
    struct eio_message *m = eio_packet_new(EIO_MESSAGE, SL_STR("again"));

    for (int k = 0; k < 2; k++)
        for (int i = 0; i < MEMBERS; i++)
            assert_int_equal(eio_announce(c->s[i], m), 0);
    assert_int_equal(eio_announce(c->s[0], m), 0);
    eio_message_drop(m);
    pass(c->b, 0);
    for (int i = 0; i < MEMBERS; i++)
        for (int k = i == 0 ? 0 : 1; k < 3; k++)
            assert_text_frame(c->p[i], "4again");
}

static void more_than_a_batch_holds(void **state)
{
    struct crowd *c = *state;
    char text[16];

    for (int k = 0; k < 3 * EIO_BATCH_MAX + 5; k++) {
        snprintf(text, sizeof text, "%d", k);
        announce(c, text, 0);
    }
    pass(c->b, 0);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(c->p[i]->m->sends, 4);
        for (int k = 0; k < 3 * EIO_BATCH_MAX + 5; k++) {
            assert_int_equal(next_frame(c->p[i]), WS_TEXT);
            assert_int_equal((int)strtol(c->p[i]->body + 1, NULL, 10), k);
        }
    }
}

/* Messages of many slices fill the vector before their number does. */
static void many_slices(void **state)
{
    struct crowd *c = *state;
    sl_buf *b = sl_buf_copy(SL_STR("abcdefgh"));
    sl_message m = {.text = true};

    for (size_t i = 0; i < 8; i++)
        assert_int_equal(sl_message_add(&m, b, (sl_str){sl_buf_str(b).ptr + i, 1}), 0);
    for (int k = 0; k < 60; k++) {
        struct eio_message *out = eio_message_new(&m, 1);
        for (int i = 0; i < MEMBERS; i++)
            assert_int_equal(eio_announce(c->s[i], out), 0);
        eio_message_drop(out);
    }
    sl_buf_drop(b);
    pass(c->b, 0);
    for (int i = 0; i < MEMBERS; i++)
        for (int k = 0; k < 60; k++)
            assert_text_frame(c->p[i], "4abcdefgh");
}

static void a_close_in_the_same_turn(void **state)
{
    struct crowd *c = *state;

    announce(c, "a", 0);
    eio_close(c->s[0]);
    eio_cut(c->s[1], "parse error");
    mem_stream_feed_end(c->p[2]->m); /* hangs up: it gets what it got before */
    announce(c, "b", 7);
    pass(c->b, 0);
    assert_int_equal(c->b->closes, 3);
    assert_text_frame(c->p[0], "4a");
    assert_int_equal(next_close_code(c->p[0]), 1000);
    assert_text_frame(c->p[1], "4a");
    assert_int_equal(next_close_code(c->p[1]), 1002);
    c->p[2]->seen = c->p[2]->m->sent_len;
    for (int i = 3; i < MEMBERS; i++) {
        assert_text_frame(c->p[i], "4a");
        assert_text_frame(c->p[i], "4b");
    }
}

static void a_slow_member_is_closed_and_others_are_not(void **state)
{
    struct eio_options o = {.queue_max = 1000};
    struct crowd c = {0};
    char text[301];

    (void)state;
    memset(text, 'x', 300);
    text[300] = '\0';
    gather(&c, bench_open(&o));
    c.p[3]->m->window = 100;
    for (int k = 0; k < 6; k++)
        announce(&c, text, 0);
    pass(c.b, 0);
    assert_string_equal(c.b->reason, "transport error");
    assert_int_equal(c.b->closes, 1);
    c.p[3]->seen = c.p[3]->m->sent_len;
    for (int i = 0; i < MEMBERS; i++)
        for (int k = 0; i != 3 && k < 6; k++)
            assert_int_equal(next_frame(c.p[i]), WS_TEXT);
    part(&c);
    bench_close(c.b);
}

static struct crowd *drained;

static void on_drained(struct eio_session *s, void *user)
{
    struct crowd *c = drained;

    (void)s, (void)user;
    drained = NULL;
    if (c != NULL) announce(c, "from inside", 0);
}

/* A member's queue empties while the batch is being sent, and its owner says something to all.
 */
static void announced_from_inside(void **state)
{
    struct crowd *c = *state;
    struct eio_events events = *c->b->eio->o.events;

    events.on_drain = on_drained;
    c->b->eio->o.events = &events;
    announce(c, "a", 0);
    assert_int_equal(send_to(c->s[2], true, "x", 1, 0), 0);
    drained = c;
    pass(c->b, 0);
    assert_null(drained);
    for (int i = 0; i < MEMBERS; i++) {
        assert_text_frame(c->p[i], "4a");
        if (i == 2) assert_text_frame(c->p[i], "4x");
        assert_text_frame(c->p[i], "4from inside");
    }
    part(c);
    pass(c->b, 0);
    c->b->eio->o.events = c->b->options.events;
    gather(c, c->b);
}

static void held_for_company(void **state)
{
    struct crowd *c = *state;

    for (int i = 0; i < MEMBERS; i++)
        c->p[i]->m->s.cork_us = 2000;
    pass(c->b, 10);
    announce(c, "a", 0);
    pass(c->b, 0);
    assert_text_frame(c->p[0], "4a");
    announce(c, "b", 0);
    pass(c->b, 1);
    assert_no_frame(c->p[0]); /* it wrote less than a budget ago */
    announce(c, "c", 0);
    pass(c->b, 2);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(c->p[i]->m->sends, 2);
        if (i > 0) assert_text_frame(c->p[i], "4a");
        assert_text_frame(c->p[i], "4b");
        assert_text_frame(c->p[i], "4c");
    }
}

/* clang-format off */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(one_write_for_a_turn), T(who_misses_one_sees_the_others_in_order),
        T(what_is_sent_to_one_keeps_its_place), T(the_same_message_twice),
        T(more_than_a_batch_holds), T(many_slices), T(a_close_in_the_same_turn),
        cmocka_unit_test(a_slow_member_is_closed_and_others_are_not),
        T(announced_from_inside), T(held_for_company),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
