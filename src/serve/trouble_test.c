/* SPDX-License-Identifier: MIT */
/* Each way to get nowhere is told once, with its code; what goes well is not. */
#include "serve/trouble.h"

#include "sluice/ws.h"

#include "serve/eio_session.h"
#include "serve/http_test.h"

#define UP               "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define KEY              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION          "Sec-WebSocket-Version: 13\r\n"
#define HEAD(path, more) "GET " path " HTTP/1.1\r\nHost: h\r\n" more "\r\n"
#define OPENED           HEAD("/ws", UP KEY VERSION)

static struct {
    int n;
    sl_trouble_code code;
    char path[32], why[200], said[SL_TROUBLE_SAID_MAX + 1];
    bool has_request;
} told;

static void copy(char *out, size_t size, sl_str s)
{
    snprintf(out, size, "%.*s", (int)s.len, s.ptr != NULL ? s.ptr : "");
}

static void on_trouble(const sl_trouble *t, void *user)
{
    assert_ptr_equal(user, &told);
    assert_true(t->code < SL_TROUBLE_CODES);
    assert_non_null(t->peer);
    assert_true(t->said.len <= SL_TROUBLE_SAID_MAX);
    told.n++;
    told.code = t->code;
    told.has_request = t->request != NULL;
    copy(told.path, sizeof told.path, t->path);
    copy(told.why, sizeof told.why, sl_str_of(t->why));
    copy(told.said, sizeof told.said, t->said);
}

static bool is_allowed(sl_request *r, int right, void *user)
{
    (void)r, (void)user;
    return right == SL_RIGHT_OPEN;
}

static void on_request(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", SL_STR("ok"));
}

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    (void)ws, (void)m, (void)index, (void)user;
}

static const sl_ws_ops ops = {.on_message = on_message, .message_max = 100};

static const sl_route routes[] = {
    SL_ROUTE(SL_GET, "/here", SL_RIGHT_OPEN, on_request, NULL),
    SL_ROUTE(SL_POST, "/take", SL_RIGHT_OPEN, on_request, NULL),
    SL_ROUTE(SL_GET, "/locked", SL_RIGHT_OPEN + 1, on_request, NULL),
    SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &ops, NULL),
};

static const sl_server_options options = {.routes = routes,
                                          .route_count = sizeof routes / sizeof routes[0],
                                          .is_allowed = is_allowed,
                                          .on_trouble = on_trouble,
                                          .user = &told,
                                          .head_max = 512,
                                          .body_max = 20};

static void open_kit(struct kit *k)
{
    memset(&told, 0, sizeof told);
    kit_open(k, &options);
}

/* ---- by what is sent ---- */

#define POST(path, more) "POST " path " HTTP/1.1\r\nHost: h\r\n" more "\r\n"
#define X100 \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define BYTES(literal) literal, sizeof(literal) - 1

