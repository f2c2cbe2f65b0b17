/* SPDX-License-Identifier: MIT */
/* The policy of streams, on the in-memory twin with a clock that the test turns. */
#include "net/stream.h"

#include "base/alloc.h"
#include "net/mem_stream.h"
#include "net/outbox.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

struct seen {
    struct mem_stream *m;
    char bytes[4096];
    size_t len;
    int calls, ends, deadlines, drained, gone, why;
    uint8_t *want_into; /* asked for again after each delivery */
    size_t want_len;
    uint8_t *last_ptr;
};

struct fixture {
    sl_loop *loop;
    struct seen seen;
};

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    struct seen *seen = s->user;

    assert_true(seen->len + n <= sizeof seen->bytes);
    memcpy(seen->bytes + seen->len, bytes, n);
    seen->len += n;
    seen->calls++;
    seen->last_ptr = bytes;
    if (seen->want_into != NULL) sl__stream_read_into(s, seen->want_into, seen->want_len);
}

static void on_deadline(struct stream *s)
{
    ((struct seen *)s->user)->deadlines++;
}

static void on_drained(struct stream *s)
{
    ((struct seen *)s->user)->drained++;
}

static void on_gone(struct stream *s, int why)
{
    struct seen *seen = s->user;

    seen->gone++;
    seen->why = why;
}

static const struct stream_events events = {
    .on_bytes = on_bytes,
    .on_deadline = on_deadline,
    .on_drained = on_drained,
    .on_gone = on_gone,
};

static struct mem_stream *open_stream(struct fixture *f, size_t waiting_max, uint32_t cork_us)
{
    struct stream_options o = {.waiting_max = waiting_max, .cork_us = cork_us};

    f->seen = (struct seen){.m = mem_stream_open(f->loop, &o)};
    assert_non_null(f->seen.m);
    sl__stream_set_events(&f->seen.m->s, &events, &f->seen);
    return f->seen.m;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_int_equal(sl_loop_new(&f->loop), 0);
    sl__loop_crank(f->loop, 1000); /* from here on the test's clock */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    size_t waiting =
        f->seen.m != NULL && !f->seen.m->gone ? sl__stream_waiting(&f->seen.m->s) : 0;

    assert_int_equal(f->loop->waiting_bytes, waiting);
    sl__loop_crank(f->loop, 0);
    sl_loop_free(f->loop);
    mem_stream_free(f->seen.m);
    free(f);
    return 0;
}

static struct packet *text(const char *z)
{
    struct packet *p = packet_copy(sl_str_of(z));

    assert_non_null(p);
    return p;
}

static int send_text(struct mem_stream *m, const char *z, unsigned flags)
{
    struct packet *p = text(z);
    int rc = sl__stream_send(&m->s, p, flags);

    packet_drop(p);
    return rc;
}

static int put_text(struct mem_stream *m, uint32_t key, const char *z)
{
    struct packet *p = text(z);
    int rc = sl__stream_put_newest(&m->s, key, p);

    packet_drop(p);
    return rc;
}

static void assert_sent(const struct mem_stream *m, const char *z)
{
    assert_int_equal(m->sent_len, strlen(z));
    assert_memory_equal(m->sent, z, strlen(z));
}

static void one_write_per_turn(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);

    for (int i = 0; i < 20; i++)
        assert_int_equal(send_text(m, "ab", 0), 0);
    assert_int_equal(m->sends, 0);
    sl__loop_crank(f->loop, 0);
    assert_int_equal(m->sends, 1);
    assert_int_equal(m->sent_len, 40);
    assert_int_equal(f->seen.drained, 1);
}

static void order_survives_a_full_kernel(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);

    m->window = 3;
    send_text(m, "abcd", 0);
    send_text(m, "efgh", 0);
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "abc");
    send_text(m, "ij", 0);
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "abc");
    mem_stream_open_window(m, 2);
    assert_sent(m, "abcde");
    mem_stream_open_window(m, 100);
    assert_sent(m, "abcdefghij");
    assert_int_equal(sl__stream_waiting(&m->s), 0);
    assert_null(m->s.out); /* an idle stream holds no queue */
}

static void the_bound_is_in_bytes(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 10, 0);

    m->window = 0;
    assert_int_equal(send_text(m, "0123456789abc", 0), 0); /* an empty queue takes any one */
    assert_int_equal(send_text(m, "x", 0), SL_E_FULL);
    m->window = SIZE_MAX / 2;
    sl__loop_crank(f->loop, 0);
    assert_int_equal(send_text(m, "01234", 0), 0);
    assert_int_equal(send_text(m, "567890", 0), SL_E_FULL); /* above */
    assert_int_equal(send_text(m, "56789", 0), 0);          /* at */
    assert_int_equal(send_text(m, "x", 0), SL_E_FULL);
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "0123456789abc0123456789");
}

