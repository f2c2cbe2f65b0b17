/* SPDX-License-Identifier: MIT */
/* Namespaces, events, acks: on a WebSocket, where a packet is a frame. */
#include "client/client_test.h"

static void ask(struct fixture *f, const char *tag, uint32_t timeout_ms, int expected)
{
    sl_sio_packet *p = sl_sio_packet_new("q");

    sl_out_str(sl_sio_args(p), sl_str_of(tag));
    assert_int_equal(sl_client_emit_ack(sl_client_find(f->client, "/"), p, timeout_ms,
                                        note_answer, (void *)(uintptr_t)tag),
                     expected);
    sl_sio_packet_free(p);
}

static void emit(struct fixture *f, const char *nsp, const char *event, int expected)
{
    assert_int_equal(sl_client_emit_json(sl_client_find(f->client, nsp), event, (sl_str){0}),
                     expected);
    crank(f, 0);
}

static void events_both_ways(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);
    sl_client_socket *s = sl_client_find(f->client, "/");
    sl_sio_packet *p = sl_sio_packet_new("up");

    ws_text(f, i, "42[\"hi\",1]");
    heard(f, "/ [\"hi\",1]\n");
    assert_string_equal(ws_said(f, i), "");
    ws_text(f, i, "4212[\"hi\"]");
    heard(f, "/ [\"hi\"]\n");
    assert_string_equal(ws_said(f, i), "4312[\"ok\"]\n");
    ws_text(f, i,
            "452-[\"b\",{\"_placeholder\":true,\"num\":1},"
            "{\"x\":{\"_placeholder\":true,\"num\":0}}]");
    ws_say(f, i, WS_BINARY, SL_STR("one"));
    heard(f, "");
    ws_say(f, i, WS_BINARY, SL_STR(""));
    heard(f, "/ [\"b\",{\"_placeholder\":true,\"num\":1},{\"x\":{\"_placeholder\":true,"
             "\"num\":0}}] <one> <>\n");
    sl_out_i64(sl_sio_args(p), 7);
    sl_sio_put_binary(p, NULL, SL_STR("two"));
    assert_int_equal(sl_client_emit(s, p), 0);
    assert_int_equal(sl_client_emit(s, p), 0);
    crank(f, 0);
    assert_string_equal(ws_said(f, i),
                        "451-[\"up\",7,{\"_placeholder\":true,\"num\":0}]\n<two>\n"
                        "451-[\"up\",7,{\"_placeholder\":true,\"num\":0}]\n<two>\n");
    sl_sio_packet_free(p);
    assert_null(sl_client_find(f->client, "/nope"));
    ws_text(f, i, "42/nope,[\"for nobody\"]");
    heard(f, "");
}

static void what_sticks_in_a_packet_comes_back(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);
    sl_client_socket *s = sl_client_find(f->client, "/");
    sl_sio_packet *p = sl_sio_packet_new("open");

    sl_out_array(sl_sio_args(p));
    assert_int_equal(sl_client_emit_ack(s, p, 0, note_answer, NULL), SL_E_INVAL);
    assert_int_equal(sl_client_emit_volatile(s, p), SL_E_INVAL);
    sl_sio_packet_free(p);
    p = sl_sio_packet_new(NULL);
    assert_int_equal(sl_client_emit(s, p), SL_E_INVAL);
    sl_sio_packet_free(p);
    crank(f, 0);
    assert_string_equal(ws_said(f, i), "");
}

static void acks_by_id_and_by_time(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);
    sl_client_stats stats;

    ask(f, "a", 0, 0), ask(f, "b", 100, 0), ask(f, "c", 0, 0);
    crank(f, 0);
    assert_string_equal(ws_said(f, i),
                        "420[\"q\",\"a\"]\n421[\"q\",\"b\"]\n422[\"q\",\"c\"]\n");
    ws_text(f, i, "432[3]");
    ws_text(f, i, "430[]");
    ws_text(f, i, "430[\"twice\"]");
    ws_text(f, i, "4399[\"never asked\"]");
    heard(f, "answer c 0 [3]\nanswer a 0 []\n");
    crank(f, 99);
    heard(f, "");
    crank(f, 1);
    heard(f, "answer b -10006 -\n");
    ws_text(f, i, "431[\"late\"]");
    heard(f, "");
    ask(f, "d", 0, 0);
    crank(f, 0);
    hang_up(f, i);
    heard(f, "answer d -10005 -\n/ left: transport close\n"
             "trouble transport close, 0 tries, 1000: the server hung up\n");
    sl_client_get_stats(f->client, &stats);
    assert_int_equal(stats.acks, 0);
    assert_int_equal(stats.events_out, 4);
}

