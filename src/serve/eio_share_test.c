/* SPDX-License-Identifier: MIT */
/* One answer for many polls, and members of every kind in one broadcast. */
#include "serve/eio_test.h"

#include <zlib.h>

#define POLLERS 4 /* the last two speak revision 3 */

struct poller {
    struct client *p;
    struct eio_session *s;
    char q[QUERY];
};

struct crowd {
    struct bench *b;
    struct poller of[POLLERS];
};

static void open_poller(struct bench *b, struct poller *of, int revision)
{
    of->p = peer_open(b);
    handshake_as(of->p, revision, "", of->q);
    of->s = b->last;
}

static int setup(void **state)
{
    struct crowd *c = calloc(1, sizeof *c);

    assert_non_null(c);
    c->b = bench_open(NULL);
    c->b->eio->o.poll_gather_ms = 0; /* at once */
    for (int i = 0; i < POLLERS; i++)
        open_poller(c->b, &c->of[i], i < POLLERS - 2 ? 4 : 3);
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct crowd *c = *state;

    for (int i = 0; i < POLLERS; i++) {
        assert_int_equal(next_answer(c->of[i].p), 0);
        peer_free(c->of[i].p);
    }
    bench_close(c->b);
    free(c);
    return 0;
}

static void hold_polls(struct crowd *c, const char *more)
{
    for (int i = 0; i < POLLERS; i++) {
        ask(c->of[i].p, "GET", c->of[i].q, more, NULL, 0);
        assert_int_equal(next_answer(c->of[i].p), 0);
    }
}

/* To all, but for those whose bit is set. */
static void announce(struct crowd *c, const char *text, unsigned but)
{
    struct eio_message *m = eio_packet_new(EIO_MESSAGE, sl_str_of(text));

    assert_non_null(m);
    for (unsigned i = 0; i < POLLERS; i++)
        if ((but >> i & 1) == 0) assert_int_equal(eio_announce(c->of[i].s, m), 0);
    eio_message_drop(m);
}

/* ---- what is shared ---- */

static const struct packet *seen[POLLERS];
static int seen_n;

/* A poll has just been answered: by which packet? */
static void see(struct eio_session *s, void *user)
{
    const struct eio_server *e = ((struct bench *)user)->eio;

    if (e->shared[s->revision == 3].n == 0) return; /* a poll came, and nothing waits for it */
    assert_true(seen_n < POLLERS);
    seen[seen_n++] = e->shared[s->revision == 3].answer.packet[0];
}

static void one_answer_for_all_that_wait_for_the_same(void **state)
{
    struct crowd *c = *state;
    static struct eio_events events; /* until the server is gone */

    events = *c->b->eio->o.events;
    events.on_drain = see;
    c->b->eio->o.events = &events;
    hold_polls(c, "");
    seen_n = 0;
    announce(c, "a", 0);
    announce(c, "b", 0);
    pass(c->b, 0);
    assert_int_equal(seen_n, POLLERS);
    assert_non_null(seen[0]);
    assert_ptr_equal(seen[0], seen[1]);
    assert_non_null(seen[2]);
    assert_ptr_equal(seen[2], seen[3]);
    assert_ptr_not_equal(seen[0], seen[2]);
    for (int i = 0; i < POLLERS; i++)
        assert_answer(c->of[i].p, 200,
                      i < 2 ? "4a\x1e"
                              "4b"
                            : "2:4a2:4b");
    for (int i = 0; i < 3; i++)
        assert_int_equal(c->b->eio->shared[i].n, 0); /* nothing outlives the turn */
}

static void who_waits_for_something_else_gets_that(void **state)
{
    struct crowd *c = *state;
    static const char *const due[] = {"4a\x1e"
                                      "4c",
                                      "4b\x1e"
                                      "4c",
                                      "2:4a2:4b", "2:4c"};

    hold_polls(c, "");
    announce(c, "a", 1u << 1 | 1u << 3);
    announce(c, "b", 1u << 0 | 1u << 3);
    announce(c, "c", 1u << 2);
    pass(c->b, 0);
    for (int i = 0; i < POLLERS; i++)
        assert_answer(c->of[i].p, 200, due[i]);
}

