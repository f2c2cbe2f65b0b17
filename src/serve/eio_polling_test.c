/* SPDX-License-Identifier: MIT */
/* Engine.IO by HTTP alone, row by row. */
#include "serve/eio_test.h"

/* ---- what is refused, and in which order ---- */

static void refusals_by_number(void **state)
{
#define NO(code, text) "{\"code\":" #code ",\"message\":\"" text "\"}"
    static const char unknown[] = NO(0, "Transport unknown"), sid[] = UNKNOWN_SID_TEXT,
                      method[] = NO(2, "Bad handshake method"), bad[] = BAD_REQUEST_TEXT,
                      forbidden[] = NO(4, "Forbidden"),
                      version[] = NO(5, "Unsupported protocol version");
    static const struct {
        const char *method, *query, *more;
        bool refuse;
        int status;
        const char *body;
    } rows[] = {
        {"GET",    "EIO=4",                              "",       false, 400, unknown  },
        {"GET",    "EIO=4&transport=",                   "",       false, 400, unknown  },
        {"GET",    "EIO=4&transport=abc",                "",       false, 400, unknown  },
        {"GET",    "EIO=4&transport=Polling",            "",       false, 400, unknown  },
        {"GET",    "EIO=4&transport=constructor",        "",       false, 400, unknown  },
        {"POST",   "transport=tobi&sid=none",            "",       true,  400, unknown  },
        {"GET",    "EIO=4&transport=polling&sid=none",   "",       false, 400, sid      },
        {"GET",    "EIO=4&transport=websocket&sid=none", WS_LINES, false, 400, sid      },
        {"POST",   "EIO=4&transport=polling&sid=none",   "",       true,  400, sid      },
        {"GET",    "transport=polling&sid=none",         "",       false, 400, sid      },
        {"POST",   "EIO=4&transport=polling",            "",       false, 400, method   },
        {"PUT",    "EIO=4&transport=polling",            "",       false, 400, method   },
        {"PATCH",  "EIO=4&transport=polling",            "",       false, 400, method   },
        {"DELETE", "EIO=4&transport=polling&sid=",       "",       true,  400, method   },
        {"POST",   "EIO=4&transport=websocket",          "",       false, 400, method   },
        {"GET",    "EIO=4&transport=websocket",          "",       false, 400, bad      },
        {"GET",    "EIO=4&transport=polling",            WS_LINES, false, 400, bad      },
        {"GET",    "EIO=4&transport=polling",            "",       true,  403, forbidden},
        {"GET",    "EIO=4&transport=websocket",          WS_LINES, true,  403, forbidden},
        {"GET",    "EIO=9&transport=polling",            "",       true,  403, forbidden},
        {"GET",    "transport=polling",                  "",       false, 400, version  },
        {"GET",    "EIO=&transport=polling",             "",       false, 400, version  },
        {"GET",    "EIO=5&transport=polling",            "",       false, 400, version  },
        {"GET",    "EIO=04&transport=polling",           "",       false, 400, version  },
        {"GET",    "EIO=abc&transport=websocket",        WS_LINES, false, 400, version  },
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client *p = peer_open(b);

        b->refuse = rows[i].refuse;
        ask(p, rows[i].method, rows[i].query, rows[i].more, NULL, 0);
        if (next_answer(p) != rows[i].status || strcmp(p->body, rows[i].body) != 0)
            fail_msg("%s %s: %s%s", rows[i].method, rows[i].query, p->head, p->body);
        assert_has(p->head, "Content-Type: application/json\r\n");
        assert_has(p->head, "Access-Control-Allow-Origin: *\r\n");
        peer_free(p);
    }
    assert_int_equal(b->opens, 0);
    struct eio_stats stats;
    eio_get_stats(b->eio, &stats);
    assert_int_equal(stats.refused, sizeof rows / sizeof *rows);
}

static void revision_3_can_be_off(void **state)
{
    struct eio_options o = {0};
    struct bench *b = *state;
    struct client *p = peer_open(b);

    (void)o;
    b->eio->o.eio3 = false;
    assert_int_equal(get(p, "EIO=3&transport=polling"), 400);
    assert_has(p->body, "\"code\":5");
    assert_int_equal(get(p, "EIO=4&transport=polling"), 200);
    peer_free(p);
}

static void a_preflight_is_answered(void **state)
{
    struct client *p = peer_open(*state);

    ask(p, "OPTIONS", "EIO=4&transport=polling",
        "Origin: http://a\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: x-y\r\n",
        NULL, 0);
    assert_int_equal(next_answer(p), 204);
    assert_has(p->head, "Content-Length: 0\r\n");
    assert_has(p->head, "Access-Control-Allow-Headers: x-y\r\n");
    assert_has(p->head, "POST");
    peer_free(p);
}