/* clang-format off */
static const struct {
    const char *what, *bytes;
    size_t len;
    sl_trouble_code code;
    bool has_request;
    const char *path, *why; /* why: a part of it */
} cases[] = {
    {"TLS",             BYTES("\x16\x03\x01\x02\x00\x01"),              SL_TROUBLE_TLS, false, "", "not TLS"},
    {"SSH",             BYTES("SSH-2.0-x\r\n"),                         SL_TROUBLE_NOT_HTTP, false, "", ""},
    {"words",           BYTES("one two three\r\n"),                     SL_TROUBLE_NOT_HTTP, false, "", ""},
    {"HTTP/0.9",        BYTES("GET /here\r\n"),                         SL_TROUBLE_HTTP_VERSION, false, "", "0.9"},
    {"HTTP/2",          BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),      SL_TROUBLE_HTTP_VERSION, false, "", "2.0"},
    {"bare LF",         BYTES("GET /here HTTP/1.1\nHost: h\n\n"),       SL_TROUBLE_BAD_HEAD, false, "", "LF alone"},
    {"two spaces",      BYTES("GET  /here HTTP/1.1\r\n"),               SL_TROUBLE_BAD_HEAD, false, "", "space"},
    {"no Host",         BYTES("GET /here HTTP/1.1\r\n\r\n"),            SL_TROUBLE_BAD_HEAD, false, "", "Host"},
    {"encoded slash",   BYTES(HEAD("/a%2fb", "")),                      SL_TROUBLE_BAD_HEAD, true, "", ""},
    {"a large head",    BYTES(HEAD("/here", "X: " X100 X100 X100 X100 X100 X100 "\r\n")), SL_TROUBLE_LARGE_HEAD, false, "", "longer"},
    {"no such path",    BYTES(HEAD("/there?key=secret", "")),           SL_TROUBLE_NOT_FOUND, true, "/there", ""},
    {"method",          BYTES(POST("/here", "")),                       SL_TROUBLE_METHOD, true, "/here", "it takes GET"},
    {"no right",        BYTES(HEAD("/locked", "")),                     SL_TROUBLE_REFUSED, true, "/locked", ""},
    {"a large body",    BYTES(POST("/take", "Content-Length: 21\r\n")), SL_TROUBLE_LARGE_BODY, true, "/take", "at most 20"},
    {"a large chunk",   BYTES(POST("/take", "Transfer-Encoding: chunked\r\n") "15\r\n"), SL_TROUBLE_LARGE_BODY, true, "/take", ""},
    {"a broken chunk",  BYTES(POST("/take", "Transfer-Encoding: chunked\r\n") "zz\r\n"), SL_TROUBLE_BAD_BODY, true, "/take", ""},
    {"no upgrade",      BYTES(HEAD("/ws", KEY VERSION)),                SL_TROUBLE_NO_UPGRADE, true, "/ws", ""},
    {"upgrade by POST", BYTES(POST("/ws", UP KEY VERSION)),             SL_TROUBLE_METHOD, true, "/ws", ""},
    {"upgrade nowhere", BYTES(HEAD("/there", UP KEY VERSION)),          SL_TROUBLE_NO_WS_HERE, true, "/there", ""},
    {"upgrade of a page", BYTES(HEAD("/here", UP KEY VERSION)),         SL_TROUBLE_NO_WS_HERE, true, "/here", ""},
    {"version 8",       BYTES(HEAD("/ws", UP KEY "Sec-WebSocket-Version: 8\r\n")), SL_TROUBLE_WS_VERSION, true, "/ws", "13"},
    {"no key",          BYTES(HEAD("/ws", UP VERSION)),                 SL_TROUBLE_WS_KEY, true, "/ws", "lacks"},
    {"a short key",     BYTES(HEAD("/ws", UP VERSION "Sec-WebSocket-Key: x\r\n")), SL_TROUBLE_WS_KEY, true, "/ws", "16 bytes"},
    {"5.1 unmasked",    BYTES(OPENED "\x81\x01x"),                      SL_TROUBLE_WS_PROTOCOL, false, "/ws", ""},
    {"8.1 no UTF-8",    BYTES(OPENED "\x81\x81\x00\x00\x00\x00\xff"),   SL_TROUBLE_WS_TEXT, false, "/ws", ""},
    {"101 bytes",       BYTES(OPENED "\x81\xe5\x00\x00\x00\x00"),       SL_TROUBLE_WS_LARGE, false, "/ws", ""},
};
/* clang-format on */

static void try_case(size_t i, int cut)
{
    struct kit k;

    open_kit(&k);
    kit_feed_cut(&k, cases[i].bytes, cases[i].len, cut);
    kit_disconnect(&k);
    if (told.n != 1 || told.code != cases[i].code || strcmp(told.path, cases[i].path) != 0
        || told.has_request != cases[i].has_request || !strstr(told.why, cases[i].why)) {
        fail_msg("%s (cut %d): told %d times, code %d, path %s, why %s", cases[i].what, cut,
                 told.n, told.code, told.path, told.why);
    }
    kit_close(&k);
}

static void test_each_is_told_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int cut = 0; cut < 3; cut++)
            try_case(i, cut);
    }
}

static void test_what_goes_well_is_not_told(void **state)
{
    static const char *const good[] = {
        HEAD("/here", ""),
        HEAD("/here", "") HEAD("/here", ""),
        POST("/take", "Content-Length: 20\r\n") "01234567890123456789",
        "OPTIONS /here HTTP/1.1\r\nHost: h\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        OPENED "\x81\x81\x00\x00\x00\x00x",
        "\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct kit k;

        open_kit(&k);
        kit_feed(&k, good[i]);
        kit_disconnect(&k);
        if (told.n != 0) fail_msg("%s: code %d", good[i], told.code);
        kit_close(&k);
    }
}

static void on_eio_message(struct eio_session *s, const sl_message *m,
                           const sl_json_index *index, void *user)
{
    (void)s, (void)m, (void)index, (void)user;
}