/* What has left is not sent again; what has not, waits, in its place. */
static void it_comes_back_and_what_waited_leaves(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);

    emit(f, "/", "left", 0);
    hang_up(f, i);
    heard(f, "/ left: transport close\ntrouble transport close, 0 tries, 1000: the server hung "
             "up\n");
    emit(f, "/", "one", 0);
    ask(f, "two", 0, 0);
    ask(f, "too late", 500, 0);
    emit(f, "/", "three", 0);
    crank(f, 998);
    heard(f, "answer too late -10006 -\n");
    assert_false(has_call(f));
    crank(f, 2);
    f->emits_on_connect = true;
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    ws_text(f, i, "40{\"sid\":\"T\"}");
    heard(f, "/ joined T\n");
    assert_string_equal(ws_said(f, i),
                        "40\n42[\"first\"]\n42[\"one\"]\n420[\"q\",\"two\"]\n42[\"three\"]\n");
}

static void the_delays_between_tries(void **state)
{
    static const uint32_t delays[] = {1000, 2000, 4000, 5000, 5000};
    struct fixture *f = *state;
    sl_client_options o = {0};

    assert_int_equal(open_with(f, &o), 0);
    for (size_t i = 0; i < 5; i++) {
        char text[128];

        refuse_call(f, UV_ECONNREFUSED);
        snprintf(text, sizeof text,
                 "trouble connect error, %zu tries, %u: nobody listens at hub:5000: does the "
                 "server run?\n",
                 i + 1, delays[i]);
        heard(f, text);
        crank(f, delays[i] - 1);
        assert_false(has_call(f));
        crank(f, 1);
        assert_true(has_call(f));
    }
}

static void it_gives_up_and_is_asked_again(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.tries_max = 2, .delay_min_ms = 10, .delay_max_ms = 10};

    assert_int_equal(open_with(f, &o), 0);
    refuse_call(f, SL_E_NOT_FOUND);
    crank(f, 10);
    refuse_call(f, SL_E_TIMEOUT);
    heard(f, "trouble connect error, 1 tries, 10: the name hub means nothing here: is it "
             "written right?\ntrouble connect error, 2 tries, gives up 0: nobody answers at "
             "hub:5000\n");
    crank(f, 100000);
    assert_false(has_call(f));
    assert_int_equal(sl_client_join(sl_client_find(f->client, "/")), 0);
    crank(f, 1);
    assert_true(has_call(f));
}

static void namespaces_and_auth(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {
        .namespaces = two_names, .namespace_count = 2, .transports = SL_CLIENT_WEBSOCKET};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    assert_string_equal(ws_said(f, i), "40{\"token\":\"a b\",\"n\":1}\n40/chat,\n");
    ws_text(f, i, "44/chat,{\"message\":\"no \\u00fc\",\"data\":{\"code\":401}}");
    heard(f, "/chat refused no \u00fc {\"code\":401}\n");
    emit(f, "/", "before", 0);
    emit(f, "/chat", "waits", 0);
    assert_string_equal(ws_said(f, i), "");
    ws_text(f, i, "40{\"sid\":\"S\"}");
    heard(f, "/ joined S\n");
    assert_string_equal(ws_said(f, i), "42[\"before\"]\n");
    assert_int_equal(sl_client_join(sl_client_find(f->client, "/chat")), 0);
    crank(f, 0);
    assert_string_equal(ws_said(f, i), "40/chat,\n");
    ws_text(f, i, "40/chat,{\"sid\":\"C\"}");
    heard(f, "/chat joined C\n");
    assert_string_equal(ws_said(f, i), "42/chat,[\"waits\"]\n");
    ws_text(f, i, "42/chat,[\"x\"]");
    ws_text(f, i, "41/chat,");
    heard(f, "/chat [\"x\"]\n/chat left: io server disconnect\n");
    ws_text(f, i, "42[\"still\"]");
    heard(f, "/ [\"still\"]\n");
    ws_text(f, i, "41"); /* the last one: nobody is wanted any more */
    heard(f, "/ left: io server disconnect\n");
    assert_string_equal(ws_said(f, i), "close 1000\n");
    crank(f, 100000);
    assert_false(has_call(f));
    assert_int_equal(sl_client_join(sl_client_find(f->client, "/")), 0);
    crank(f, 1);
    assert_true(has_call(f));
}