static void the_newest_replaces_the_waiting_one(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);

    m->window = 0;
    assert_int_equal(put_text(m, 1, "a1"), 0);
    assert_int_equal(put_text(m, 2, "b1"), 0);
    assert_int_equal(put_text(m, 1, "a2"), 1);
    assert_int_equal(send_text(m, "first", 0), 0);
    sl__loop_crank(f->loop, 0);
    assert_int_equal(sl__stream_waiting(&m->s), 9);
    mem_stream_open_window(m, 100);
    assert_sent(m, "firsta2b1"); /* the queue before the slots, a slot keeps its place */
}

static void a_frame_that_has_begun_is_finished(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);

    m->window = 1;
    put_text(m, 1, "old");
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "o");
    assert_int_equal(put_text(m, 1, "mid"), 0); /* nothing waits under the key any more */
    assert_int_equal(put_text(m, 1, "new"), 1);
    mem_stream_open_window(m, 100);
    assert_sent(m, "oldnew");
}

static void the_newest_counts_against_the_bound(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 6, 0);

    m->window = 0;
    send_text(m, "1234", 0);
    assert_int_equal(put_text(m, 1, "abc"), SL_E_FULL);
    assert_int_equal(put_text(m, 1, "ab"), 0);
    assert_int_equal(put_text(m, 1, "cd"), 1); /* what gives way makes room */
    assert_int_equal(put_text(m, 1, "cde"), SL_E_FULL);
    m->window = 100;
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "1234cd");
}

static void a_lone_event_is_not_held(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 5000);

    send_text(m, "a", STREAM_MAY_HOLD);
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "a");
}

static void fast_events_share_a_write(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 5000);

    send_text(m, "a", STREAM_MAY_HOLD);
    sl__loop_crank(f->loop, 1);
    send_text(m, "b", STREAM_MAY_HOLD);
    sl__loop_crank(f->loop, 2);
    send_text(m, "c", STREAM_MAY_HOLD);
    sl__loop_crank(f->loop, 2);
    assert_sent(m, "a"); /* b waits for 4 of its 5 ms */
    sl__loop_crank(f->loop, 1);
    assert_sent(m, "abc");
    assert_int_equal(m->sends, 2);
}

static void an_answer_takes_the_held_ones_along(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 5000);

    send_text(m, "a", STREAM_MAY_HOLD);
    sl__loop_crank(f->loop, 1);
    send_text(m, "b", STREAM_MAY_HOLD);
    send_text(m, "!", 0);
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "ab!");
    sl__loop_crank(f->loop, 10); /* nothing is left over on the held list */
    assert_sent(m, "ab!");
}

/* What is held for company is no reason to refuse: the kernel has room. */
static void a_full_cork_is_let_go(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 10, 5000);

    assert_int_equal(send_text(m, "first", STREAM_MAY_HOLD), 0);
    sl__loop_crank(f->loop, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(send_text(m, "12345", STREAM_MAY_HOLD), 0);
    sl__loop_crank(f->loop, 10);
    assert_int_equal(m->sent_len, 25);
    assert_true(m->sends <= 4);
}

static void held_streams_leave_in_due_order(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *a = open_stream(f, 1000, 8000), *b;
    struct seen first = f->seen;

    sl__stream_set_events(&a->s, &events, &first);
    b = open_stream(f, 1000, 2000);
    send_text(a, "x", STREAM_MAY_HOLD);
    send_text(b, "x", STREAM_MAY_HOLD);
    sl__loop_crank(f->loop, 1);
    send_text(a, "y", STREAM_MAY_HOLD); /* due at 9 */
    send_text(b, "y", STREAM_MAY_HOLD); /* due at 3, though it came later */
    sl__loop_crank(f->loop, 2);
    assert_sent(b, "xy");
    assert_sent(a, "x");
    sl__loop_crank(f->loop, 6);
    assert_sent(a, "xy");
    sl__stream_close(&a->s, UV_EOF);
    sl__loop_crank(f->loop, 0);
    mem_stream_free(a);
}

struct batch {
    struct packet *p[3];
    struct iovec iov[3];
    size_t bytes;
};

static void batch_init(struct batch *b)
{
    const char *z[] = {"aaaa", "bbbb", "cccc"};

    b->bytes = 0;
    for (int i = 0; i < 3; i++) {
        b->p[i] = text(z[i]);
        b->iov[i] = b->p[i]->iov[0];
        b->bytes += b->p[i]->bytes;
    }
}

static void batch_deinit(struct batch *b)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(b->p[i]->refs, 1); /* whoever took one has let go */
        packet_drop(b->p[i]);
    }
}