/* More than a shared body remembers; and what comes while no poll is held. */
static void a_backlog_of_many(void **state)
{
    struct crowd *c = *state;
    char text[8];
    size_t n = 0;

    for (int i = 0; i < EIO_SHARED_MAX + 2; i++) {
        snprintf(text, sizeof text, "%03d", i);
        announce(c, text, 0);
    }
    pass(c->b, 0);
    for (int i = 0; i < POLLERS; i++) {
        struct poller *of = &c->of[i];
        struct eio_payload it;
        struct eio_packet p;
        assert_int_equal(get(of->p, of->q), 200);
        eio_payload_init(&it, i < 2 ? 4 : 3, false, (sl_str){of->p->body, of->p->body_len});
        for (n = 0; eio_payload_next(&it, &p) > 0; n++) {
            snprintf(text, sizeof text, "%03zu", n);
            assert_true(sl_str_eq(p.data, sl_str_of(text)));
        }
        assert_int_equal(n, EIO_SHARED_MAX + 2);
    }
}

/* ---- whose head is another ---- */

static void inflate_into(const struct client *p, char *out, size_t size)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)p->body,
                  .avail_in = (uInt)p->body_len,
                  .next_out = (Bytef *)out,
                  .avail_out = (uInt)size - 1};

    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    out[z.total_out] = '\0';
    inflateEnd(&z);
}

static void gzip_for_who_asks(void **state)
{
    struct crowd *c = *state;
    static char text[3000], plain[4000];

    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < POLLERS; i++)
        ask(c->of[i].p, "GET", c->of[i].q, i % 2 == 0 ? "Accept-Encoding: gzip\r\n" : "", NULL,
            0);
    announce(c, text, 0);
    pass(c->b, 0);
    for (int i = 0; i < POLLERS; i++) {
        struct client *p = c->of[i].p;
        assert_int_equal(next_answer(p), 200);
        assert_non_null(strstr(p->head, "Vary: Accept-Encoding\r\n"));
        assert_int_equal(strstr(p->head, "Content-Encoding: gzip") != NULL, i % 2 == 0);
        if (i % 2 == 0) inflate_into(p, plain, sizeof plain);
        assert_string_equal(strchr(i % 2 == 0 ? plain : p->body, 'x'), text);
    }
}

static sl_str allow(sl_request *r, sl_str origin, void *user)
{
    (void)r, (void)user;
    return origin;
}

static void who_closes_or_has_an_origin_gets_a_head_of_its_own(void **state)
{
    struct crowd *c = *state;

    for (int i = 0; i < POLLERS; i++)
        ask(c->of[i].p, "GET", c->of[i].q, i == 0 ? "Connection: close\r\n" : "", NULL, 0);
    announce(c, "a", 0);
    pass(c->b, 0);
    for (int i = 0; i < POLLERS; i++) {
        assert_int_equal(next_answer(c->of[i].p), 200);
        assert_int_equal(strstr(c->of[i].p->head, "Connection: close") != NULL, i == 0);
    }

    c->b->server->options.allow_origin = allow;
    for (int i = 1; i < POLLERS; i++)
        ask(c->of[i].p, "GET", c->of[i].q, i == 2 ? "Origin: http://two\r\n" : "", NULL, 0);
    announce(c, "b", 1u << 0);
    pass(c->b, 0);
    for (int i = 1; i < POLLERS; i++) {
        assert_int_equal(next_answer(c->of[i].p), 200);
        assert_int_equal(strstr(c->of[i].p->head, "Origin: http://two") != NULL, i == 2);
        assert_non_null(strstr(c->of[i].p->head, "Vary: Origin"));
    }
}

/* ---- announcements that wait for company ---- */