static void leaving_and_joining_again(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);
    sl_client_socket *s = sl_client_find(f->client, "/");

    emit(f, "/", "a", 0);
    ask(f, "b", 0, 0);
    sl_client_leave(s);
    sl_client_leave(s);
    assert_int_equal(sl_client_join(s), 0);
    emit(f, "/", "c", 0);
    heard(f, "answer b -10005 -\n/ left: io client disconnect\n");
    assert_string_equal(ws_said(f, i), "42[\"a\"]\n420[\"q\",\"b\"]\n41\n40\n");
    ws_text(f, i, "430[\"of before\"]");
    ws_text(f, i, "40{\"sid\":\"T\"}");
    heard(f, "/ joined T\n");
    assert_string_equal(ws_said(f, i), "42[\"c\"]\n");
}

/* Contract of connection state recovery. */
static void recovery(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {
        .namespaces = two_names, .namespace_count = 1, .transports = SL_CLIENT_WEBSOCKET};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    ws_text(f, i, "40{\"sid\":\"S\",\"pid\":\"P\"}");
    ws_text(f, i, "42[\"x\",1,\"off\\u002d1\"]");
    ws_text(f, i, "42[\"y\",2]");
    hang_up(f, i);
    crank(f, 1000);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    assert_string_equal(
        ws_said(f, i),
        "40{\"pid\":\"P\",\"offset\":\"off\\u002d1\",\"token\":\"a b\",\"n\":1}\n");
    f->log[0] = '\0';
    ws_text(f, i, "40{\"sid\":\"S\",\"pid\":\"P\"}");
    heard(f, "/ joined S again\n");
    ws_text(f, i, "41"); /* not after this */
    assert_int_equal(sl_client_join(sl_client_find(f->client, "/")), 0);
    crank(f, 1);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    assert_string_equal(ws_said(f, i), "40{\"token\":\"a b\",\"n\":1}\n");
}

/* Python servers emit in their connect handler, before they have answered. */
static void events_before_the_answer(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_WEBSOCKET};
    sl_client_stats stats;
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    ws_text(f, i, "42[\"early\"]");
    ws_text(f, i, "451-[\"bin\",{\"_placeholder\":true,\"num\":0}]");
    ws_say(f, i, WS_BINARY, SL_STR("xyz"));
    for (int k = 2; k < SL_CLIENT_EARLY_MAX + 3; k++)
        ws_text(f, i, "42[\"z\"]");
    heard(f, "");
    ws_text(f, i, "40{\"sid\":\"S\"}");
    f->log[strlen("/ joined S\n/ [\"early\"]\n/ [\"bin\",{\"_placeholder\":true,\"num\":0}] "
                  "<xyz>\n")] = '\0';
    heard(f, "/ joined S\n/ [\"early\"]\n/ [\"bin\",{\"_placeholder\":true,\"num\":0}] "
             "<xyz>\n");
    sl_client_get_stats(f->client, &stats);
    assert_int_equal(stats.events_in, SL_CLIENT_EARLY_MAX);
    assert_int_equal(stats.dropped_early, 3);
}

static void volatile_ones(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);
    sl_client_socket *s = sl_client_find(f->client, "/");
    sl_sio_packet *p = sl_sio_packet_new("v");

    f->call[i].m->window = 0;
    assert_int_equal(sl_client_emit_volatile(s, p), 0);
    crank(f, 0);
    assert_int_equal(sl_client_emit_volatile(s, p), 0); /* the first has not left */
    mem_stream_open_window(f->call[i].m, 1 << 20);
    crank(f, 0);
    assert_string_equal(ws_said(f, i), "42[\"v\"]\n");
    hang_up(f, i);
    assert_int_equal(sl_client_emit_volatile(s, p), 0);
    assert_int_equal(f->client->stats.waiting, 0);
    sl_sio_packet_free(p);
}

