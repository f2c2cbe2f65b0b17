/* SPDX-License-Identifier: MIT */
/* Engine.IO below the client: polling, the upgrade, heartbeats, servers that are wrong. */
#include "client/client_test.h"
#include "client/eio_client_inside.h"

#define GET_FIRST "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: hub:5000\r\n"
#define GET_NEXT  "GET /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\n"
#define POST      "POST /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\n"
#define RS        "\x1e"

static void emit(struct fixture *f, const char *event)
{
    assert_int_equal(sl_client_emit_json(sl_client_find(f->client, "/"), event, (sl_str){0}),
                     0);
    crank(f, 0);
}

/* A polling client that has joined "/": `get` is held, `post` is idle. */
static void join_by_polling(struct fixture *f, sl_client_options *o, const char *open_packet,
                            uint32_t *get, uint32_t *post)
{
    assert_int_equal(open_with(f, o), 0);
    *get = accept_call(f);
    assert_asks(f, *get, GET_FIRST);
    reply(f, *get, open_packet);
    assert_asks(f, *get, GET_NEXT);
    *post = f->n - 1; /* behind the probe's, if there is one */
    accept_this(f, *post);
    assert_string_equal(posted(f, *post), "40");
    reply(f, *post, "ok");
    reply(f, *get, "40{\"sid\":\"S\"}" RS "42[\"hi\"]");
    heard(f, "/ joined S\n/ [\"hi\"]\n");
    assert_asks(f, *get, GET_NEXT);
}

static void polling_by_one_get_and_posts(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_POLLING, .headers = "X-Key: 1\r\n"};
    sl_sio_packet *p = sl_sio_packet_new("bin");
    uint32_t get, post;

    join_by_polling(f, &o, OPEN_PACKET, &get, &post);
    emit(f, "a"), emit(f, "b");
    assert_asks(f, post, POST);
    emit(f, "c"); /* waits for the POST that is under way */
    assert_int_equal(said(f, post).len, 0);
    sl_sio_put_binary(p, NULL, SL_STR("\x01\x02\x03"));
    assert_int_equal(sl_client_emit(sl_client_find(f->client, "/"), p), 0);
    sl_sio_packet_free(p);
    crank(f, 0);
    reply(f, post, "ok");
    assert_string_equal(posted(f, post),
                        "42[\"b\"]" RS "42[\"c\"]" RS
                        "451-[\"bin\",{\"_placeholder\":true,\"num\":0}]" RS "bAQID");
    reply(f, post, "ok");
    reply(f, get, "451-[\"x\",{\"_placeholder\":true,\"num\":0}]" RS "bAQID");
    heard(f, "/ [\"x\",{\"_placeholder\":true,\"num\":0}] <\x01\x02\x03>\n");
    assert_non_null(memmem(f->call[get].m->sent, f->call[get].m->sent_len, "X-Key: 1\r\n", 10));
    assert_false(has_call(f)); /* two connections, kept */
}

/* Each POST is at most maxPayload; what does not fit alone is refused. */
static void bodies_have_a_limit(void **state)
{
    static const char open_packet[] = "0{\"sid\":\"abc\",\"upgrades\":[],\"pingInterval\":1000,"
                                      "\"pingTimeout\":500,\"maxPayload\":100}";
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_POLLING};
    uint32_t get, post;
    char large[120];

    join_by_polling(f, &o, open_packet, &get, &post);
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    emit(f, large);
    assert_int_equal(f->client->stats.dropped_large, 1);
    large[60] = '\0';
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            sl_client_emit_json(sl_client_find(f->client, "/"), large, (sl_str){0}), 0);
    crank(f, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(strlen(posted(f, post)) <= 100);
        reply(f, post, "ok");
    }
    assert_int_equal(said(f, post).len, 0);
}

