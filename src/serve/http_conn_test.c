/* SPDX-License-Identifier: MIT */
/*
 * What is said to what: rows of bytes in and bytes out, each replayed whole, byte by byte and
 * randomly cut. Behaviour over time is in http_flow_test.c.
 */
#include "sluice/ws.h"

#include "base/str.h"
#include "serve/http_test.h"

static void on_hello(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", SL_STR("hello"));
}

static void on_echo(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", sl_request_body(r));
}

static void on_buf(sl_request *r, void *user)
{
    sl_buf *b = sl_buf_copy(SL_STR("counted"));

    (void)user;
    sl_answer_buf(r, 201, "text/plain", b);
    sl_buf_drop(b);
}

static void on_item(sl_request *r, void *user)
{
    char text[256];
    sl_str id = sl_request_param(r, "id"), q = sl_request_query(r, "q");
    sl_str again = sl_request_query(r, "q"), header = sl_request_header(r, "x-MINE");

    (void)user;
    assert_true(sl_str_eq(q, again));
    assert_null(sl_request_param(r, "none").ptr);
    assert_null(sl_request_query(r, "none").ptr);
    assert_null(sl_request_header(r, "none").ptr);
    snprintf(text, sizeof text, "%.*s id=%.*s q=%.*s h=%.*s", (int)sl_request_path(r).len,
             sl_request_path(r).ptr, (int)id.len, id.ptr, (int)q.len, q.ptr ? q.ptr : "",
             (int)header.len, header.ptr ? header.ptr : "");
    sl_answer(r, 200, "text/plain", sl_str_of(text));
}

static void on_empty(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 204, NULL, (sl_str){0});
}

static void on_headers(sl_request *r, void *user)
{
    (void)user;
    assert_int_equal(sl_request_set_header(r, "X-One", SL_STR("1")), 0);
    assert_int_equal(sl_request_set_header(r, "X-Empty", SL_STR("")), 0);
    assert_int_equal(sl_request_set_header(r, "X-Bad", SL_STR("a\r\nSet-Cookie: x")),
                     SL_E_INVAL);
    assert_int_equal(sl_request_set_header(r, "X-Bad", SL_STR("a\0b")), SL_E_INVAL);
    assert_int_equal(sl_request_set_header(r, "X Bad", SL_STR("a")), SL_E_INVAL);
    assert_int_equal(sl_request_set_header(r, "", SL_STR("a")), SL_E_INVAL);
    assert_int_equal(sl_request_set_header(r, NULL, SL_STR("a")), SL_E_INVAL);
    assert_int_equal(sl_request_set_header(r, "connection", SL_STR("close")), SL_E_INVAL);
    assert_int_equal(sl_request_set_header(r, "Content-Length", SL_STR("9")), SL_E_INVAL);
    assert_int_equal(sl_request_set_header(r, "TRANSFER-ENCODING", SL_STR("x")), SL_E_INVAL);
    sl_answer(r, 200, "text/plain", SL_STR("ok"));
}

static void on_twice(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", SL_STR("first"));
    sl_answer_error(r, 500, "second");
    sl_answer_file(r, "/", SL_STR("etc"));
    assert_int_equal(sl_request_set_header(r, "X-Late", SL_STR("1")), SL_E_CLOSED);
}

static void on_error(sl_request *r, void *user)
{
    (void)user;
    sl_answer_error(r, 409, "a \"quoted\" %s\n", "sentence");
}

static void on_ws_message(sl_ws *ws, const sl_message *m, const sl_json_index *x, void *user)
{
    (void)x, (void)user;
    assert_int_equal(sl_ws_send(ws, m), 0);
}

static const sl_ws_ops echo_ops = {.on_message = on_ws_message};