static int send_batch(struct mem_stream *m, struct batch *b, unsigned flags)
{
    return sl__stream_send_batch(&m->s, b->p, 3, b->iov, 3, b->bytes, flags);
}

/* Wherever the kernel stops inside a batch, the peer sees every byte once and in order. */
static void a_batch_can_be_cut_anywhere(void **state)
{
    struct fixture *f = *state;
    struct batch b;

    batch_init(&b);
    for (size_t cut = 0; cut <= b.bytes; cut++) {
        struct mem_stream *m = open_stream(f, 1000, 0);
        m->window = cut;
        assert_int_equal(send_batch(m, &b, 0), 3);
        assert_int_equal(m->sent_len, cut);
        assert_int_equal(sl__stream_waiting(&m->s), b.bytes - cut);
        mem_stream_open_window(m, 100);
        sl__loop_crank(f->loop, 0);
        assert_sent(m, "aaaabbbbcccc");
        sl__stream_close(&m->s, UV_EOF);
        sl__loop_crank(f->loop, 0);
        mem_stream_free(m);
        f->seen.m = NULL;
    }
    batch_deinit(&b);
}

static void a_batch_respects_queue_bound_and_cork(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 9, 5000);
    struct batch b;

    batch_init(&b);
    m->window = 2;
    assert_int_equal(send_batch(m, &b, 0), 2); /* 2 + 4 wait; 4 more would pass 9 */
    mem_stream_open_window(m, 100);
    assert_sent(m, "aaaabbbb");
    mem_stream_clear(m);
    assert_int_equal(send_batch(m, &b, STREAM_MAY_HOLD), 3); /* held: just written */
    assert_sent(m, "aaaabbbb"); /* ... but for what gives way at the bound */
    sl__loop_crank(f->loop, 4);
    assert_int_equal(m->sent_len, 8);
    sl__loop_crank(f->loop, 1);
    assert_sent(m, "aaaabbbbcccc");
    batch_deinit(&b);
}

static void a_batch_waits_behind_the_queue(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);
    struct batch b;

    batch_init(&b);
    send_text(m, "first", 0);
    assert_int_equal(send_batch(m, &b, 0), 3);
    assert_int_equal(m->sends, 0);
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "firstaaaabbbbcccc");
    assert_int_equal(m->sends, 1);
    batch_deinit(&b);
}

static void ending_lets_the_queue_leave(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 5000);

    send_text(m, "a", STREAM_MAY_HOLD);
    sl__loop_crank(f->loop, 1);
    send_text(m, "bye", STREAM_MAY_HOLD);
    sl__stream_end(&m->s, SL_E_CLOSED);
    assert_int_equal(send_text(m, "late", 0), SL_E_CLOSED);
    sl__loop_crank(f->loop, 0);
    assert_sent(m, "abye");
    assert_true(m->shut);
    assert_false(m->closed);
    mem_stream_feed(m, "ignored", 7);
    assert_int_equal(f->seen.len, 0);
    mem_stream_feed_end(m);
    sl__loop_crank(f->loop, 0);
    assert_int_equal(f->seen.gone, 1);
    assert_int_equal(f->seen.why, SL_E_CLOSED);
}

static void ending_does_not_wait_for_ever(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);

    m->window = 0;
    send_text(m, "never read", 0);
    sl__stream_end(&m->s, SL_E_HTTP);
    sl__loop_crank(f->loop, 4999);
    assert_int_equal(f->seen.gone, 0);
    sl__loop_crank(f->loop, 2);
    assert_int_equal(f->seen.gone, 1);
    assert_int_equal(f->seen.why, SL_E_HTTP); /* the first reason wins */
}

static void closing_twice_is_fine(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 5000);

    send_text(m, "a", 0);
    put_text(m, 7, "b");
    sl__stream_close(&m->s, SL_E_TIMEOUT);
    sl__stream_close(&m->s, UV_EOF);
    assert_int_equal(f->seen.gone, 0); /* never inside the call */
    assert_int_equal(send_text(m, "c", 0), SL_E_CLOSED);
    assert_int_equal(put_text(m, 7, "c"), SL_E_CLOSED);
    sl__loop_crank(f->loop, 0);
    assert_int_equal(f->seen.gone, 1);
    assert_int_equal(f->seen.why, SL_E_TIMEOUT);
    assert_int_equal(m->sent_len, 0);
}

static void the_peers_end_closes(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);

    mem_stream_feed_end(m);
    sl__loop_crank(f->loop, 0);
    assert_int_equal(f->seen.gone, 1);
    assert_int_equal(f->seen.why, UV_EOF);
}

