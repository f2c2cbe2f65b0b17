/* SPDX-License-Identifier: MIT */
/* A look at connections of every kind: in memory, by a clock that is turned by hand. */
#include "serve/inspect.h"

#include "serve/feed.h"
#include "serve/http_test.h"
#include "serve/sio_inside.h"
#include "serve/ws_internal.h"

#define PEERS_MAX 40

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\nUser-Agent: tester\r\n\r\n"
#define UPGRADE(path)                                            \
    "GET " path " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n" \
    "Connection: Upgrade\r\nUser-Agent: tester\r\n"              \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

struct bench {
    sl_loop *loop;
    sl_server *server;
    sl_sio *sio;
    struct inspect in;
    sl_route row[2 + SL_SIO_ROUTES];
    sl_sio_namespace root;
    struct mem_stream *peer[PEERS_MAX];
    int peers;
    sl_feed *feed;
    sl_ws *ws;
    char log[1024]; /* of the observer */
};

static void on_ws_open(sl_ws *ws, const sl_request *r, void *user)
{
    (void)r;
    ((struct bench *)user)->ws = ws;
}

static void on_ws_message(sl_ws *ws, const sl_message *m, const sl_json_index *index,
                          void *user)
{
    (void)ws, (void)m, (void)index, (void)user;
}

static const sl_ws_ops ws_ops = {
    .on_open = on_ws_open, .on_message = on_ws_message, .ping_ms = 1000, .idle_ms = 9000};

static void on_stream(sl_request *r, void *user)
{
    struct bench *b = user;

    assert_int_equal(sl_answer_feed(r, "text/event-stream", NULL, NULL, &b->feed), 0);
}

static void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    (void)auth, (void)user;
    assert_int_equal(sl_sio_join(s, SL_STR("yard")), 0);
}

static void open_bench(struct bench *b)
{
    sl_server_options so = {.routes = b->row, .route_count = 2 + SL_SIO_ROUTES};
    sl_sio_options io = {
        .namespaces = &b->root, .namespace_count = 1, .ping_interval_ms = 1000};
    sl_error err = {0};

    *b = (struct bench){
        .root = {.name = "/", .on_connect = on_connect, .user = b}
    };
    assert_int_equal(sl_loop_new(&b->loop), 0);
    sl__loop_crank(b->loop, 0);
    assert_int_equal(sl_sio_new(b->loop, &io, &b->sio, &err), 0);
    b->row[0] = (sl_route)SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &ws_ops, b);
    b->row[1] = (sl_route)SL_ROUTE(SL_GET, "/stream", SL_RIGHT_OPEN, on_stream, b);
    sl_sio_put_routes(b->sio, SL_RIGHT_OPEN, b->row + 2);
    assert_int_equal(sl_server_new(b->loop, &so, &b->server, &err), 0);
    b->in = (struct inspect){b->server, b->sio};
}

static struct mem_stream *call(struct bench *b, const char *request)
{
    struct stream_options o = {.waiting_max = 1 << 20};
    struct mem_stream *m = mem_stream_open(b->loop, &o);

    assert_non_null(m);
    b->peer[b->peers++] = m;
    sl__server_take_stream(b->server, &m->s);
    mem_stream_feed(m, request, strlen(request));
    sl__loop_crank(b->loop, 0);
    return m;
}

/* A text as a client masks it, with a key of zeros. */
static void say(struct bench *b, struct mem_stream *m, uint8_t first, const char *text)
{
    char frame[130] = {(char)first, (char)(0x80 | strlen(text))};

    memcpy(frame + 6, text, strlen(text));
    mem_stream_feed(m, frame, 6 + strlen(text));
    sl__loop_crank(b->loop, 0);
}

static void close_bench(struct bench *b)
{
    inspect_set_observer(&b->in, NULL);
    for (int i = 0; i < b->peers; i++)
        if (!b->peer[i]->gone) sl__stream_close(&b->peer[i]->s, SL_E_CLOSED);
    sl__loop_crank(b->loop, 0);
    for (int i = 0; i < b->peers; i++)
        mem_stream_free(b->peer[i]);
    sl_server_free(b->server);
    sl_sio_free(b->sio);
    sl_loop_free(b->loop);
}