/* Python servers take 16 packets in a POST, and close on the 17th. */
static void bodies_have_few_packets(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_POLLING};
    uint32_t get, post, packets = 0;

    join_by_polling(f, &o, OPEN_PACKET, &get, &post);
    for (int i = 0; i < 40; i++)
        assert_int_equal(sl_client_emit_json(sl_client_find(f->client, "/"), "x", (sl_str){0}),
                         0);
    crank(f, 0);
    reply(f, get, "2");
    for (int posts = 0; packets < 41; posts++) {
        uint32_t n = 1;

        assert_in_range(posts, 0, 3);
        for (const char *at = posted(f, post); (at = strstr(at, RS)) != NULL; at++)
            n++;
        assert_in_range(n, 1, 16);
        packets += n;
        reply(f, post, "ok");
    }
    assert_int_equal(packets, 41); /* a pong among them */
}

static void the_upgrade(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t get, post, ws;

    join_by_polling(f, &o, OPEN_UPGRADABLE, &get, &post);
    ws = accept_call(f);
    assert_asks(f, ws, "GET /socket.io/?EIO=4&transport=websocket&sid=abc HTTP/1.1\r\n");
    f->call[ws].seen = 0;
    ws_accept_call(f, ws);
    assert_string_equal(ws_said(f, ws), "2probe\n");
    emit(f, "a"); /* by POST, for now */
    ws_text(f, ws, "3probe");
    assert_string_equal(posted(f, post), "42[\"a\"]");
    emit(f, "b"); /* held back */
    reply(f, post, "ok");
    assert_string_equal(ws_said(f, ws), "");
    reply(f, get, "42[\"last\"]" RS "6");
    heard(f, "/ [\"last\"]\n");
    assert_int_equal(said(f, get).len, 0); /* no further poll */
    assert_string_equal(ws_said(f, ws), "5\n42[\"b\"]\n");
    assert_true(sl_client_is_websocket(f->client));
    ws_text(f, ws, "42[\"x\"]");
    heard(f, "/ [\"x\"]\n");
}

/* Whatever is wrong with it, the polling goes on. */
static void an_upgrade_that_fails(void **state)
{
    struct fixture *f = *state;

    for (int way = 0; way < 6; way++) {
        sl_client_options o = {.upgrade_timeout_ms = 400};
        uint32_t get, post, ws = 0;

        f->n = f->answered = 0;
        join_by_polling(f, &o, OPEN_UPGRADABLE, &get, &post);
        if (way == 0) {
            refuse_call(f, UV_ECONNREFUSED);
        } else {
            ws = accept_call(f);
        }
        if (way == 1) hang_up(f, ws);
        if (way > 1) ws_accept_call(f, ws);
        if (way == 2) ws_text(f, ws, "2probe");
        if (way == 3) ws_say(f, ws, 3, SL_STR("")); /* an opcode that is none */
        if (way == 4) crank(f, 400);
        if (way == 5) {
            ws_text(f, ws, "3probe");
            hang_up(f, ws);
        }
        emit(f, "still");
        assert_string_equal(posted(f, post), "42[\"still\"]");
        reply(f, get, "42[\"here\"]");
        heard(f, "/ [\"here\"]\n");
        assert_asks(f, get, GET_NEXT);
        sl_client_close(f->client, 0);
        crank(f, 5000);
        crank(f, 5000);
        assert_null(f->client);
        for (uint32_t i = 0; i < f->n; i++) {
            mem_stream_free(f->call[i].m);
            f->call[i].m = NULL;
        }
        f->gone = false;
        f->log[0] = '\0';
    }
}

static void heartbeats_of_revision_4(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t i = join_by_websocket(f, &o);

    for (int k = 0; k < 3; k++) {
        crank(f, 1400);
        ws_text(f, i, "2");
        assert_string_equal(ws_said(f, i), "3\n");
    }
    crank(f, 1499);
    heard(f, "");
    crank(f, 1), crank(f, 1); /* a last look, and it is over */
    heard(f, "/ left: ping timeout\n"
             "trouble ping timeout, 0 tries, 1000: nothing came from the server\n");
}