static void bad_packets_end_the_connection(void **state)
{
    static const char *const rows[] = {
        "4",        "47[\"x\"]",   "42{}",         "42[\"connect\"]",
        "42[\"x\"", "450-[\"x\"]", "4511-[\"x\"]", "40[]",
        "40{}",     "43[1]",       "4512-[\"x\"]", "441",
    };
    struct fixture *f = *state;

    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sl_client_options o = {.transports = SL_CLIENT_WEBSOCKET};
        uint32_t i;

        assert_int_equal(open_with(f, &o), 0);
        i = accept_call(f);
        ws_accept_call(f, i);
        ws_text(f, i, OPEN_PACKET);
        ws_text(f, i, rows[k]);
        if (strncmp(f->log, "trouble parse error, 0 tries, 1000: ", 36) != 0)
            fail_msg("\"%s\": %s", rows[k], f->log);
        assert_int_equal(f->client->stats.parse_errors, 1);
        sl_client_close(f->client, 0);
        crank(f, 1);
        assert_null(f->client);
        f->gone = false;
        f->log[0] = '\0';
    }
}

static void text_among_attachments(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);

    ws_text(f, i, "451-[\"x\",{\"_placeholder\":true,\"num\":0}]");
    ws_text(f, i, "42[\"y\"]");
    heard(f, "/ left: parse error\ntrouble parse error, 0 tries, 1000: a text where an "
             "attachment is due\n");
}

/* ---- the buffer ---- */

static void the_bound_refuses(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.buffer_count = 3};
    sl_client_stats stats;

    assert_int_equal(open_with(f, &o), 0);
    emit(f, "/", "1", 0), emit(f, "/", "2", 0), emit(f, "/", "3", 0);
    emit(f, "/", "4", SL_E_FULL);
    ask(f, "5", 0, SL_E_FULL);
    sl_client_get_stats(f->client, &stats);
    assert_int_equal(stats.waiting, 3);
    assert_int_equal(stats.waiting_bytes, 3 * 128);
    assert_int_equal(stats.refused_full, 2);
    assert_int_equal(stats.acks, 0);
}

static void the_bound_in_bytes(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.buffer_bytes = 256};
    char large[400];

    memset(large, '1', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_int_equal(open_with(f, &o), 0);
    emit(f, "/", large, 0); /* an empty one takes any */
    emit(f, "/", "x", SL_E_FULL);
    client_drop_waiting(sl_client_find(f->client, "/"));
    emit(f, "/", "1", 0), emit(f, "/", "2", 0);
    emit(f, "/", "3", SL_E_FULL);
}

static void the_bound_drops_the_oldest(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {
        .buffer_count = 2, .policy = SL_CLIENT_DROP_OLDEST, .transports = SL_CLIENT_WEBSOCKET};
    sl_client_stats stats;
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    ask(f, "1", 0, 0), ask(f, "2", 0, 0);
    crank(f, 0);
    heard(f, "");
    ask(f, "3", 0, 0);
    emit(f, "/", "4", 0);
    heard(f, "answer 1 -10004 -\nanswer 2 -10004 -\n");
    sl_client_get_stats(f->client, &stats);
    assert_int_equal(stats.dropped_full, 2);
    assert_int_equal(stats.waiting, 2);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    ws_text(f, i, "40{\"sid\":\"S\"}");
    assert_string_equal(ws_said(f, i), "40\n422[\"q\",\"3\"]\n42[\"4\"]\n");
}

/* Who does not read holds back what waits, and it is not with the connection yet. */
static void a_slow_server_holds_it_back(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.buffer_count = 100000, .buffer_bytes = 1 << 24};
    uint32_t i = join_by_websocket(f, &o);
    char large[2000];
    size_t waiting;

    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    f->call[i].m->window = 0;
    for (int k = 0; k < 200; k++)
        emit(f, "/", large, 0);
    waiting = f->client->stats.waiting;
    assert_in_range(waiting, 150, 170); /* 64 KiB have been taken */
    mem_stream_open_window(f->call[i].m, 1 << 30);
    crank(f, 0);
    assert_int_equal(f->client->stats.waiting, 0);
}