/* ---- the handshake ---- */

static void the_open_packet_by_the_letter(void **state)
{
    static const struct {
        const char *query, *before, *after;
    } rows[] = {
        {"EIO=4&transport=polling",           "0{\"sid\":\"",     "\",\"upgrades\":[\"websocket\"],"},
        {"EIO=3&transport=polling&t=abc&x=1", "118:0{\"sid\":\"",
         "\",\"upgrades\":[\"websocket\"],"                                                         },
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client *p = peer_open(b);
        char want[256];

        assert_int_equal(get(p, rows[i].query), 200);
        snprintf(want, sizeof want,
                 "%s%s%s\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":1000000}",
                 rows[i].before, eio_sid(b->last), rows[i].after);
        assert_string_equal(p->body, want);
        assert_has(p->head, "Content-Type: text/plain; charset=UTF-8\r\n");
        peer_free(p);
    }
    pass(b, 1000);
}

static void session_ids_are_long_and_differ(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char query[2][QUERY];

    handshake(p, query[0]);
    assert_int_equal(strlen(eio_sid(b->last)), EIO_SID_SIZE - 1);
    assert_int_equal(strspn(eio_sid(b->last), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                                              "uvwxyz0123456789-_"),
                     EIO_SID_SIZE - 1);
    handshake(p, query[1]);
    assert_string_not_equal(query[0], query[1]);
    peer_free(p);
    pass(b, 1000);
}

static void revision_3_is_greeted_in_the_same_answer(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);

    b->eio->o.greets_eio3 = true;
    b->greet = "hi";
    assert_int_equal(get(p, "EIO=3&transport=polling"), 200);
    assert_has(p->body, "}2:403:4hi");
    assert_int_equal(get(p, "EIO=4&transport=polling"), 200);
    assert_has(p->body, "}\x1e"
                        "4hi");
    peer_free(p);
    pass(b, 1000);
}

/* ---- GET ---- */

static void a_poll_takes_all_that_waits(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    handshake(p, q);
    assert_int_equal(say(b, "one"), 0);
    assert_int_equal(say(b, "€"), 0);
    assert_int_equal(send_to(b->last, false, "\1\2\3\4", 4, 0), 0);
    assert_int_equal(get(p, q), 200);
    assert_string_equal(p->body, "4one\x1e"
                                 "4€\x1e"
                                 "bAQIDBA==");
    peer_free(p);
}

static void a_poll_is_held_until_something_comes(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    handshake(p, q);
    assert_false(eio_is_writable(b->last));
    b->drains = 0;
    assert_int_equal(get(p, q), 0);
    assert_true(eio_is_writable(b->last));
    assert_int_equal(b->drains, 1);
    assert_int_equal(say(b, "a"), 0);
    assert_int_equal(say(b, "b"), 0);
    assert_int_equal(p->m->sent_len, p->seen); /* at the end of the turn, in one answer */
    pass(b, 0);
    assert_answer(p, 200,
                  "4a\x1e"
                  "4b");
    peer_free(p);
}

static void what_is_over_the_limit_waits_for_the_next_poll(void **state)
{
    struct eio_options o = {.payload_max = 100};
    struct bench *b = bench_open(&o);
    struct client *p = peer_open(b);
    char q[QUERY], text[61];

    (void)state;
    memset(text, 'x', 60);
    text[60] = '\0';
    handshake(p, q);
    assert_int_equal(say(b, text), 0);
    assert_int_equal(say(b, text), 0);
    assert_int_equal(say(b, "y"), 0);
    assert_int_equal(get(p, q), 200);
    assert_int_equal(p->body_len, 61);
    assert_int_equal(get(p, q), 200);
    assert_int_equal(p->body_len, 64);
    assert_int_equal(get(p, q), 0);
    peer_free(p);
    bench_close(b);
}

static void packets_in_a_poll_can_be_limited(void **state)
{
    struct eio_options o = {.poll_packets_max = 16};
    struct bench *b = bench_open(&o);
    struct client *p = peer_open(b);
    char q[QUERY];

    (void)state;
    handshake(p, q);
    for (int i = 0; i < 17; i++)
        assert_int_equal(say(b, "x"), 0);
    assert_int_equal(get(p, q), 200);
    assert_int_equal(p->body_len, 16 * 3 - 1);
    assert_int_equal(get(p, q), 200);
    assert_string_equal(p->body, "4x");
    peer_free(p);
    bench_close(b);
}

