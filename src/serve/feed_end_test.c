/* SPDX-License-Identifier: MIT */
/* Every way in which an answer without an end ends, no memory among them. */
#include "serve/feed_test.h"

/* ---- the ends ---- */

static void test_lives_in_silence(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(say(probe[0].feed, "."), 0);
        sl__loop_crank(k.loop, 0); /* it leaves */
        for (int n = 0; n < i % 5; n++)
            sl__loop_crank(k.loop, i % 3 ? 24 * 3600 * 1000 : 7000);
    }
    assert_false(k.m->closed);
    assert_int_equal(probe[0].closes, 0);
    kit_close(&k);
}

static void test_closed_by_us(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    sl_feed_close(probe[0].feed);
    sl_feed_close(probe[0].feed);
    assert_int_equal(say(probe[0].feed, "b"), SL_E_CLOSED);
    assert_int_equal(probe[0].closes, 0); /* not from inside */
    assert_string_equal(said(&k), HEAD "1\r\na\r\n" LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

static void test_closed_inside_the_handler(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    answer(later);
    sl_feed_close(probe[0].feed); /* with its head still waiting */
    assert_string_equal(said(&k), HEAD LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

/* Who does not read to the end gets as long as for any other answer. */
static void test_closed_with_much_waiting(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    mem_stream_clear(k.m);
    k.m->window = 0;
    assert_int_equal(say(probe[0].feed, "0123456789"), 0);
    sl_feed_close(probe[0].feed);
    for (int i = 0; i < 14; i++) {
        sl__loop_crank(k.loop, 19000);
        mem_stream_open_window(k.m, 1);
    }
    assert_false(k.m->closed);
    mem_stream_open_window(k.m, 100);
    assert_string_equal(said(&k), "a\r\n0123456789\r\n" LAST);
    assert_ends(&k, &probe[0]);

    kit_disconnect(&k);
    kit_connect(&k);
    kit_feed(&k, GET("/feed"));
    k.m->window = 0;
    assert_int_equal(say(probe[1].feed, "0123456789"), 0);
    sl_feed_close(probe[1].feed);
    sl__loop_crank(k.loop, 20001);
    sl__loop_crank(k.loop, 20001);
    assert_true(k.m->closed);
    kit_close(&k);
    assert_int_equal(probe[1].closes, 1);
}

static void test_closed_by_the_peer(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    mem_stream_feed_end(k.m);
    assert_int_equal(say(probe[0].feed, "a"), SL_E_CLOSED);
    sl__loop_crank(k.loop, 0);
    assert_string_equal(kit_text(&k), HEAD LAST);
    assert_true(k.m->gone); /* at once */
    assert_int_equal(probe[0].closes, 1);
    kit_close(&k);
}

/* "printf … | nc": its end came with the question or even before the answer. */
static void test_half_closed_before(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    mem_stream_feed_end(k.m);
    sl__loop_crank(k.loop, 0);
    assert_false(k.m->closed);
    answer(later);
    assert_int_equal(probe[0].rc, 0);
    assert_int_equal(say(probe[0].feed, "a"), SL_E_CLOSED);
    assert_string_equal(said(&k), HEAD LAST);
    assert_int_equal(probe[0].closes, 1);
    kit_close(&k);
}

static void test_broken_connection(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    sl__stream_close(&k.m->s, UV_ECONNRESET);
    assert_int_equal(probe[0].closes, 0);
    assert_int_equal(say(probe[0].feed, "b"), SL_E_CLOSED); /* it does not know yet */
    sl_feed_close(probe[0].feed);
    sl__loop_crank(k.loop, 0);
    assert_int_equal(probe[0].closes, 1);
    kit_close(&k);
}

static void test_stop(void **state)
{
    struct kit k;

    (void)state;
    open_feed(&k);
    assert_int_equal(say(probe[0].feed, "a"), 0);
    stop(&k);
    assert_string_equal(kit_text(&k), HEAD "1\r\na\r\n" LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

static void test_stop_before_the_answer(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    stop(&k);
    answer(later);
    assert_int_equal(probe[0].rc, 0);
    assert_string_equal(said(&k), HEAD LAST);
    assert_ends(&k, &probe[0]);
    kit_close(&k);
}

/* ---- several ---- */

/* on_close of the first speaks to the second, or ends it. */
static void test_others_from_on_close(void **state)
{
    for (int way = 0; way < 3; way++) {
        struct mem_stream *first, *second;
        struct kit k;

        (void)state;
        open_feed(&k);
        first = k.m;
        kit_connect(&k);
        kit_feed(&k, GET("/feed"));
        second = k.m;
        then_send = &probe[1];
        then_close = way > 0 ? &probe[1] : NULL;
        if (way == 2) sl__stream_close(&second->s, UV_ECONNRESET); /* goes in the same turn */
        if (way == 2) then_send = NULL;
        sl__stream_close(&first->s, UV_ECONNRESET);
        sl__loop_crank(k.loop, 0);
        assert_int_equal(probe[0].closes, 1);
        assert_int_equal(probe[1].closes, way == 2);
        then_send = then_close = NULL;
        if (way == 0) assert_string_equal(kit_text(&k), HEAD "3\r\nbye\r\n");
        if (way == 1) assert_string_equal(kit_text(&k), HEAD "3\r\nbye\r\n" LAST);
        mem_stream_free(first);
        kit_close(&k);
        assert_int_equal(probe[1].closes, 1);
    }
}

static void test_no_on_close(void **state)
{
    sl_feed *f;
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    assert_int_equal(sl_answer_feed(later, "text/plain", NULL, NULL, &f), 0);
    assert_int_equal(say(f, "a"), 0);
    kit_close(&k);
}

static void test_answered_twice(void **state)
{
    sl_feed *f;
    struct kit k;

    (void)state;
    open_kit(&k);
    kit_feed(&k, GET("/later"));
    later->in_handler = true; /* as inside it */
    sl_answer(later, 200, "text/plain", SL_STR("x"));
    assert_int_equal(sl_answer_feed(later, "text/plain", NULL, NULL, &f), SL_E_CLOSED);
    assert_null(f);
    request_free(later);
    kit_close(&k);
}

/* ---- memory ---- */

static void test_no_memory(void **state)
{
    bool whole = false;
    struct kit k;
    long n;

    (void)state;
    for (n = 0; !whole && n < 100; n++) {
        open_kit(&k);
        kit_feed(&k, GET("/later"));
        sl__alloc_fail_after(n);
        answer(later);
        if (probe[0].feed != NULL) {
            int a = say(probe[0].feed, "a"), b = say_newest(probe[0].feed, 1, "b");
            assert_true((a == 0 || a == SL_E_NOMEM) && (b == 0 || b == SL_E_NOMEM));
            sl_feed_close(probe[0].feed);
        }
        sl__loop_crank(k.loop, 0);
        sl__alloc_fail_after(-1);
        whole = strcmp(kit_text(&k), HEAD "1\r\na\r\n1\r\nb\r\n" LAST) == 0;
        if (probe[0].rc < 0) {
            assert_int_equal(probe[0].rc, SL_E_NOMEM);
            assert_true(k.m->closed); /* not silence for ever */
            assert_int_equal(k.m->sent_len, 0);
        }
        kit_close(&k);
        assert_int_equal(probe[0].closes, probe[0].rc == 0);
    }
    assert_true(whole && n > 6);
}

/* ---- anything at all ---- */

static uint32_t dice; /* the same throws in each run */

static uint32_t throw_below(uint32_t n)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % n;
}

/* Takes a chunked body apart. returns whether it came to its last chunk */
static bool check_chunks(const char *at, const char *end)
{
    while (at < end) {
        char *digits_end;
        size_t len = strtoul(at, &digits_end, 16);

        if (end - digits_end < 2 || (size_t)(end - digits_end) < len + 4) return false;
        assert_memory_equal(digits_end, "\r\n", 2);
        assert_memory_equal(digits_end + 2 + len, "\r\n", 2);
        at = digits_end + len + 4;
        if (len == 0) assert_ptr_equal(at, end);
        if (len == 0) return true;
    }
    return false;
}

static void live_once(struct kit *k, const char *text)
{
    struct probe *p = &probe[0];
    uint32_t n = 1 + throw_below(60);

    probe_count = 0;
    kit_feed(k, GET("/feed"));
    if (throw_below(3)) k->m->window = throw_below(500);
    while (n-- > 0 && p->feed != NULL) {
        switch (throw_below(7)) {
        case 0: (void)say(p->feed, text + 1 + throw_below(498)); break;
        case 1:
        case 2: (void)say_newest(p->feed, throw_below(3), text + 1 + throw_below(498)); break;
        case 3: mem_stream_open_window(k->m, throw_below(800)); break;
        case 4: sl__loop_crank(k->loop, throw_below(50) ? 0 : throw_below(30000)); break;
        case 5:
            if (!k->m->s.peer_ended) kit_feed(k, GET("/hello"));
            break;
        default:
            if (throw_below(8) == 0) sl_feed_close(p->feed);
            if (throw_below(20) == 0 && !k->m->s.peer_ended) mem_stream_feed_end(k->m);
        }
    }
    if (p->feed != NULL && throw_below(2)) {
        sl_feed_close(p->feed);
        mem_stream_open_window(k->m, 1 << 20);
        sl__loop_crank(k->loop, 0);
        assert_true(k->m->shut || k->m->closed);
        assert_true(check_chunks(k->m->sent + strlen(HEAD) + 37, k->m->sent + k->m->sent_len));
    }
    kit_disconnect(k);
    assert_int_equal(p->closes, 1);
    assert_true(list_is_empty(&k->server->feeds));
}

static void test_anything(void **state)
{
    char text[500];
    struct kit k;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    dice = 20260301;
    open_kit(&k);
    for (int i = 0; i < 3000; i++) {
        live_once(&k, text);
        kit_connect(&k);
    }
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives_in_silence),
        cmocka_unit_test(test_closed_by_us),
        cmocka_unit_test(test_closed_inside_the_handler),
        cmocka_unit_test(test_closed_with_much_waiting),
        cmocka_unit_test(test_closed_by_the_peer),
        cmocka_unit_test(test_half_closed_before),
        cmocka_unit_test(test_broken_connection),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_before_the_answer),
        cmocka_unit_test(test_others_from_on_close),
        cmocka_unit_test(test_no_on_close),
        cmocka_unit_test(test_answered_twice),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_anything),
    };

    return cmocka_run_group_tests_name("serve/feed_end", tests, NULL, NULL);
}