static const sl_route routes[] = {
    SL_ROUTE(SL_GET, "/hello", SL_RIGHT_OPEN, on_hello, NULL),
    SL_ROUTE(SL_POST | SL_PUT, "/echo", SL_RIGHT_OPEN, on_echo, NULL),
    {SL_POST, "/small", SL_RIGHT_OPEN, on_echo, NULL, NULL, 8},
    SL_ROUTE(SL_POST, "/buf", SL_RIGHT_OPEN, on_buf, NULL),
    SL_ROUTE(SL_GET, "/items/:id", SL_RIGHT_OPEN, on_item, NULL),
    SL_ROUTE(SL_DELETE, "/items/:id", SL_RIGHT_OPEN, on_empty, NULL),
    SL_ROUTE(SL_GET, "/headers", SL_RIGHT_OPEN, on_headers, NULL),
    SL_ROUTE(SL_GET, "/twice", SL_RIGHT_OPEN, on_twice, NULL),
    SL_ROUTE(SL_GET, "/error", SL_RIGHT_OPEN, on_error, NULL),
    SL_ROUTE(SL_OPTIONS, "/own", SL_RIGHT_OPEN, on_hello, NULL),
    SL_ROUTE(SL_GET, "/mine", 7, on_hello, NULL),
    SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &echo_ops, NULL),
    SL_ROUTE_WS("/both", SL_RIGHT_OPEN, &echo_ops, NULL),
    SL_ROUTE(SL_GET, "/both", SL_RIGHT_OPEN, on_hello, NULL),
};

static const sl_server_options options = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .head_max = 1024,
    .body_max = 64,
};