static void heartbeats_by_polling(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_POLLING};
    uint32_t get, post;

    join_by_polling(f, &o, OPEN_PACKET, &get, &post);
    reply(f, get, "2");
    assert_string_equal(posted(f, post), "3");
    emit(f, "a");
    reply(f, post, "ok");
    assert_string_equal(posted(f, post), "42[\"a\"]");
    crank(f, 1501), crank(f, 1);
    heard(f, "/ left: ping timeout\n"
             "trouble ping timeout, 0 tries, 1000: nothing came from the server\n");
}

static void heartbeats_of_revision_3(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_WEBSOCKET, .eio = 3};
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = accept_call(f);
    assert_asks(f, i, "GET /socket.io/?EIO=3&transport=websocket HTTP/1.1\r\n");
    f->call[i].seen = 0;
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    assert_string_equal(ws_said(f, i), ""); /* "/" is joined unasked */
    ws_text(f, i, "40");
    heard(f, "/ joined \n");
    crank(f, 1000);
    assert_string_equal(ws_said(f, i), "2\n");
    ws_text(f, i, "3");
    crank(f, 999);
    assert_string_equal(ws_said(f, i), "");
    crank(f, 1);
    assert_string_equal(ws_said(f, i), "2\n");
    ws_text(f, i, "42[\"x\"]"); /* as good as a pong */
    crank(f, 500);
    assert_string_equal(ws_said(f, i), "");
    heard(f, "/ [\"x\"]\n");
    crank(f, 500), crank(f, 500);
    crank(f, 1);
    heard(f, "/ left: ping timeout\n"
             "trouble ping timeout, 0 tries, 1000: the server does not answer pings\n");
}

static void revision_3_by_polling(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.namespaces = two_names,
                           .namespace_count = 2,
                           .transports = SL_CLIENT_POLLING,
                           .eio = 3,
                           .url = "http://hub/x/?y=1"};
    uint32_t get, post;
    char text[256];

    assert_int_equal(open_with(f, &o), 0);
    get = accept_call(f);
    assert_asks(
        f, get,
        "GET /x/?EIO=3&transport=polling&y=1&token=a%20b&n=1 HTTP/1.1\r\nHost: hub\r\n");
    snprintf(text, sizeof text, "%zu:%s2:40", strlen(OPEN_PACKET), OPEN_PACKET);
    reply(f, get, text);
    heard(f, "/ joined \n");
    post = accept_call(f);
    assert_string_equal(posted(f, post), "8:40/chat,");
    reply(f, post, "ok");
    assert_int_equal(
        sl_client_emit_json(sl_client_find(f->client, "/"), "\u20ac\U0001F600", (sl_str){0}),
        0);
    crank(f, 0);
    assert_string_equal(posted(f, post), "9:42[\"\u20ac\U0001F600\"]"); /* UTF-16 units */
    reply(f, post, "ok");
    reply(f, get, "8:40/chat,11:42/chat,[1]");
    heard(f, "/chat joined \n/chat [1]\n");
    sl_client_leave(sl_client_find(f->client, "/chat"));
    assert_int_equal(sl_client_join(sl_client_find(f->client, "/chat")), 0);
    crank(f, 0);
    f->log[0] = '\0';
    reply(f, get, "20:44/chat,{\"code\":401}");
    heard(f, "/chat refused  {\"code\":401}\n");
}

/* ---- servers that are wrong ---- */

#define HTTP(status, body_len, body) \
    "HTTP/1.1 " status "\r\nContent-Length: " body_len "\r\n\r\n" body