static void larger_than_the_server_takes(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);
    sl_client_socket *s = sl_client_find(f->client, "/");

    for (size_t n = 99990; n <= 100000; n += 10) { /* maxPayload 100000 */
        char *bytes = calloc(n, 1);
        sl_sio_packet *p = sl_sio_packet_new("b");

        sl_sio_put_binary(p, NULL, (sl_str){bytes, n});
        assert_int_equal(sl_client_emit_ack(s, p, 0, note_answer, (void *)"b"), 0);
        crank(f, 0);
        sl_sio_packet_free(p);
        free(bytes);
    }
    heard(f, "answer b -10003 -\n");
    assert_int_equal(f->client->stats.dropped_large, 1);
    (void)said(f, i);
    emit(f, "/", "x", 0);
    assert_string_equal(ws_said(f, i), "42[\"x\"]\n");
}

/* ---- the end ---- */

static void close_waits_for_what_is_due(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);
    sl_client_socket *s = sl_client_find(f->client, "/");

    ask(f, "a", 0, 0);
    sl_client_close(f->client, 5000);
    emit(f, "/", "no", SL_E_CLOSED);
    ask(f, "no", 0, SL_E_CLOSED);
    assert_int_equal(sl_client_join(s), SL_E_CLOSED);
    crank(f, 400);
    heard(f, "");
    ws_text(f, i, "421[\"ask me\"]"); /* and it still answers */
    assert_string_equal(ws_said(f, i), "420[\"q\",\"a\"]\n431[\"ok\"]\n");
    ws_text(f, i, "430[1]");
    heard(f, "/ [\"ask me\"]\nanswer a 0 [1]\n/ left: io client disconnect\ngone\n");
    assert_string_equal(ws_said(f, i), "41\nclose 1000\n");
}

static void close_waits_so_long(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);

    ask(f, "a", 0, 0);
    sl_client_close(f->client, 1000);
    crank(f, 999);
    heard(f, "");
    crank(f, 1);
    heard(f, "answer a -10005 -\n/ left: io client disconnect\ngone\n");
    assert_string_equal(ws_said(f, i), "420[\"q\",\"a\"]\n41\nclose 1000\n");
}

static void close_comes_back_for_what_waits(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);

    hang_up(f, i);
    emit(f, "/", "kept", 0);
    sl_client_close(f->client, 5000);
    crank(f, 1000);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    f->log[0] = '\0';
    ws_text(f, i, "40{\"sid\":\"S\"}");
    crank(f, 1);
    heard(f, "/ joined S\n/ left: io client disconnect\ngone\n");
    assert_string_equal(ws_said(f, i), "40\n42[\"kept\"]\n41\nclose 1000\n");
}

static void close_at_any_moment(void **state)
{
    struct fixture *f = *state;

    for (int moment = 0; moment < 5; moment++) {
        sl_client_options o = {.transports = SL_CLIENT_WEBSOCKET};
        uint32_t i = 0;

        assert_int_equal(open_with(f, &o), 0);
        ask(f, "a", 0, 0);
        if (moment == 1) refuse_call(f, SL_E_TIMEOUT);
        if (moment > 1) i = accept_call(f);
        if (moment > 2) ws_accept_call(f, i);
        if (moment > 3) ws_text(f, i, OPEN_PACKET);
        sl_client_close(f->client, 0);
        sl_client_close(f->client, 100);
        crank(f, 0);
        assert_null(f->client);
        assert_non_null(strstr(f->log, "answer a -10005 -\n"));
        assert_non_null(strstr(f->log, "gone\n"));
        f->gone = false;
        f->log[0] = '\0';
    }
}

/* ---- what is asked for wrongly, or without memory ---- */