static void a_second_poll_ends_both(void **state)
{
    static const char *const last[] = {[3] = "1:1", [4] = "1"};
    struct bench *b = *state;

    for (int revision = 3; revision <= 4; revision++) {
        struct client *first = peer_open(b), *second = peer_open(b);
        char q[QUERY];

        handshake_as(first, revision, "", q);
        assert_int_equal(get(first, q), 0);
        assert_int_equal(get(second, q), 400);
        assert_answer(first, 200, last[revision]);
        assert_string_equal(b->reason, "transport error");
        assert_sid_gone(b, q);
        peer_free(first);
        peer_free(second);
    }
}

/* By a reset or by the end of what it sends; a request right behind it finds nothing. */
static void a_poll_that_is_left_ends_the_session(void **state)
{
    struct bench *b = *state;

    for (int how = 0; how < 4; how++) {
        struct client *p = peer_open(b), *other = peer_open(b);
        char q[QUERY];

        handshake(p, q);
        assert_int_equal(get(p, q), 0);
        if (how == 0) mem_stream_feed_end(p->m);
        if (how == 1 || how == 2) sl__stream_close(&p->m->s, UV_ECONNRESET);
        if (how == 3) p->m->feed_end = true; /* not read yet */
        if (how == 2) pass(b, 0);            /* else within the same turn */
        assert_int_equal(get(other, q), 400);
        assert_string_equal(other->body, UNKNOWN_SID_TEXT);
        assert_string_equal(b->reason, "transport close");
        peer_free(other);
        peer_free(p);
    }
    assert_int_equal(b->closes, 4);
}

/* Also where another request waits behind it; and what waits there is bounded. */
static void a_poll_with_a_request_behind_it(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY], text[512], *much = malloc(20000);

    handshake(p, q);
    snprintf(text, sizeof text,
             "GET /engine.io/?%s HTTP/1.1\r\nHost: h\r\n\r\n"
             "GET /engine.io/?%s HTTP/1.1\r\nHost: h\r\n\r\n",
             q, q);
    mem_stream_feed(p->m, text, strlen(text));
    pass(b, 0);
    assert_false(p->m->s.paused);
    assert_int_equal(say(b, "1"), 0);
    pass(b, 0);
    assert_answer(p, 200, "41");
    pass(b, 0);
    assert_int_equal(say(b, "2"), 0); /* for the one that waited */
    pass(b, 0);
    assert_answer(p, 200, "42");
    mem_stream_feed(p->m, text, strlen(text));
    pass(b, 0);
    memset(much, 'x', 20000);
    mem_stream_feed(p->m, much, 10000);
    assert_false(p->m->s.paused);
    mem_stream_feed_end(p->m);
    pass(b, 0);
    assert_string_equal(b->reason, "transport close");
    peer_free(p);

    p = peer_open(b);
    handshake(p, q);
    assert_int_equal(get(p, q), 0);
    mem_stream_feed(p->m, much, 20000);
    assert_true(p->m->s.paused);
    free(much);
    peer_free(p);
}

/* ---- POST ---- */

static void a_push_is_handled_in_order(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    handshake(p, q);
    assert_int_equal(post(p, q,
                          "4a\x1e"
                          "4\x1e"
                          "4€\x1e"
                          "bAQID\x1e"
                          "b\x1e"
                          "bQUI="),
                     200);
    assert_string_equal(p->body, "ok");
    assert_has(p->head, "Content-Type: text/html\r\n");
    assert_string_equal(b->got, "<a><><€><\1\2\3><><AB>");
    peer_free(p);
}

static void revision_3_by_every_form(void **state)
{
    static const char octets[] = "Content-Type: application/octet-stream\r\n";
    static const char binary[] = "\x00\x06\xff"
                                 "4hello\x01\x05\xff\x04\x01\x02\x03\x04";
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    b->echo = true;
    handshake_as(p, 3, "", q);
    assert_int_equal(post(p, q, "2:4€3:4😀10:b4AQIDBA=="), 200);
    assert_string_equal(b->got, "<€><😀><\1\2\3\4>");
    assert_int_equal(get(p, q), 200); /* the batch holds binary, the client takes it */
    assert_has(p->head, octets);
    ask(p, "POST", q, octets, binary, sizeof binary - 1);
    assert_int_equal(next_answer(p), 200);
    assert_int_equal(get(p, q), 200);
    assert_int_equal(p->body_len, sizeof binary - 1);
    assert_memory_equal(p->body, binary, sizeof binary - 1);
    assert_int_equal(post(p, q, "2:4€3:4😀"), 200);
    assert_int_equal(get(p, q), 200);
    assert_string_equal(p->body, "2:4€3:4😀");
    assert_has(p->head, "Content-Type: text/plain; charset=UTF-8\r\n");
    peer_free(p);
}