/* ---- walking ---- */

struct list_of {
    struct bench *b;
    struct inspected c[PEERS_MAX];
    struct inspect_facts f[PEERS_MAX];
    int n, stop_at;
};

static bool on_one(const struct inspected *c, void *user)
{
    struct list_of *l = user;

    inspect_look(&l->b->in, c, &l->f[l->n]);
    l->c[l->n++] = *c;
    return l->n != l->stop_at;
}

static uint64_t list(struct bench *b, struct list_of *l, uint64_t after, uint32_t most)
{
    uint64_t next;

    *l = (struct list_of){.b = b};
    assert_int_equal(inspect_each(&b->in, after, most, on_one, l, &next), 0);
    return next;
}

static void test_every_kind(void **state)
{
    static const char *const transports[] = {"http", "websocket", "sse", "websocket",
                                             "polling"};
    static const char *const protocols[] = {"http/1.1", "raw", "http/1.1", "engine.io 4",
                                            "engine.io 4"};
    struct bench b;
    struct list_of l;

    (void)state;
    open_bench(&b);
    call(&b, GET("/nothing"));
    call(&b, UPGRADE("/ws"));
    call(&b, GET("/stream"));
    say(&b, call(&b, UPGRADE("/socket.io/?EIO=4&transport=websocket")), 0x81, "40");
    call(&b, GET("/socket.io/?EIO=4&transport=polling"));
    sl__loop_crank(b.loop, 4000);

    assert_int_equal(list(&b, &l, 0, 100), 0);
    assert_int_equal(l.n, 6); /* the connection by which was polled is one of its own again */
    assert_string_equal(l.f[4].transport, "http");
    l.f[4] = l.f[5];
    l.c[4] = l.c[5];
    for (int i = 0; i < 5; i++) {
        assert_string_equal(l.f[i].transport, transports[i]);
        assert_string_equal(l.f[i].protocol, protocols[i]);
        assert_true(sl_str_eq(l.f[i].agent, SL_STR("tester")));
        assert_in_range(l.f[i].age_us, 3999900, 4000000);   /* ids of one instant differ */
        assert_int_equal(l.f[i].bytes_in, INSPECT_UNKNOWN); /* no socket */
        if (i > 0) assert_true(l.c[i].id > l.c[i - 1].id);
    }
    close_bench(&b);
}

static void test_rooms(void **state)
{
    struct bench b;
    struct list_of l;
    const void *at = NULL;
    sl_sio_socket *s;
    sl_str name;

    (void)state;
    open_bench(&b);
    say(&b, call(&b, UPGRADE("/socket.io/?EIO=4&transport=websocket")), 0x81, "40");
    list(&b, &l, 0, 100);
    s = inspect_next_socket(&l.c[0], NULL);
    assert_non_null(s);
    assert_null(inspect_next_socket(&l.c[0], s));
    assert_int_equal(inspect_room_count(s), 1);
    assert_true(inspect_next_room(s, &at, &name));
    assert_true(sl_str_eq(name, SL_STR("yard")));
    assert_false(inspect_next_room(s, &at, &name));
    close_bench(&b);
}

/* Page by page each is there once, though others come and go between two pages. */
static void test_pages(void **state)
{
    uint64_t seen[PEERS_MAX], next = 0;
    struct bench b;
    struct list_of l;
    int n = 0, pages = 0;

    (void)state;
    open_bench(&b);
    for (int i = 0; i < 10; i++)
        call(&b, UPGRADE("/ws"));
    for (int i = 0; i < 10; i++)
        call(&b, GET("/socket.io/?EIO=4&transport=polling"));
    do {
        next = list(&b, &l, next, 7);
        for (int i = 0; i < l.n; i++)
            seen[n++] = l.c[i].id;
        if (pages++ == 0) {
            sl__stream_close(&b.peer[0]->s, SL_E_CLOSED); /* seen already */
            sl__stream_close(&b.peer[8]->s, SL_E_CLOSED); /* never seen */
            sl__loop_crank(b.loop, 0);
        }
    } while (next != 0);
    assert_int_equal(n, 9 + 20); /* polls are answered: 10 idle connections besides */
    for (int i = 1; i < n; i++)
        assert_true(seen[i] > seen[i - 1]);
    close_bench(&b);
}