static void what_answers_the_first_poll(void **state)
{
    // clang-format off
    static const struct {
        const char *answer, *said;
    } rows[] = {
        {HTTP("400 Bad Request", "52", "{\"code\":5,\"message\":\"Unsupported protocol version\"}  "), "refuses: Unsupported protocol version (400)"},
        {HTTP("400 Bad Request", "41", "{\"code\":0,\"message\":\"Transport unknown\"}  "), "refuses: Transport unknown (400)"},
        {HTTP("403 Forbidden", "2", "no"), "answered 403 Forbidden"},
        {HTTP("404 Not Found", "0", ""), "nothing is at /socket.io/ (404)"},
        {HTTP("301 Moved", "0", ""), "answered 301"},
        {HTTP("200 OK", "0", ""), "no Engine.IO"},
        {HTTP("200 OK", "6", "<html>"), "no Engine.IO"},
        {HTTP("200 OK", "2", "0{"), "open packet"},
        {HTTP("200 OK", "3", "0{}"), "open packet"},
        {HTTP("200 OK", "50", "0{\"sid\":\"\",\"pingInterval\":1,\"pingTimeout\":1}       "), "open packet"},
        {HTTP("200 OK", "50", "0{\"sid\":\"a\",\"pingInterval\":0,\"pingTimeout\":1}      "), "open packet"},
        {HTTP("200 OK", "50", "0{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":1e9}    "), "open packet"},
        {HTTP("200 OK", "50", "0{\"sid\":\"a\",\"pingInterval\":1}                        "), "open packet"},
        {HTTP("200 OK", "1", "6"), "does not begin with an open packet"},
        {HTTP("200 OK", "4", "9foo"), "no Engine.IO"},
        {HTTP("200 OK", "12", "9:0{\"sid\":1}2"), "Engine.IO 3"},
        {HTTP("200 OK", "99999999999", ""), "larger than the limit"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", "larger than the limit"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"},
        {"\0\0\0", "does not speak HTTP"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "hung up"},
        {"", "hung up"},
    };
    // clang-format on
    struct fixture *f = *state;

    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sl_client_options o = {.no_reconnect = true};
        uint32_t i;
        size_t len = rows[k].answer[0] != '\0' ? strlen(rows[k].answer) : k == 19 ? 3 : 0;

        assert_int_equal(open_with(f, &o), 0);
        i = accept_call(f);
        feed(f, i, rows[k].answer, len);
        hang_up(f, i);
        if (strstr(f->log, "trouble connect error, 1 tries, gives up 0: ") != f->log
            || strstr(f->log, rows[k].said) == NULL)
            fail_msg("%s\nsaid: %s", rows[k].answer, f->log);
        sl_client_close(f->client, 0);
        crank(f, 1);
        assert_null(f->client);
        f->gone = false;
        f->log[0] = '\0';
    }
}

static void what_answers_the_websocket(void **state)
{
    // clang-format off
    static const struct {
        const char *answer, *said;
    } rows[] = {
        {HTTP("400 Bad Request", "41", "{\"code\":1,\"message\":\"Session ID unknown\"} "), "refuses: Session ID unknown (400)"},
        {HTTP("200 OK", "0", ""), "answered 200"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", "Accept"},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "upgrades to something else"},
        {"garbage\r\n\r\n", "no HTTP"},
        {"", "hung up"},
    };
    // clang-format on
    struct fixture *f = *state;

    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sl_client_options o = {.no_reconnect = true, .transports = SL_CLIENT_WEBSOCKET};
        uint32_t i;

        assert_int_equal(open_with(f, &o), 0);
        i = accept_call(f);
        feed(f, i, rows[k].answer, strlen(rows[k].answer));
        hang_up(f, i);
        if (strstr(f->log, "trouble connect error, 1 tries, gives up 0: ") != f->log
            || strstr(f->log, rows[k].said) == NULL)
            fail_msg("%s\nsaid: %s", rows[k].answer, f->log);
        sl_client_close(f->client, 0);
        crank(f, 1);
        f->gone = false;
        f->log[0] = '\0';
    }
}

