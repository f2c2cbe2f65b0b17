/* SPDX-License-Identifier: MIT */
/* The server's own life, and once the whole way over real sockets. */
#include "serve/http_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_hello(sl_request *r, void *user)
{
    char *peer = user;

    if (peer != NULL) snprintf(peer, PEER_TEXT_SIZE, "%s", sl_request_peer(r));
    sl_answer(r, 200, "text/plain", SL_STR("hello"));
}

static char peer_seen[PEER_TEXT_SIZE];

static const sl_route routes[] = {
    SL_ROUTE(SL_GET, "/hello", SL_RIGHT_OPEN, on_hello, peer_seen),
};

static const sl_server_options options = {.routes = routes, .route_count = 1};

static void test_bad_row(void **state)
{
    const sl_route bad[] = {
        routes[0], {SL_GET, "/x", 0, on_hello, NULL, NULL, 0}
    };
    const sl_server_options o = {.routes = bad, .route_count = 2};
    sl_loop *loop;
    sl_server *s;
    sl_error err = {0};

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_equal(sl_server_new(loop, &o, &s, &err), SL_E_INVAL);
    assert_null(s);
    assert_has(err.where, "route 1, /x");
    assert_has(err.text, "SL_RIGHT_OPEN");
    sl_server_free(NULL);
    sl_loop_free(loop);
}

static void test_defaults(void **state)
{
    struct kit k;
    const sl_server_options *o;

    (void)state;
    kit_open(&k, &options);
    o = &k.server->options;
    assert_int_equal(o->head_max, 16384);
    assert_int_equal(o->body_max, 10 << 20);
    assert_int_equal(o->head_ms, 10000);
    assert_int_equal(o->body_ms, 20000);
    assert_int_equal(o->idle_ms, 75000);
    assert_true(o->connections_max > 0 && o->connections_max <= 60000);
    assert_int_equal(o->connections_per_address_max, 512);
    assert_int_equal(o->cork_us, 2000);
    assert_int_equal(o->queue_max, 4 << 20);
    assert_int_equal(o->queue_total_max, 64 << 20);
    kit_close(&k);
}

/* All queues together are never less than what one of them may be. */
static void test_one_full_queue_fits_into_the_total(void **state)
{
    sl_server_options o = options;
    struct kit k;

    (void)state;
    o.queue_max = 128 << 20;
    kit_open(&k, &o);
    assert_int_equal(k.server->options.queue_total_max, 128 << 20);
    kit_close(&k);
}

/* The default follows what the limit of open files is raised to, not where the shell left it.
 */