static void deadlines_come_once(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);

    sl__stream_set_deadline(&m->s, 50);
    sl__loop_crank(f->loop, 50);
    assert_int_equal(f->seen.deadlines, 1);
    sl__loop_crank(f->loop, 500);
    assert_int_equal(f->seen.deadlines, 1);
    sl__stream_set_deadline(&m->s, 50);
    sl__stream_set_deadline(&m->s, 0);
    sl__loop_crank(f->loop, 500);
    assert_int_equal(f->seen.deadlines, 1);
}

static void bytes_go_where_they_are_wanted(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);
    uint8_t place[4];

    f->seen.want_into = place;
    f->seen.want_len = sizeof place;
    mem_stream_feed(m, "0123456789", 10); /* nothing wanted yet: the scratch space */
    assert_ptr_equal(f->seen.last_ptr, f->loop->scratch);
    assert_int_equal(f->seen.calls, 1);
    mem_stream_feed(m, "abc", 3);
    assert_ptr_equal(f->seen.last_ptr, place);
    assert_memory_equal(place, "abc", 3);
    mem_stream_feed(m, "ABCDEF", 6); /* fills the place, the rest in the same receive */
    assert_int_equal(f->seen.calls, 4);
    assert_ptr_equal(f->seen.last_ptr, f->loop->scratch);
    assert_memory_equal(f->seen.bytes, "0123456789abcABCDEF", f->seen.len);
}

static void a_paused_stream_does_not_read(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);

    sl__stream_pause(&m->s);
    assert_int_equal(m->s.wants & STREAM_WANT_READ, 0);
    mem_stream_feed(m, "abc", 3);
    assert_int_equal(f->seen.len, 0);
    sl__stream_resume(&m->s);
    mem_stream_feed(m, "abc", 3);
    assert_int_equal(f->seen.len, 3);
}

/* Whichever allocation fails, the call says so and the stream goes on. */
static void no_memory_loses_nothing_that_was_queued(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 1000, 0);
    struct packet *p = text("x");

    m->window = 0;
    for (int i = 0; i < 40; i++) {
        sl__alloc_fail_after(0);
        int rc = sl__stream_send(&m->s, p, 0);
        sl__alloc_fail_after(-1);
        if (rc == SL_E_NOMEM) assert_int_equal(sl__stream_send(&m->s, p, 0), 0);
        sl__alloc_fail_after(0);
        rc = sl__stream_put_newest(&m->s, 100u + (uint32_t)i, p);
        sl__alloc_fail_after(-1);
        if (rc == SL_E_NOMEM)
            assert_int_equal(sl__stream_put_newest(&m->s, 100u + (uint32_t)i, p), 0);
    }
    assert_int_equal(sl__stream_waiting(&m->s), 80);
    mem_stream_open_window(m, 1000);
    sl__loop_crank(f->loop, 0);
    assert_int_equal(m->sent_len, 80);
    assert_int_equal(p->refs, 1);
    packet_drop(p);
}

/* Two-byte frames are nothing in bytes and a lot in memory. */
static void the_bound_is_in_packets_too(void **state)
{
    struct fixture *f = *state;
    struct mem_stream *m = open_stream(f, 12800, 0);
    struct packet *p = packet_copy(SL_STR("\x81"));

    m->window = 0;
    for (int i = 0; i < 64 + 100; i++)
        assert_int_equal(sl__stream_send(&m->s, p, 0), 0);
    assert_int_equal(sl__stream_send(&m->s, p, 0), SL_E_FULL);
    mem_stream_open_window(m, 1);
    sl__loop_crank(f->loop, 0);
    mem_stream_open_window(m, 1);
    assert_int_equal(sl__stream_send(&m->s, p, 0), 0);
    packet_drop(p);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_write_per_turn),
        CASE(order_survives_a_full_kernel),
        CASE(the_bound_is_in_bytes),
        CASE(the_bound_is_in_packets_too),
        CASE(the_newest_replaces_the_waiting_one),
        CASE(a_frame_that_has_begun_is_finished),
        CASE(the_newest_counts_against_the_bound),
        CASE(a_lone_event_is_not_held),
        CASE(fast_events_share_a_write),
        CASE(an_answer_takes_the_held_ones_along),
        CASE(a_full_cork_is_let_go),
        CASE(held_streams_leave_in_due_order),
        CASE(a_batch_can_be_cut_anywhere),
        CASE(a_batch_respects_queue_bound_and_cork),
        CASE(a_batch_waits_behind_the_queue),
        CASE(ending_lets_the_queue_leave),
        CASE(ending_does_not_wait_for_ever),
        CASE(closing_twice_is_fine),
        CASE(the_peers_end_closes),
        CASE(deadlines_come_once),
        CASE(bytes_go_where_they_are_wanted),
        CASE(a_paused_stream_does_not_read),
        CASE(no_memory_loses_nothing_that_was_queued),
    };

    return cmocka_run_group_tests_name("net/stream", tests, NULL, NULL);
}