static void frames_that_are_wrong(void **state)
{
    // clang-format off
    static const struct {
        const char *bytes;
        size_t n;
        const char *reason, *close;
    } rows[] = {
        {"\x81\x81mask!", 7,                            "transport error", "close 1002\n"}, /* §5.1 */
        {"\xc1\x01" "4", 3,                             "transport error", "close 1002\n"},
        {"\x83\x00", 2,                                 "transport error", "close 1002\n"},
        {"\x81\x7f\0\0\0\0\x10\0\0\0", 10,              "transport error", "close 1009\n"},
        {"\x81\x02" "4\xff", 4,                         "transport error", "close 1007\n"},
        {"\x88\x02\x03\xe9", 4,                         "transport close", "close 1001\n"},
        {"\x88\x00", 2,                                 "transport close", "close 0\n"},
        {"\x81\x00", 2,                                 "parse error",     "close 1000\n"},
        {"\x81\x01" "1", 3,                             "transport close", "close 1000\n"},
        {"\x81\x01" "8", 3,                             "parse error",     "close 1000\n"},
        {"\x82\x01" "x", 3,                             "parse error",     "close 1000\n"},
    };
    // clang-format on
    struct fixture *f = *state;

    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sl_client_options o = {.no_reconnect = true};
        uint32_t i = join_by_websocket(f, &o);
        char expected[64];

        feed(f, i, rows[k].bytes, rows[k].n);
        snprintf(expected, sizeof expected, "/ left: %s\n", rows[k].reason);
        if (strstr(f->log, expected) != f->log) fail_msg("row %zu: %s", k, f->log);
        if (k != 6) assert_string_equal(ws_said(f, i), rows[k].close);
        sl_client_close(f->client, 0);
        crank(f, 1);
        f->gone = false;
        f->log[0] = '\0';
    }
}

static void a_session_that_is_lost(void **state)
{
    // clang-format off
    static const struct {
        bool by_post;
        const char *answer, *said;
    } rows[] = {
        {false, HTTP("400 Bad Request", "41", "{\"code\":1,\"message\":\"Session ID unknown\"} "), "transport error, 0 tries, 1000: the server refuses: Session ID unknown (400)\n"},
        {true,  HTTP("400 Bad Request", "41", "{\"code\":1,\"message\":\"Session ID unknown\"} "), "transport error, 0 tries, 1000: the server refuses: Session ID unknown (400)\n"},
        {true,  HTTP("413 Content Too Large", "0", ""), "transport error, 0 tries, 1000: the server answered 413 Content Too Large\n"},
        {false, HTTP("200 OK", "1", "1"),               "transport close, 0 tries, 1000: the server closed the session\n"},
        {false, HTTP("200 OK", "1", "x"),               "parse error, 0 tries, 1000: "},
        {false, HTTP("200 OK", "2", "b!"),              "parse error, 0 tries, 1000: "},
        {false, "?",                                    "transport error, 0 tries, 1000: hub:5000 does not speak HTTP\n"},
    };
    // clang-format on
    struct fixture *f = *state;

    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sl_client_options o = {.transports = SL_CLIENT_POLLING};
        uint32_t get, post, i;

        f->n = f->answered = 0;
        join_by_polling(f, &o, OPEN_PACKET, &get, &post);
        emit(f, "a");
        i = rows[k].by_post ? post : get;
        feed(f, i, rows[k].answer, strlen(rows[k].answer));
        if (strstr(f->log, rows[k].said) == NULL) fail_msg("row %zu: %s", k, f->log);
        sl_client_close(f->client, 0);
        crank(f, 1);
        assert_null(f->client);
        for (uint32_t c = 0; c < f->n; c++) {
            mem_stream_free(f->call[c].m);
            f->call[c].m = NULL;
        }
        f->gone = false;
        f->log[0] = '\0';
    }
}

/* ---- connections that are kept, or not ---- */

static void a_kept_connection_that_died(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_POLLING};
    uint32_t get, post, again;

    join_by_polling(f, &o, OPEN_PACKET, &get, &post);
    hang_up(f, post); /* while it is idle: nobody cares */
    emit(f, "a");
    post = accept_call(f);
    assert_string_equal(posted(f, post), "42[\"a\"]");
    reply(f, post, "ok");
    crank(f, 900);
    hang_up(f, get); /* a GET that has heard nothing is asked again */
    again = accept_call(f);
    assert_asks(f, again, GET_NEXT);
    heard(f, "");
    emit(f, "b");
    hang_up(f, post); /* a POST may have been heard */
    heard(f, "/ left: transport error\n"
             "trouble transport error, 0 tries, 1000: hub:5000 hung up without an answer\n");
}