static void test_open_files(void **state)
{
    struct rlimit old, now;
    struct kit k;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    now = (struct rlimit){.rlim_cur = 256, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    kit_open(&k, &options);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(now.rlim_cur == old.rlim_max);
    if (now.rlim_cur < 60000 && now.rlim_cur > 256)
        assert_int_equal(k.server->options.connections_max, now.rlim_cur - 64);
    kit_close(&k);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_no_memory(void **state)
{
    sl_loop *loop;
    sl_server *s;
    int rc = SL_E_NOMEM;

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    for (long n = 0; rc != 0; n++) {
        assert_true(n < 100);
        sl__alloc_fail_after(n);
        rc = sl_server_new(loop, &options, &s, NULL);
        sl__alloc_fail_after(-1);
        assert_true(rc == SL_E_NOMEM || rc == 0);
        assert_true((s != NULL) == (rc == 0));
    }
    sl_server_free(s);
    sl_loop_free(loop);
}

static void test_listen_errors(void **state)
{
    static const char *const wrong[] = {
        "",    "nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", "name.invalid:1",
        "[::1"};
    char address[64];
    struct kit k;
    sl_error err = {0};
    uint16_t port = 1, second;

    (void)state;
    kit_open(&k, &options);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err = (sl_error){0};
        assert_true(sl_server_listen(k.server, wrong[i], &port, &err) < 0);
        assert_true(err.text[0] != '\0');
        assert_int_equal(port, 0);
    }
    assert_int_equal(sl_server_listen(k.server, NULL, NULL, &err), SL_E_INVAL);
    assert_int_equal(sl_server_listen(k.server, "127.0.0.1:0", &port, &err), 0);
    assert_int_equal(sl_server_listen(k.server, "127.0.0.1:0", &second, &err), 0);
    assert_true(port != 0 && second != 0 && port != second);
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    assert_true(sl_server_listen(k.server, address, NULL, &err) < 0);
    assert_has(err.where, address);
    assert_has(err.text, "another program listens there");
    kit_close(&k);
}

/* How many sockets the server takes over when `fd` stands in the first one's place. */
static int inherit(sl_server *s, sl_error *err)
{
    char pid[16];
    int rc;

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    rc = sl_server_listen_inherited(s, err);
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    return rc;
}

static void test_inherited(void **state)
{
    int before = fcntl(3, F_GETFD), kept = before < 0 ? -1 : dup(3);
    int none = open("/dev/null", O_RDONLY), listening = socket(AF_INET, SOCK_STREAM, 0);
    struct kit k;
    sl_error err = {0};

    (void)state;
    assert_int_equal(listen(listening, 1), 0);
    if (none != 3) assert_int_equal(dup2(none, 3), 3);
    kit_open(&k, &options);
    assert_int_equal(sl_server_listen_inherited(k.server, NULL), 0);
    assert_true(inherit(k.server, &err) < 0); /* no socket: said, not crashed */
    assert_has(err.text, "no socket");
    assert_int_equal(dup2(listening, 3), 3);
    assert_int_equal(inherit(k.server, &err), 1);
    kit_close(&k); /* and the socket with it */
    assert_int_equal(fcntl(3, F_GETFD), -1);
    if (none != 3) close(none);
    close(listening);
    if (kept >= 0) assert_int_equal(dup2(kept, 3), 3);
    if (kept >= 0) close(kept);
}

/* ---- real sockets ---- */

static int dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Receive until `end` has come or the peer has closed, while the loop turns. */
static size_t receive(sl_loop *loop, int fd, char *buf, size_t size, const char *end)
{
    size_t len = 0;

    for (int turns = 0; turns < 1000; turns++) {
        uv_run(loop->uv, UV_RUN_NOWAIT);
        ssize_t n = recv(fd, buf + len, size - 1 - len, MSG_DONTWAIT);
        if (n == 0) break;
        if (n > 0) len += (size_t)n;
        buf[len] = '\0';
        if (end != NULL && strstr(buf, end) != NULL) break;
        if (n < 0) poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1);
    }
    return len;
}

static void test_real_sockets(void **state)
{
    static const char ask[] = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
    sl_loop *loop;
    sl_server *s;
    char buf[4096], address[64];
    uint16_t port, again;

    (void)state;
    for (int round = 0; round < 2; round++) { /* the port is free again at once */
        assert_int_equal(sl_loop_new(&loop), 0);
        assert_int_equal(sl_server_new(loop, &options, &s, NULL), 0);
        snprintf(address, sizeof address, "127.0.0.1:%u", round ? port : 0);
        assert_int_equal(sl_server_listen(s, address, &again, NULL), 0);
        port = again;

        int fd = dial(port), idle = dial(port);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL), sizeof ask - 1);
            receive(loop, fd, buf, sizeof buf, "\r\n\r\nhello");
            assert_has(buf, "HTTP/1.1 200 OK\r\nDate: ");
        }
        assert_memory_equal(peer_seen, "127.0.0.1:", 10);
        assert_false(list_is_empty(&s->connections));

        sl_loop_stop(loop, 1000);
        assert_int_equal(sl_loop_run(loop), 0);
        assert_int_equal(receive(loop, fd, buf, sizeof buf, NULL), 0); /* closed, not a byte */
        assert_int_equal(receive(loop, idle, buf, sizeof buf, NULL), 0);
        assert_true(list_is_empty(&s->connections));
        close(fd);
        close(idle);
        sl_server_free(s);
        sl_loop_free(loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_row),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_one_full_queue_fits_into_the_total),
        cmocka_unit_test(test_open_files),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_listen_errors),
        cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_real_sockets),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("serve/server", tests, NULL, NULL);
}
