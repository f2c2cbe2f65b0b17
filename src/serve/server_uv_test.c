/* SPDX-License-Identifier: MIT */
/* A whole server on a loop of the host's own, by real sockets: served, stopped, given up. */
#include "sluice/sio.h"
#include "sluice/uv.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPEN "0{\"sid\":\""

struct host {
    uv_loop_t uv;
    uv_timer_t tick; /* the host's own: emits */
    sl_loop *loop;
    sl_server *server;
    sl_sio *sio;
    sl_route rows[SL_SIO_ROUTES];
    uint16_t port;
};

static void on_disconnect(sl_sio_socket *s, const char *reason, void *user)
{
    (void)s, (void)reason;
    (*(int *)user)++;
}

static int left_of_all;

static int set_up(void **state)
{
    static const sl_sio_namespace root = {
        .name = "/", .on_disconnect = on_disconnect, .user = &left_of_all};
    const sl_sio_options with = {.namespaces = &root, .namespace_count = 1};
    struct host *h = calloc(1, sizeof *h);
    sl_server_options o = {.route_count = SL_SIO_ROUTES};

    assert_non_null(h);
    left_of_all = 0;
    o.routes = h->rows;
    assert_int_equal(uv_loop_init(&h->uv), 0);
    assert_int_equal(sl_loop_on_uv(&h->uv, &h->loop), 0);
    assert_int_equal(sl_sio_new(h->loop, &with, &h->sio, NULL), 0);
    sl_sio_put_routes(h->sio, SL_RIGHT_OPEN, h->rows);
    assert_int_equal(sl_server_new(h->loop, &o, &h->server, NULL), 0);
    assert_int_equal(sl_server_listen(h->server, "127.0.0.1:0", &h->port, NULL), 0);
    *state = h;
    return 0;
}

static void free_all(struct host *h)
{
    sl_server_free(h->server);
    sl_sio_free(h->sio);
    sl_loop_free(h->loop);
}

static int tear_down(void **state)
{
    struct host *h = *state;

    assert_int_equal(uv_loop_close(&h->uv), 0); /* nothing of ours is left on it */
    free(h);
    return 0;
}

static int dial(const struct host *h)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(h->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* What comes until `end` has come, while the host's loop turns; "" if the server closed. */
static const char *receive(struct host *h, int fd, const char *end)
{
    static char in[4096];
    size_t n = 0;

    in[0] = '\0';
    for (;;) {
        ssize_t got;

        uv_run(&h->uv, UV_RUN_NOWAIT);
        got = recv(fd, in + n, sizeof in - 1 - n, MSG_DONTWAIT);
        if (got == 0) return "";
        if (got > 0) n += (size_t)got;
        in[n] = '\0';
        if (strstr(in, end) != NULL) return in;
    }
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* A Socket.IO client by polling, in "/": `sid` receives its session's. */
static int join(struct host *h, char sid[64])
{
    int fd = dial(h);
    const char *at;

    say(fd, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n");
    at = strstr(receive(h, fd, "\"maxPayload\":1000000}"), OPEN);
    assert_non_null(at);
    assert_int_equal(sscanf(at, OPEN "%63[^\"]", sid), 1);
    dprintf(fd,
            "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: h\r\n"
            "Content-Length: 2\r\n\r\n40",
            sid);
    receive(h, fd, "\r\n\r\nok");
    return fd;
}

static void poll_of(int fd, const char *sid)
{
    dprintf(fd, "GET /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: h\r\n\r\n",
            sid);
}

static void on_tick(uv_timer_t *t)
{
    struct host *h = t->data;
    sl_sio_packet *p = sl_sio_packet_new("tick");

    assert_non_null(p);
    assert_int_equal(sl_sio_broadcast(h->sio, &(sl_sio_target){0}, p), 0);
    sl_sio_packet_free(p);
    uv_close((uv_handle_t *)t, NULL);
}

static void a_timer_of_the_host_emits(void **state)
{
    struct host *h = *state;
    char sid[64];
    int fd = join(h, sid);

    poll_of(fd, sid);
    receive(h, fd, "40{\"sid\":");
    poll_of(fd, sid);
    uv_timer_init(&h->uv, &h->tick);
    h->tick.data = h;
    uv_timer_start(&h->tick, on_tick, 1, 0);
    receive(h, fd, "\r\n\r\n42[\"tick\"]");
    close(fd);
    sl_loop_stop(h->loop, 1000);
    assert_int_equal(uv_run(&h->uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(left_of_all, 1);
    free_all(h);
}

static void stopped_while_connections_are_open(void **state)
{
    struct host *h = *state;
    char sid[64], other[64];
    int polls = join(h, sid), rests = join(h, other), silent = dial(h);

    poll_of(polls, sid);
    receive(h, polls, "40{\"sid\":");
    poll_of(polls, sid);
    uv_run(&h->uv, UV_RUN_NOWAIT);
    sl_loop_stop(h->loop, 200);
    assert_int_equal(uv_run(&h->uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(left_of_all, 2);
    assert_int_equal(uv_loop_alive(&h->uv), 0);
    close(polls);
    close(rests);
    close(silent);
    free_all(h);
}

/* As a program does whose second port was taken, say. */
static void given_up_before_it_ran(void **state)
{
    struct host *h = *state;

    free_all(h);
    assert_int_equal(uv_run(&h->uv, UV_RUN_DEFAULT), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_timer_of_the_host_emits),
        TEST(stopped_while_connections_are_open),
        TEST(given_up_before_it_ran),
    };

    return cmocka_run_group_tests_name("serve/server_uv", tests, NULL, NULL);
}