#define GET(path)    "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define HELLO(extra) ANSWER("200 OK", "text/plain", "5", extra, "", "hello")
#define WS_ASK                                                 \
    "Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define WS_LACKS                                                                          \
    "{\"error\":\"this path speaks WebSocket: the request lacks Connection: Upgrade and " \
    "Upgrade: websocket, or a proxy in between has removed them\"}"
#define WS_HEADERS "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
#define NO_CONTENT(lines)                                                 \
    "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n" lines \
    "Content-Length: 0\r\n\r\n"
#define PREFLIGHT(methods) "Allow: " methods "\r\nAccess-Control-Allow-Methods: " methods "\r\n"

/* rows of such different lengths are not aligned */
/* clang-format off */
/* name, what the peer sends, what it receives, whether the connection ends */
static const struct exchange {
    const char *name, *in, *out;
    bool ends;
} exchanges[] = {
    {"9112 9.3 keep-alive", GET("/hello") GET("/hello"), HELLO("") HELLO(""), false},
    {"9112 9.3.2 pipelining in order", GET("/hello") GET("/items/1") GET("/hello"),
     HELLO("") ANSWER("200 OK", "text/plain", "19", "", "", "/items/1 id=1 q= h=") HELLO(""),
     false},
    {"9112 9.6 close", "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/hello"),
     HELLO(CLOSE), true},
    {"9112 9.3 HTTP/1.0 closes", "GET /hello HTTP/1.0\r\n\r\n", HELLO(CLOSE), true},
    {"9112 9.3 HTTP/1.0 keeps if asked",
     "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET("/hello"),
     HELLO("Connection: keep-alive\r\n") HELLO(""), false},
    {"9112 2.2 empty line before a request", "\r\n" GET("/hello") "\r\n", HELLO(""), false},
    {"9110 9.3.2 HEAD", "HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n" GET("/hello"),
     ANSWER("200 OK", "text/plain", "5", "", "", "") HELLO(""), false},
    {"9110 9.3.2 HEAD of an error", "HEAD /no HTTP/1.1\r\nHost: h\r\n\r\n" GET("/hello"),
     ANSWER("404 Not Found", JSON, "29", "", "", "") HELLO(""), false},
    {"9110 15.3.5 no length on 204", "DELETE /items/1 HTTP/1.1\r\nHost: h\r\n\r\n",
     "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\r\n", false},

    /* bodies */
    {"9112 6.2 sized", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET("/hello"),
     ANSWER("200 OK", "text/plain", "3", "", "", "abc") HELLO(""), false},
    {"9112 6.2 sized, empty", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" GET("/hello"),
     ANSWER("200 OK", "text/plain", "0", "", "", "") HELLO(""), false},
    {"9112 6.3 none", "POST /echo HTTP/1.1\r\nHost: h\r\n\r\n" GET("/hello"),
     ANSWER("200 OK", "text/plain", "0", "", "", "") HELLO(""), false},
    {"9112 7.1 chunked",
     "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n" GET("/hello"),
     ANSWER("200 OK", "text/plain", "7", "", "", "abcdefg") HELLO(""), false},
    {"9112 7.1 bad chunk",
     "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "HTTP/1.1 400", true},
    {"body counted", "POST /buf HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
     ANSWER("201 Created", "text/plain", "7", "", "", "counted"), false},
    {"limit: at, row's own", "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n12345678",
     ANSWER("200 OK", "text/plain", "8", "", "", "12345678"), false},
    {"limit: above, row's own", "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123456789",
     ANSWER("413 Content Too Large", JSON, "59", CLOSE, "",
            "{\"error\":\"the body has 9 bytes; this path takes at most 8\"}"), true},
    {"limit: above, decided on the promise", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 65\r\n\r\n",
     ANSWER("413 Content Too Large", JSON, "61", CLOSE, "",
            "{\"error\":\"the body has 65 bytes; this path takes at most 64\"}"), true},
    {"limit: above, chunked",
     "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n5\r\n",
     "HTTP/1.1 413", true},
    {"limit: at, chunked",
     "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n",
     ANSWER("200 OK", "text/plain", "8", "", "", "abcdefgh"), false},

    /* Expect */
    {"9110 10.1.1 continue",
     "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
     "HTTP/1.1 100 Continue\r\n\r\n" ANSWER("200 OK", "text/plain", "2", "", "", "ab"), false},
    {"9110 10.1.1 not for a body that is refused",
     "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 65\r\n\r\n",
     "HTTP/1.1 413", true},
    {"9110 10.1.1 not for a path that is not there",
     "POST /no HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
     "HTTP/1.1 404", true},
    {"9110 10.1.1 not without a body",
     "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
     ANSWER("200 OK", "text/plain", "0", "", "", ""), false},
    {"9110 15.5.18 another expectation",
     "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\nContent-Length: 2\r\n\r\n",
     "HTTP/1.1 417", true},

    /* what no row takes */
    {"404", GET("/no"),
     ANSWER("404 Not Found", JSON, "29", "", "", "{\"error\":\"nothing is at /no\"}"), false},
    {"404 with a body it does not read",
     "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 404", true},
    {"9110 15.5.6 405 with Allow", "PUT /hello HTTP/1.1\r\nHost: h\r\n\r\n",
     ANSWER("405 Method Not Allowed", JSON, "65", "", "Allow: GET, HEAD, OPTIONS\r\n",
            "{\"error\":\"PUT is not for this path; it takes GET, HEAD, OPTIONS\"}"), false},
    {"9110 15.6.2 501", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 501", true},
    {"403", GET("/mine"),
     ANSWER("403 Forbidden", JSON, "41", "", "", "{\"error\":\"this caller may not use /mine\"}"),
     false},
    {"9112 5.1 space before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n" GET("/hello"),
     "HTTP/1.1 400", true},
    {"9112 3.2 no Host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400", true},
    {"9112 2.3 a foreign version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "HTTP/1.1 505", true},
    {"3986 2.1 broken escape", GET("/items/%4") GET("/hello"), "HTTP/1.1 400", false},
    {"3986 6.2.2.3 dot segments", GET("/items/../hello"), "HTTP/1.1 400", false},

    /* what handlers see */
    {"path, parameter, query, header",
     "GET /items/a%20b?x=1&q=c%20d+e&q=2 HTTP/1.1\r\nHost: h\r\nX-Mine: yes\r\n\r\n",
     ANSWER("200 OK", "text/plain", "31", "", "", "/items/a b id=a b q=c d e h=yes"), false},
    {"query name is decoded too", GET("/items/1?%71=v"),
     ANSWER("200 OK", "text/plain", "20", "", "", "/items/1 id=1 q=v h="), false},
    {"9112 3.2.2 absolute form", GET("http://h/items/1?q=z"),
     ANSWER("200 OK", "text/plain", "20", "", "", "/items/1 id=1 q=z h="), false},
    {"own headers, and refused ones", GET("/headers"),
     ANSWER("200 OK", "text/plain", "2", "", "X-One: 1\r\nX-Empty: \r\n", "ok"), false},
    {"answered twice: the first counts", GET("/twice") GET("/hello"),
     ANSWER("200 OK", "text/plain", "5", "", "", "first") HELLO(""), false},
    {"error sentence is JSON", GET("/error"),
     ANSWER("409 Conflict", JSON, "35", "", "", "{\"error\":\"a \\\"quoted\\\" sentence\\n\"}"),
     false},

    /* OPTIONS and CORS */
    {"9110 9.3.7 OPTIONS", "OPTIONS /echo HTTP/1.1\r\nHost: h\r\n\r\n" GET("/hello"),
     NO_CONTENT("Allow: POST, PUT, OPTIONS\r\n") HELLO(""), false},
    {"9110 9.3.7 OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
     NO_CONTENT("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"), false},
    {"OPTIONS of a row's own", "OPTIONS /own HTTP/1.1\r\nHost: h\r\n\r\n", HELLO(""), false},
    {"OPTIONS of nothing", "OPTIONS /no HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404", false},
    {"Fetch 3.2.2 preflight",
     "OPTIONS /items/1 HTTP/1.1\r\nHost: h\r\nOrigin: http://o\r\n"
     "Access-Control-Request-Method: DELETE\r\n\r\n",
     NO_CONTENT(PREFLIGHT("GET, HEAD, DELETE, OPTIONS") "Access-Control-Max-Age: 600\r\n"), false},
    {"Fetch 3.2.2 preflight with headers",
     "OPTIONS /echo HTTP/1.1\r\nHost: h\r\nOrigin: http://o\r\n"
     "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-a, x-b\r\n\r\n",
     NO_CONTENT(PREFLIGHT("POST, PUT, OPTIONS")
                "Access-Control-Allow-Headers: x-a, x-b\r\n"
                "Vary: Access-Control-Request-Headers\r\nAccess-Control-Max-Age: 600\r\n"), false},
    {"preflight needs no right",
     "OPTIONS /mine HTTP/1.1\r\nHost: h\r\nOrigin: http://o\r\n"
     "Access-Control-Request-Method: GET\r\n\r\n",
     NO_CONTENT(PREFLIGHT("GET, HEAD, OPTIONS") "Access-Control-Max-Age: 600\r\n"), false},

    /* WebSocket */
    {"6455 4.2.2 upgrade, and a frame behind it",
     "GET /ws HTTP/1.1\r\n" WS_ASK "Sec-WebSocket-Version: 13\r\n\r\n"
     "\x81\x82\x01\x01\x01\x01ih",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
     "Access-Control-Allow-Origin: *\r\n\r\n\x81\x02hi", false},
    {"upgrade on a path with both", "GET /both HTTP/1.1\r\n" WS_ASK "Sec-WebSocket-Version: 13\r\n\r\n",
     "HTTP/1.1 101", false},
    {"no upgrade on a path with both", GET("/both"), HELLO(""), false},
    {"upgrade where nobody speaks it",
     "GET /hello HTTP/1.1\r\n" WS_ASK "Sec-WebSocket-Version: 13\r\n\r\n", HELLO(""), false},
    {"upgrade of nothing", "GET /no HTTP/1.1\r\n" WS_ASK "\r\n", "HTTP/1.1 404", false},
    {"9110 15.5.22 not an upgrade", GET("/ws"),
     ANSWER("426 Upgrade Required", JSON, "140", "", WS_HEADERS, WS_LACKS), false},
    {"6455 4.4 another version", "GET /ws HTTP/1.1\r\n" WS_ASK "Sec-WebSocket-Version: 8\r\n\r\n",
     ANSWER("426 Upgrade Required", JSON, "55", "", WS_HEADERS,
            "{\"error\":\"only version 13 of WebSocket is spoken here\"}"), false},
    {"6455 4.2.1 no version", "GET /ws HTTP/1.1\r\n" WS_ASK "\r\n", "HTTP/1.1 400", false},
    {"POST on a WebSocket path", "POST /ws HTTP/1.1\r\nHost: h\r\n\r\n",
     ANSWER("405 Method Not Allowed", JSON, "60", "", "Allow: GET, OPTIONS\r\n",
            "{\"error\":\"POST is not for this path; it takes GET, OPTIONS\"}"), false},
};
/* clang-format on */

static void run_exchange(const struct exchange *x, int cut)
{
    struct kit k;
    const char *got;

    kit_open(&k, &options);
    kit_feed_cut(&k, x->in, strlen(x->in), cut);
    got = kit_text(&k);
    /* a row that ends within the status line leaves the sentence to the parser's own tests */
    bool whole = strstr(x->out, "\r\n") != NULL;
    if (whole ? strcmp(got, x->out) != 0 : strncmp(got, x->out, strlen(x->out)) != 0)
        fail_msg("%s, cut %d:\n--- got\n%s\n--- not\n%s", x->name, cut, got, x->out);
    if (x->out[0] != '\0') assert_has(got, "Access-Control-Allow-Origin: *\r\n");
    if (k.m->shut != x->ends) fail_msg("%s, cut %d: ends %d", x->name, cut, k.m->shut);
    kit_close(&k);
}

static void test_exchanges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++)
        for (int cut = 0; cut <= 2; cut++)
            run_exchange(&exchanges[i], cut);
}

/* ---- limits of the head ---- */

static void run_head(size_t bytes, const char *status)
{
    static const char start[] = "GET /hello HTTP/1.1\r\nHost: h\r\nX: ";
    struct kit k;
    char head[2048];

    for (int cut = 0; cut <= 2; cut++) {
        memset(head, 'x', sizeof head);
        memcpy(head, start, sizeof start - 1);
        memcpy(head + bytes - 4, "\r\n\r\n", 4);
        kit_open(&k, &options);
        kit_feed_cut(&k, head, bytes, cut);
        assert_memory_equal(kit_text(&k), status, strlen(status));
        kit_close(&k);
    }
}

static void test_head_limit(void **state)
{
    (void)state;
    run_head(1023, "HTTP/1.1 200");
    run_head(1024, "HTTP/1.1 200");
    run_head(1025, "HTTP/1.1 431");
}

/* ---- large bodies ---- */

static uint64_t sum_seen;

static void on_sum(sl_request *r, void *user)
{
    sl_str body = sl_request_body(r);

    (void)user;
    sum_seen = body.len;
    for (size_t i = 0; i < body.len; i++)
        sum_seen = sum_seen * 31 + (unsigned char)body.ptr[i];
    sl_answer(r, 200, "text/plain", SL_STR("summed"));
}

/* A body that is larger than one receive: it is received into its place, and comes out the
 * same. */
static void test_large_body(void **state)
{
    static const sl_route sum[] = {SL_ROUTE(SL_POST, "/sum", SL_RIGHT_OPEN, on_sum, NULL)};
    const sl_server_options o = {.routes = sum, .route_count = 1};
    const size_t len = 1000003;
    char *text = malloc(len + 200);
    uint64_t want = len;
    struct kit k;

    (void)state;
    int head = snprintf(text, 200,
                        "POST /sum HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", len);
    for (size_t i = 0; i < len; i++) {
        text[(size_t)head + i] = (char)(i * 7 + i / 251);
        want = want * 31 + (unsigned char)text[(size_t)head + i];
    }
    for (int cut = 0; cut <= 2; cut += 2) {
        sum_seen = 0;
        kit_open(&k, &o);
        kit_feed_cut(&k, text, (size_t)head + len, cut);
        assert_has(kit_text(&k), "summed");
        assert_true(sum_seen == want);
        kit_feed(&k, "POST /sum HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n\x01");
        assert_true(sum_seen == 32);
        kit_close(&k);
    }
    free(text);
}

/* A promise of a lot costs nothing before bytes come. */
static void test_promise_costs_nothing(void **state)
{
    static const sl_route sum[] = {
        {SL_POST, "/sum", SL_RIGHT_OPEN, on_sum, NULL, NULL, SIZE_MAX}
    };
    const sl_server_options o = {.routes = sum, .route_count = 1};
    struct kit k;

    (void)state;
    kit_open(&k, &o);
    kit_feed(&k, "POST /sum HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999999999\r\n\r\nab");
    assert_int_equal(k.m->sent_len, 0);
    assert_false(k.m->s.closing); /* an attempt to take it all would have failed and cut */
    kit_close(&k);
}

/* ---- origins ---- */

static sl_str pick_origin(sl_request *r, sl_str origin, void *user)
{
    (void)r, (void)user;
    if (sl_str_eq(origin, SL_STR("http://good"))) return origin;
    if (sl_str_eq(origin, SL_STR("http://any"))) return SL_STR("*");
    if (sl_str_eq(origin, SL_STR("http://broken"))) return SL_STR("a\r\nX: y");
    return SL_STR("");
}

/* clang-format off */
static const struct {
    const char *name, *in;
    const char *has, *lacks;
} origins[] = {
    {"reflected with credentials", "GET /hello HTTP/1.1\r\nHost: h\r\nOrigin: http://good\r\n\r\n",
     "Vary: Origin\r\nAccess-Control-Allow-Origin: http://good\r\n"
     "Access-Control-Allow-Credentials: true\r\n", NULL},
    {"* without credentials", "GET /hello HTTP/1.1\r\nHost: h\r\nOrigin: http://any\r\n\r\n",
     "Access-Control-Allow-Origin: *\r\n", "Credentials"},
    {"refused", "GET /hello HTTP/1.1\r\nHost: h\r\nOrigin: http://bad\r\n\r\n", "Vary: Origin\r\n",
     "Access-Control"},
    {"none sent", "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n", "Vary: Origin\r\n", "Access-Control"},
    {"a hook that breaks lines", "GET /hello HTTP/1.1\r\nHost: h\r\nOrigin: http://broken\r\n\r\n",
     "Vary: Origin\r\n", "X: y"},
    {"on a 404", "GET /no HTTP/1.1\r\nHost: h\r\nOrigin: http://good\r\n\r\n",
     "Access-Control-Allow-Origin: http://good\r\n", NULL},
    {"on a broken head", "GET / HTTP/1.1\r\nHost: h\r\nOrigin: http://good\r\nX : y\r\n\r\n",
     "Access-Control-Allow-Origin: http://good\r\n", NULL},
    {"on a 413",
     "POST /small HTTP/1.1\r\nHost: h\r\nOrigin: http://good\r\nContent-Length: 99\r\n\r\n",
     "Access-Control-Allow-Origin: http://good\r\n", NULL},
    {"on 101",
     "GET /ws HTTP/1.1\r\nOrigin: http://good\r\n" WS_ASK "Sec-WebSocket-Version: 13\r\n\r\n",
     "Access-Control-Allow-Origin: http://good\r\n", NULL},
};

/* clang-format on */

static void test_origins(void **state)
{
    sl_server_options o = options;
    struct kit k;

    (void)state;
    o.allow_origin = pick_origin;
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        kit_open(&k, &o);
        kit_feed(&k, origins[i].in);
        assert_has(kit_text(&k), origins[i].has);
        if (origins[i].lacks != NULL) assert_lacks(kit_text(&k), origins[i].lacks);
        kit_close(&k);
    }
}