/* Who said b64=1 in the handshake need not say it again, and who did not cannot later. */
static void base64_is_settled_by_the_handshake(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY], more[QUERY + 8];

    b->echo = true;
    handshake_as(p, 3, "&b64=1", q);
    assert_int_equal(post(p, q, "10:b4AQIDBA=="), 200);
    assert_int_equal(get(p, q), 200);
    assert_string_equal(p->body, "10:b4AQIDBA==");
    handshake_as(p, 3, "", q);
    snprintf(more, sizeof more, "%s&b64=1", q);
    assert_int_equal(post(p, more, "10:b4AQIDBA=="), 200);
    assert_int_equal(get(p, more), 200);
    assert_int_equal(p->body_len, 8);
    peer_free(p);
    pass(b, 1000);
}

static void bodies_that_end_the_session(void **state)
{
    static const struct {
        int revision;
        const char *body, *got;
    } rows[] = {
        {4, "",                    ""   },
        {4, "abc",                 ""   },
        {4, "9",                   ""   },
        {4, "4a\x1e",              "<a>"},
        {4,
         "\x1e"
         "4a",                     ""   },
        {4,
         "4a\x1e"
         "bA*==",                  "<a>"},
        {4, "4\xff\xfe",           ""   },
        {4, "2",                   ""   }, /* the server pings */
        {4, "0{}",                 ""   },
        {4,
         "4a\x1e"
         "2\x1e"
         "4b",                     "<a>"},
        {3, "2:4a1:3",             "<a>"}, /* the client pings */
        {3, "4a",                  ""   },
        {3, ":4a",                 ""   },
        {3, "3:4a",                ""   },
        {3, "-1:4",                ""   },
        {3, "99999999999999999:4", ""   },
        {3, "2:9a",                ""   },
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client *p = peer_open(b), *held = peer_open(b);
        char q[QUERY];

        b->got[0] = '\0';
        handshake_as(p, rows[i].revision, "", q);
        assert_int_equal(get(held, q), 0);
        if (post(p, q, rows[i].body) != 400) fail_msg("row %zu: %s%s", i, p->head, p->body);
        assert_string_equal(b->got, rows[i].got);
        assert_string_equal(b->reason, "parse error");
        assert_answer(held, 200, rows[i].revision == 3 ? "1:1" : "1");
        assert_sid_gone(b, q);
        peer_free(held);
        peer_free(p);
    }
}

static void a_close_packet_is_answered(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b), *held = peer_open(b);
    char q[QUERY];

    handshake(p, q);
    assert_int_equal(get(held, q), 0);
    assert_int_equal(post(p, q,
                          "4a\x1e"
                          "1\x1e"
                          "4b"),
                     200);
    assert_string_equal(p->body, "ok");
    assert_answer(held, 200, "6");
    assert_string_equal(b->got, "<a>");
    assert_string_equal(b->reason, "transport close");
    assert_sid_gone(b, q);
    peer_free(held);
    peer_free(p);
}

static void too_much_is_refused_while_it_comes(void **state)
{
    struct eio_options o = {.payload_max = 100};
    struct bench *b = bench_open(&o);
    char q[QUERY], text[400];

    (void)state;
    memset(text, 'x', sizeof text);
    for (int chunked = 0; chunked < 2; chunked++) {
        struct client *p = peer_open(b);
        int n;

        handshake(p, q);
        n = snprintf(text, sizeof text, "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\n%s", q,
                     chunked ? "Transfer-Encoding: chunked\r\n\r\n65\r\n4" /* 101 */
                             : "Content-Length: 101\r\n\r\n4");
        mem_stream_feed(p->m, text, (size_t)n);
        pass(b, 0);
        memset(text, 'x', sizeof text);
        if (chunked) {
            mem_stream_feed(p->m, text, 50); /* not all of it has come */
            pass(b, 0);
        }
        assert_int_equal(next_answer(p), 413);
        assert_has(p->head, "Connection: close\r\n");
        assert_has(p->head, "Access-Control-Allow-Origin: *\r\n");
        assert_sid_gone(b, q);
        peer_free(p);
    }
    struct client *p = peer_open(b);
    handshake(p, q);
    text[0] = '4';
    text[100] = '\0';
    assert_int_equal(post(p, q, text), 200); /* exactly the limit */
    peer_free(p);
    bench_close(b);
}