static void test_who_stops_goes_on_behind(void **state)
{
    struct bench b;
    struct list_of l;
    uint64_t next;

    (void)state;
    open_bench(&b);
    for (int i = 0; i < 4; i++)
        call(&b, UPGRADE("/ws"));
    l = (struct list_of){.b = &b, .stop_at = 3};
    assert_int_equal(inspect_each(&b.in, 0, 100, on_one, &l, &next), 0);
    assert_int_equal(l.n, 3);
    assert_int_equal(next, l.c[2].id);
    assert_int_equal(list(&b, &l, next, 100), 0);
    assert_int_equal(l.n, 1);
    close_bench(&b);
}

/* ---- round trips ---- */

static void test_round_trip_of_a_ping(void **state)
{
    struct bench b;
    struct list_of l;
    struct mem_stream *m;

    (void)state;
    open_bench(&b);
    m = call(&b, UPGRADE("/ws"));
    list(&b, &l, 0, 100);
    assert_int_equal(l.f[0].rtt_us, INSPECT_UNKNOWN);
    say(&b, m, 0x8a, ""); /* a pong that nobody asked for */
    list(&b, &l, 0, 100);
    assert_int_equal(l.f[0].rtt_us, INSPECT_UNKNOWN);
    sl__loop_crank(b.loop, 1000); /* its ping */
    sl__loop_crank(b.loop, 40);
    list(&b, &l, 0, 100);
    assert_int_equal(l.f[0].rtt_us, INSPECT_UNKNOWN);
    assert_int_equal(l.f[0].silent_us, 1040000);
    say(&b, m, 0x8a, "");
    list(&b, &l, 0, 100);
    assert_in_range(l.f[0].rtt_us, 40000, 40001);
    assert_int_equal(l.f[0].silent_us, 0);
    close_bench(&b);
}

static void test_round_trip_of_engine_io(void **state)
{
    struct bench b;
    struct list_of l;
    struct mem_stream *m;

    (void)state;
    open_bench(&b);
    m = call(&b, UPGRADE("/socket.io/?EIO=4&transport=websocket"));
    say(&b, m, 0x81, "40");
    sl__loop_crank(b.loop, 1000);
    sl__loop_crank(b.loop, 25);
    say(&b, m, 0x81, "3");
    list(&b, &l, 0, 100);
    assert_in_range(l.f[0].rtt_us, 25000, 25001);
    close_bench(&b);
}

/* ---- what waits, and what gave way ---- */

static void test_queue_and_conflated(void **state)
{
    struct bench b;
    struct list_of l;
    sl_room *room;
    sl_message m = {.text = true};

    (void)state;
    open_bench(&b);
    call(&b, UPGRADE("/ws"));
    call(&b, GET("/stream"));
    assert_int_equal(sl_room_new(b.server, SL_ROOM_SKIP, &room), 0);
    assert_int_equal(sl_room_join(room, b.ws), 0);
    b.peer[0]->window = b.peer[1]->window = 0; /* they take nothing */
    assert_int_equal(sl_message_add(&m, NULL, SL_STR("12345678")), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sl_room_publish_newest(room, 7, &m, NULL), 0);
        assert_int_equal(sl_feed_send_newest(b.feed, 7, &m), 0);
        sl__loop_crank(b.loop, 1);
    }
    list(&b, &l, 0, 100);
    assert_int_equal(l.f[0].conflated, 3);
    assert_int_equal(l.f[0].queued, 2 + 8);
    assert_int_equal(l.f[1].conflated, 3);
    assert_int_equal(l.f[1].queued, 3 + 8 + 2);
    sl_room_free(room);
    close_bench(&b);
}

/* ---- the end of one ---- */