static void test_what_engine_io_refuses(void **state)
{
    static const struct eio_events events = {.on_message = on_eio_message};
    static const struct {
        const char *bytes;
        sl_trouble_code code;
    } asked[] = {
        {HEAD("/e/?EIO=3&transport=polling",        ""), SL_TROUBLE_SIO_VERSION  },
        {HEAD("/e/?EIO=4&transport=pigeon",         ""), SL_TROUBLE_SIO_TRANSPORT},
        {HEAD("/e/?EIO=4&transport=polling&sid=ab", ""), SL_TROUBLE_SIO_SESSION  },
        {HEAD("/e/?EIO=4&transport=websocket",      ""), SL_TROUBLE_SIO_REQUEST  },
    };
    struct eio_options eo = {.events = &events};
    sl_server_options o = options;
    sl_route rows[EIO_ROUTES];

    (void)state;
    o.routes = rows;
    o.route_count = EIO_ROUTES;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct eio_server *e;
        struct kit k = {.seed = 1};
        sl_error err = {0};

        memset(&told, 0, sizeof told);
        assert_int_equal(sl_loop_new(&k.loop), 0);
        sl__loop_crank(k.loop, 0);
        assert_int_equal(eio_server_new(k.loop, &eo, &e), 0);
        eio_put_routes(e, "/e", SL_RIGHT_OPEN, rows);
        assert_int_equal(sl_server_new(k.loop, &o, &k.server, &err), 0);
        kit_connect(&k);
        kit_feed(&k, asked[i].bytes);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.code, asked[i].code);
        kit_disconnect(&k);
        free(k.text);
        sl_server_free(k.server);
        eio_server_free(e);
        sl_loop_free(k.loop);
    }
}

/* ---- by time, and by the end ---- */

static void test_what_does_not_come_in_time(void **state)
{
    /* clang-format off */
    static const struct {
        const char *bytes;
        sl_trouble_code code;
    } slow[] = {
        {"GET /here",                                          SL_TROUBLE_SLOW_HEAD},
        {"\x81\x85 xyz",                                       SL_TROUBLE_NOT_HTTP },
        {POST("/take", "Content-Length: 5\r\n") "123",         SL_TROUBLE_SLOW_BODY},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
        struct kit k;

        open_kit(&k);
        kit_feed(&k, slow[i].bytes);
        assert_int_equal(told.n, 0);
        sl__loop_crank(k.loop, 30000);
        sl__loop_crank(k.loop, 0);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.code, slow[i].code);
        kit_disconnect(&k);
        assert_int_equal(told.n, 1);
        kit_close(&k);
    }
}

static void test_how_connections_end(void **state)
{
    /* clang-format off */
    static const struct {
        const char *bytes;
        int n;
        sl_trouble_code code;
    } ends[] = {
        {"",                                           1, SL_TROUBLE_SILENT  },
        {"GET /he",                                    1, SL_TROUBLE_CUT     },
        {"\x02",                                       1, SL_TROUBLE_NOT_HTTP},
        {POST("/take", "Content-Length: 5\r\n") "123", 1, SL_TROUBLE_CUT     },
        {HEAD("/here", "") "GET",                      1, SL_TROUBLE_CUT     },
        {HEAD("/here", ""),                            0, 0                  },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct kit k;

        open_kit(&k);
        kit_feed(&k, ends[i].bytes);
        kit_disconnect(&k);
        assert_int_equal(told.n, ends[i].n);
        assert_int_equal(told.code, ends[i].code);
        kit_close(&k);
    }
}

static void test_who_is_sent_away_at_the_stop_made_no_mistake(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    sl__stream_close(&k.m->s, SL_E_STOPPING);
    sl__loop_crank(k.loop, 0);
    assert_int_equal(told.n, 0);
    kit_close(&k);
}

static void test_who_is_not_let_in(void **state)
{
    struct kit k;

    (void)state;
    open_kit(&k);
    trouble_accept(ACCEPT_ADDRESS, "192.0.2.1:5", k.server);
    assert_int_equal(told.code, SL_TROUBLE_TOO_MANY_HERE);
    trouble_accept(ACCEPT_MAX, "192.0.2.1:5", k.server);
    assert_int_equal(told.code, SL_TROUBLE_TOO_MANY);
    trouble_accept(ACCEPT_FILES, "192.0.2.1:5", k.server);
    assert_int_equal(told.code, SL_TROUBLE_TOO_MANY);
    assert_int_equal(told.n, 3);
    kit_close(&k);
}

static void test_nobody_needs_to_listen(void **state)
{
    sl_server_options deaf = options;
    struct kit k;

    (void)state;
    memset(&told, 0, sizeof told);
    deaf.on_trouble = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit_open(&k, &deaf);
        kit_feed_cut(&k, cases[i].bytes, cases[i].len, 0);
        kit_close(&k);
    }
    assert_int_equal(told.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_told_once),
        cmocka_unit_test(test_what_goes_well_is_not_told),
        cmocka_unit_test(test_what_engine_io_refuses),
        cmocka_unit_test(test_what_does_not_come_in_time),
        cmocka_unit_test(test_how_connections_end),
        cmocka_unit_test(test_who_is_sent_away_at_the_stop_made_no_mistake),
        cmocka_unit_test(test_who_is_not_let_in),
        cmocka_unit_test(test_nobody_needs_to_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