static void options_that_are_none(void **state)
{
    // clang-format off
    static const sl_client_namespace twice[] = {{.name = "/"}, {.name = "/"}};
    static const sl_client_namespace bare[] = {{.name = "chat"}};
    static const sl_client_options rows[] = {
        {.url = "ftp://x", .namespaces = just_root, .namespace_count = 1},
        {.url = "wss://x", .namespaces = just_root, .namespace_count = 1},
        {.namespaces = just_root, .namespace_count = 1},
        {.url = "x", .namespaces = just_root},
        {.url = "x", .namespaces = twice, .namespace_count = 2},
        {.url = "x", .namespaces = bare, .namespace_count = 1},
        {.url = "x", .namespaces = just_root, .namespace_count = 1, .eio = 5},
        {.url = "x", .namespaces = just_root, .namespace_count = 1, .jitter_percent = 101},
    };
    // clang-format on
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_client *c;
        sl_error err;

        assert_int_equal(sl_client_open(f->loop, &rows[i], &c, &err), SL_E_INVAL);
        assert_null(c);
        assert_true(err.text[0] != '\0');
    }
}

/* A whole conversation in which the n-th allocation fails: nothing leaks, nothing hangs. */
static bool converse(struct fixture *f, long n)
{
    sl_client_options o = {.transports = SL_CLIENT_WEBSOCKET};
    sl_sio_packet *p = NULL;
    bool finished = false;
    uint32_t i;

    f->n = f->answered = 0;
    sl__alloc_fail_after(n);
    if (open_with(f, &o) < 0) goto done;
    if (!has_call(f)) goto close;
    i = accept_call(f);
    if (f->call[i].m == NULL || f->call[i].m->gone) goto close;
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    ws_text(f, i, "40{\"sid\":\"S\"}");
    ws_text(f, i, "451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
    ws_say(f, i, WS_BINARY, SL_STR("x"));
    p = sl_sio_packet_new("q");
    if (p == NULL) goto close;
    sl_sio_put_binary(p, NULL, SL_STR("y"));
    (void)!sl_client_emit_ack(sl_client_find(f->client, "/"), p, 0, note_answer, (void *)"m");
    crank(f, 0);
    ws_text(f, i, "430[]");
    finished = strstr(f->log, "answer m 0 []") != NULL;
close:
    sl_sio_packet_free(p);
    sl_client_close(f->client, 0);
    for (int k = 0; k < 100 && f->client != NULL; k++)
        crank(f, 1000);
    assert_null(f->client);
done:
    sl__alloc_fail_after(-1);
    crank(f, 10000);
    for (uint32_t k = 0; k < f->n; k++) {
        mem_stream_free(f->call[k].m);
        f->call[k].m = NULL;
    }
    f->gone = false;
    f->log[0] = '\0';
    return finished;
}

static void every_allocation_fails_once(void **state)
{
    struct fixture *f = *state;
    long n = 0;

    while (!converse(f, n))
        assert_true(++n < 1000);
    assert_true(n > 20);
}

static void the_loops_stop_ends_it(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);

    sl_loop_stop(f->loop, 1000);
    f->loop->cranked = true;
    uv_run(f->loop->uv, UV_RUN_NOWAIT);
    crank(f, 1);
    heard(f, "/ left: io client disconnect\ngone\n");
    assert_string_equal(ws_said(f, i), "41\nclose 1000\n");
    assert_int_equal(sl_client_open(f->loop, &o, &f->client, NULL), SL_E_STOPPING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(events_both_ways),
        CASE(what_sticks_in_a_packet_comes_back),
        CASE(acks_by_id_and_by_time),
        CASE(it_comes_back_and_what_waited_leaves),
        CASE(the_delays_between_tries),
        CASE(it_gives_up_and_is_asked_again),
        CASE(namespaces_and_auth),
        CASE(leaving_and_joining_again),
        CASE(recovery),
        CASE(events_before_the_answer),
        CASE(volatile_ones),
        CASE(bad_packets_end_the_connection),
        CASE(text_among_attachments),
        CASE(the_bound_refuses),
        CASE(the_bound_in_bytes),
        CASE(the_bound_drops_the_oldest),
        CASE(a_slow_server_holds_it_back),
        CASE(larger_than_the_server_takes),
        CASE(close_waits_for_what_is_due),
        CASE(close_waits_so_long),
        CASE(close_comes_back_for_what_waits),
        CASE(close_at_any_moment),
        CASE(options_that_are_none),
        CASE(every_allocation_fails_once),
        CASE(the_loops_stop_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