/* The head of a POST and the beginning of its body. */
static void begin_post(struct client *p, const char *q, const char *body, size_t len)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
                     q, len, body);

    mem_stream_feed(p->m, text, (size_t)n);
    sl__loop_crank(p->b->loop, 0);
}

static void a_second_push_ends_both(void **state)
{
    struct bench *b = *state;
    struct client *first = peer_open(b), *second = peer_open(b);
    char q[QUERY];

    handshake(first, q);
    begin_post(first, q, "4a", 3);
    assert_int_equal(post(second, q, "4c"), 400);
    mem_stream_feed(first->m, "b", 1);
    pass(b, 0);
    assert_answer(first, 400, UNKNOWN_SID_TEXT);
    assert_string_equal(b->got, "");
    assert_int_equal(b->closes, 1);
    peer_free(first);
    peer_free(second);
}

static void a_push_that_is_left_ends_the_session(void **state)
{
    struct bench *b = *state;

    for (int how = 0; how < 4; how++) {
        struct client *p = peer_open(b), *other = peer_open(b);
        char q[QUERY];

        handshake(p, q);
        begin_post(p, q, "4a", 3);
        if (how == 0) mem_stream_feed_end(p->m);
        if (how == 1 || how == 2) sl__stream_close(&p->m->s, UV_ECONNRESET);
        if (how == 3) p->m->feed_end = true; /* not read yet */
        if (how == 2) pass(b, 0);
        assert_int_equal(get(other, q), 400);
        assert_string_equal(other->body, UNKNOWN_SID_TEXT);
        peer_free(other);
        peer_free(p);
    }
    assert_int_equal(b->closes, 4);
}

static void bodies_come_in_pieces(void **state)
{
    static const char body[] = "4a€😀\x1e"
                               "bAQID\x1e"
                               "4b";
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    handshake(p, q);
    begin_post(p, q, "", sizeof body - 1);
    for (size_t i = 0; i < sizeof body - 1; i++) {
        mem_stream_feed(p->m, body + i, 1);
        pass(b, 0);
    }
    assert_answer(p, 200, "ok");
    assert_string_equal(b->got, "<a€😀><\1\2\3><b>");
    peer_free(p);
}

static void other_methods_are_refused_and_harmless(void **state)
{
    static const char *const methods[] = {"PUT", "DELETE", "PATCH"};
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY];

    handshake(p, q);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        ask(p, methods[i], q, "", NULL, 0);
        assert_answer(p, 400, BAD_REQUEST_TEXT);
    }
    assert_int_equal(post(p, q, "4a"), 200);
    assert_string_equal(b->got, "<a>");
    peer_free(p);
}

static void another_revision_is_not_the_session(void **state)
{
    struct bench *b = *state;
    struct client *p = peer_open(b);
    char q[QUERY], other[QUERY];

    handshake(p, q);
    snprintf(other, sizeof other, "EIO=3%s", q + 5);
    assert_int_equal(get(p, other), 400);
    assert_string_equal(p->body, BAD_REQUEST_TEXT);
    assert_int_equal(get(p, q + 6), 400); /* without EIO */
    assert_string_equal(p->body, BAD_REQUEST_TEXT);
    assert_int_equal(post(p, q, "4a"), 200);
    peer_free(p);
}

/* clang-format off */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        T(refusals_by_number), T(revision_3_can_be_off), T(a_preflight_is_answered),
        T(the_open_packet_by_the_letter), T(session_ids_are_long_and_differ),
        T(revision_3_is_greeted_in_the_same_answer), T(a_poll_takes_all_that_waits),
        T(a_poll_is_held_until_something_comes),
        cmocka_unit_test(what_is_over_the_limit_waits_for_the_next_poll),
        cmocka_unit_test(packets_in_a_poll_can_be_limited), T(a_second_poll_ends_both),
        T(a_poll_that_is_left_ends_the_session), T(a_poll_with_a_request_behind_it), T(a_push_is_handled_in_order),
        T(revision_3_by_every_form), T(base64_is_settled_by_the_handshake),
        T(bodies_that_end_the_session), T(a_close_packet_is_answered),
        cmocka_unit_test(too_much_is_refused_while_it_comes), T(a_second_push_ends_both),
        T(a_push_that_is_left_ends_the_session), T(bodies_come_in_pieces),
        T(other_methods_are_refused_and_harmless), T(another_revision_is_not_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