/* ---- rights ---- */

static bool check_right(sl_request *r, int right, void *user)
{
    (void)user;
    if (right == SL_RIGHT_OPEN) return true;
    if (sl_request_header(r, "X-Key").ptr != NULL) return true;
    if (sl_request_header(r, "X-Mute").ptr != NULL) return false;
    assert_int_equal(sl_request_set_header(r, "WWW-Authenticate", SL_STR("Bearer")), 0);
    sl_answer_error(r, 401, "a key is needed");
    return false;
}

static void test_rights(void **state)
{
    sl_server_options o = options;
    struct kit k;

    (void)state;
    o.is_allowed = check_right;
    kit_open(&k, &o);
    kit_feed(&k, "GET /mine HTTP/1.1\r\nHost: h\r\nX-Key: 1\r\n\r\n");
    assert_has(kit_text(&k), "200 OK");
    mem_stream_clear(k.m);
    kit_feed(&k, "GET /mine HTTP/1.1\r\nHost: h\r\nX-Mute: 1\r\n\r\n");
    assert_has(kit_text(&k), "403 Forbidden");
    mem_stream_clear(k.m);
    kit_feed(&k, GET("/mine"));
    assert_has(kit_text(&k), "401 Unauthorized");
    assert_has(kit_text(&k), "WWW-Authenticate: Bearer\r\n");
    mem_stream_clear(k.m);
    kit_feed(&k, GET("/hello"));
    assert_has(kit_text(&k), "200 OK");
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchanges),  cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_large_body), cmocka_unit_test(test_promise_costs_nothing),
        cmocka_unit_test(test_origins),    cmocka_unit_test(test_rights),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("serve/http_conn", tests, NULL, NULL);
}