static void test_end(void **state)
{
    struct inspected c;
    struct bench b;
    struct list_of l;

    (void)state;
    open_bench(&b);
    call(&b, GET("/nothing"));
    call(&b, UPGRADE("/ws"));
    call(&b, GET("/stream"));
    say(&b, call(&b, UPGRADE("/socket.io/?EIO=4&transport=websocket")), 0x81, "40");
    for (int left = 4; left > 0; left--) {
        list(&b, &l, 0, 100);
        assert_int_equal(l.n, left);
        assert_true(inspect_find(&b.in, l.c[0].id, &c));
        inspect_end(&c, "because");
        assert_false(inspect_find(&b.in, l.c[0].id, &c)); /* at once */
        sl__loop_crank(b.loop, 0);
    }
    assert_false(inspect_find(&b.in, 0, &c));
    assert_false(inspect_find(&b.in, UINT64_MAX, &c));
    sl__loop_crank(b.loop, 10000); /* those who do not answer a close are cut */
    for (int i = 0; i < b.peers; i++)
        assert_true(b.peer[i]->gone);
    close_bench(&b);
}

static void test_end_of_a_poll(void **state)
{
    struct inspected c;
    struct bench b;
    struct list_of l;

    (void)state;
    open_bench(&b);
    call(&b, GET("/socket.io/?EIO=4&transport=polling"));
    list(&b, &l, 0, 100);
    assert_int_equal(l.n, 2);
    assert_true(inspect_find(&b.in, l.c[1].id, &c));
    assert_non_null(c.eio);
    inspect_end(&c, "because");
    sl__loop_crank(b.loop, 60000);
    list(&b, &l, 0, 100);
    for (int i = 0; i < l.n; i++)
        assert_null(l.c[i].eio);
    close_bench(&b);
}

/* ---- being told ---- */

static void add(struct bench *b, const char *what, sl_str text)
{
    size_t n = strlen(b->log);

    snprintf(b->log + n, sizeof b->log - n, "%s %.*s;", what, (int)text.len,
             text.len > 0 ? text.ptr : "");
}

static void on_opened(const struct inspected *c, void *user)
{
    struct inspect_facts f;
    struct bench *b = user;

    inspect_look(&b->in, c, &f);
    add(b, "opened", sl_str_of(f.protocol));
}

static void on_ended(const struct inspected *c, int code, sl_str reason, void *user)
{
    assert_int_not_equal(c->id, 0);
    (void)code;
    add(user, "ended", reason);
}

static void on_joined(const sl_sio_socket *s, sl_str room, void *user)
{
    (void)s;
    add(user, "joined", room);
}

static void on_emitted(const sl_sio_socket *to, sl_str event, size_t bytes, uint32_t n,
                       void *user)
{
    assert_null(to);
    assert_int_equal(n, 1);
    assert_true(bytes > event.len);
    add(user, "emitted", event);
}

static void test_observer(void **state)
{
    struct bench b;
    struct observer o = {on_opened, on_ended, on_joined, on_emitted, &b};
    sl_sio_packet *p = sl_sio_packet_new("news");
    struct mem_stream *m;

    (void)state;
    open_bench(&b);
    inspect_set_observer(&b.in, &o);
    call(&b, UPGRADE("/ws"));
    call(&b, GET("/stream"));
    m = call(&b, UPGRADE("/socket.io/?EIO=4&transport=websocket"));
    say(&b, m, 0x81, "40");
    assert_int_equal(sl_sio_broadcast(b.sio, &(sl_sio_target){0}, p), 0);
    sl_sio_packet_free(p);
    sl_ws_close(b.ws, 1000, "");
    sl__stream_close(&b.peer[0]->s, SL_E_CLOSED);
    sl__loop_crank(b.loop, 0);
    sl__stream_close(&m->s, SL_E_CLOSED);
    sl__loop_crank(b.loop, 0);
    assert_string_equal(b.log, "opened raw;opened http/1.1;opened engine.io 4;joined ;"
                               "joined yard;emitted news;ended ;ended transport close;");
    inspect_set_observer(&b.in, NULL);
    call(&b, UPGRADE("/ws"));
    assert_int_equal(strlen(b.log),
                     strlen("opened raw;opened http/1.1;opened engine.io 4;joined ;"
                            "joined yard;emitted news;ended ;ended transport close;"));
    close_bench(&b);
}

#define CASE(name) cmocka_unit_test(test_##name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_kind),
        CASE(rooms),
        CASE(pages),
        CASE(who_stops_goes_on_behind),
        CASE(round_trip_of_a_ping),
        CASE(round_trip_of_engine_io),
        CASE(queue_and_conflated),
        CASE(end),
        CASE(end_of_a_poll),
        CASE(observer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