static void a_server_that_closes_each_time(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_POLLING};
    static const char open_packet[] =
        "HTTP/1.0 200 OK\r\n\r\n" OPEN_PACKET; /* ends with the connection */
    uint32_t i;

    assert_int_equal(open_with(f, &o), 0);
    i = accept_call(f);
    feed(f, i, open_packet, sizeof open_packet - 1);
    assert_false(has_call(f));
    hang_up(f, i);
    i = accept_call(f);
    assert_asks(f, i, GET_NEXT);
}

static void closing_by_polling(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.transports = SL_CLIENT_POLLING};
    uint32_t get, post;

    join_by_polling(f, &o, OPEN_PACKET, &get, &post);
    assert_int_equal(sl_client_emit_json(sl_client_find(f->client, "/"), "last", (sl_str){0}),
                     0);
    sl_client_close(f->client, 0);
    crank(f, 0);
    heard(f, "/ left: io client disconnect\n");
    assert_string_equal(posted(f, post), "42[\"last\"]");
    assert_false(f->call[get].m->gone); /* or the server would take us for gone */
    reply(f, post, "ok");
    assert_string_equal(posted(f, post), "41");
    reply(f, post, "ok");
    assert_string_equal(posted(f, post), "1");
    reply(f, post, "ok");
    heard(f, "gone\n");
}

static int cannot_begin(sl_loop *loop, const struct dial_url *to, uint32_t timeout_ms,
                        dial_fn *fn, void *user, void **call)
{
    (void)loop;
    (void)to;
    (void)timeout_ms;
    (void)fn;
    (void)user;
    *call = NULL;
    return SL_E_NOMEM;
}

/* Closed while the WebSocket is about to take over, and the poll in its place cannot begin. */
static void closing_in_the_middle_without_memory(void **state)
{
    static const struct dialer broken = {cannot_begin, fake_cancel};
    static const char last_poll[] =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n6";
    struct fixture *f = *state;
    sl_client_options o = {0};
    uint32_t get, post, ws;

    join_by_polling(f, &o, OPEN_UPGRADABLE, &get, &post);
    ws = accept_call(f);
    ws_accept_call(f, ws);
    emit(f, "a"); /* a POST without an answer */
    ws_text(f, ws, "3probe");
    feed(f, get, last_poll, sizeof last_poll - 1);
    sl_client_close(f->client, 0);
    crank(f, 0);
    crank(f, 1400);
    feed(f, post, "HTTP/1.1", 8); /* it is alive */
    f->client->eio->get.dialer = &broken;
    crank(f, 600);
    crank(f, 1);
    assert_null(f->client);
}

static void silence_on_connecting(void **state)
{
    struct fixture *f = *state;
    sl_client_options o = {.connect_timeout_ms = 700};

    assert_int_equal(open_with(f, &o), 0);
    (void)accept_call(f);
    crank(f, 699);
    heard(f, "");
    crank(f, 1), crank(f, 0);
    heard(f, "trouble connect error, 1 tries, 1000: no connection to hub:5000 within 700 ms\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(polling_by_one_get_and_posts),
        CASE(bodies_have_a_limit),
        CASE(bodies_have_few_packets),
        CASE(the_upgrade),
        CASE(an_upgrade_that_fails),
        CASE(heartbeats_of_revision_4),
        CASE(heartbeats_by_polling),
        CASE(heartbeats_of_revision_3),
        CASE(revision_3_by_polling),
        CASE(what_answers_the_first_poll),
        CASE(what_answers_the_websocket),
        CASE(frames_that_are_wrong),
        CASE(a_session_that_is_lost),
        CASE(a_kept_connection_that_died),
        CASE(a_server_that_closes_each_time),
        CASE(closing_by_polling),
        CASE(closing_in_the_middle_without_memory),
        CASE(silence_on_connecting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