static void what_comes_quickly_is_gathered(void **state)
{
    struct crowd *c = *state;
    struct poller *of = &c->of[0];

    c->b->eio->o.poll_gather_ms = 75;
    pass(c->b, 75);
    hold_polls(c, "");
    announce(c, "a", 0);
    pass(c->b, 0);
    for (int i = 0; i < POLLERS; i++)
        assert_answer(c->of[i].p, 200, i < 2 ? "4a" : "2:4a"); /* the first has not to wait */
    hold_polls(c, "");
    pass(c->b, 20);
    announce(c, "b", 0);
    pass(c->b, 30);
    announce(c, "c", 0);
    pass(c->b, 24);
    for (int i = 0; i < POLLERS; i++)
        assert_int_equal(next_answer(c->of[i].p), 0);
    pass(c->b, 1);
    for (int i = 0; i < POLLERS; i++)
        assert_answer(c->of[i].p, 200,
                      i < 2 ? "4b\x1e"
                              "4c"
                            : "2:4b2:4c");

    announce(c, "d", ~1u); /* while there is no poll: the next waits as well */
    assert_int_equal(get(of->p, of->q), 0);
    pass(c->b, 74);
    assert_int_equal(next_answer(of->p), 0);
    pass(c->b, 1);
    assert_answer(of->p, 200, "4d");
}

static void what_is_sent_takes_along_what_is_gathered(void **state)
{
    struct crowd *c = *state;
    struct poller *of = &c->of[0];

    c->b->eio->o.poll_gather_ms = 75;
    assert_int_equal(get(of->p, of->q), 0);
    announce(c, "a", ~1u);
    pass(c->b, 10);
    assert_int_equal(next_answer(of->p), 0);
    assert_int_equal(send_to(of->s, true, "b", 1, 0), 0);
    announce(c, "c", ~1u);
    pass(c->b, 0);
    assert_answer(of->p, 200,
                  "4a\x1e"
                  "4b\x1e"
                  "4c");

    assert_int_equal(send_to(of->s, true, "d", 1, 0), 0); /* no poll, but it presses */
    assert_int_equal(get(of->p, of->q), 200);
    assert_string_equal(of->p->body, "4d");

    assert_int_equal(get(of->p, of->q), 0);
    announce(c, "e", ~1u);
    eio_close(of->s);
    pass(c->b, 0);
    assert_answer(of->p, 200,
                  "4e\x1e"
                  "1");
}

/* ---- all kinds of members ---- */

/* Encoded once for each wire; who is on a WebSocket is written to as if there were no polls. */
static void polls_among_websockets(void **state)
{
    struct crowd *c = *state;
    struct client *ws[4];
    struct eio_session *on[4];
    struct eio_message *m = eio_packet_new(EIO_MESSAGE, SL_STR("a"));
    struct packet *frame[2];
    sl_buf *piece[2];

    for (int i = 0; i < 4; i++) {
        ws[i] = dial_new(c->b, i % 2 == 0 ? 4 : 3);
        on[i] = c->b->last;
        assert_int_equal(next_frame(ws[i]), WS_TEXT);
        ws[i]->m->sends = 0;
    }
    hold_polls(c, "");
    for (int i = 0; i < 4; i++) { /* in turns: nothing depends on who comes first */
        assert_int_equal(eio_announce(c->of[i].s, m), 0);
        assert_int_equal(eio_announce(on[i], m), 0);
        assert_false(list_is_empty(&on[i]->batch));
        if (i == 1) memcpy(frame, m->frame, sizeof frame);
    }
    pass(c->b, 0);
    memcpy(piece, m->piece, sizeof piece);
    for (int i = 0; i < 2; i++) {
        assert_non_null(frame[i]);
        assert_ptr_equal(m->frame[i], frame[i]);
        assert_non_null(piece[i]);
    }
    for (int i = 0; i < 4; i++) {
        assert_text_frame(ws[i], "4a");
        assert_int_equal(ws[i]->m->sends, 1);
        assert_answer(c->of[i].p, 200, i < 2 ? "4a" : "2:4a");
        peer_free(ws[i]);
    }
    eio_message_drop(m);
}

/* clang-format off */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(one_answer_for_all_that_wait_for_the_same), T(who_waits_for_something_else_gets_that),
        T(a_backlog_of_many), T(gzip_for_who_asks),
        T(what_comes_quickly_is_gathered), T(what_is_sent_takes_along_what_is_gathered),
        T(who_closes_or_has_an_origin_gets_a_head_of_its_own), T(polls_among_websockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
