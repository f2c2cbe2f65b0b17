/* SPDX-License-Identifier: MIT */
/*
 * A stranger's program: public headers and the installed library only. It serves a WebSocket
 * echo on a port of the system's choice, talks to it over a socket of its own from a second
 * thread, and exits with 0 if what came back is what the standard says. The first poll of a
 * Socket.IO client is answered as well.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* RFC 6455 §1.3 gives this key and its answer; §5.7 gives "Hello" masked, and its echo plain.
 */
static const char hello[] = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char accepted[] = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
static const char masked[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
static const char plain[] = "\x81\x05Hello";

static const char first_poll[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"
                                 "Host: localhost\r\n\r\n";
static const char opened[] = "0{\"sid\":\"";

static sl_loop *loop;
static uint16_t port;
static int wrong = 1;

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    (void)index;
    (void)user;
    sl_ws_send(ws, m);
}

/* Read until `want` bytes lie behind the answer's head; false if the peer ends before. */
static int read_answer(int fd, char *in, size_t size, size_t want)
{
    size_t n = 0;

    memset(in, 0, size);
    while (n < size - 1) {
        const char *end = strstr(in, "\r\n\r\n");
        ssize_t r;

        if (end != NULL && n >= (size_t)(end + 4 - in) + want) return 1;
        r = recv(fd, in + n, size - 1 - n, 0);
        if (r <= 0) return 0;
        n += (size_t)r;
    }
    return 0;
}

/* Connect, send, and read until `want` bytes lie behind the answer's head. */
static int ask(const char *bytes, size_t len, char *in, size_t size, size_t want)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0), ok;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ok = connect(fd, (struct sockaddr *)&to, sizeof to) == 0
         && send(fd, bytes, len, 0) == (ssize_t)len && read_answer(fd, in, size, want);
    close(fd);
    return ok;
}

static const char *body(const char *answer)
{
    return strstr(answer, "\r\n\r\n") + 4;
}

static int websocket_echoes(char *in, size_t size)
{
    char both[512];
    size_t n = sizeof hello - 1;

    memcpy(both, hello, n);
    memcpy(both + n, masked, sizeof masked - 1);
    return ask(both, n + sizeof masked - 1, in, size, sizeof plain - 1)
           && strstr(in, "101 ") != NULL && strstr(in, accepted) != NULL
           && memcmp(body(in), plain, sizeof plain - 1) == 0;
}

static int socket_io_opens(char *in, size_t size)
{
    return ask(first_poll, sizeof first_poll - 1, in, size, sizeof opened - 1)
           && strstr(in, "200 ") != NULL && memcmp(body(in), opened, sizeof opened - 1) == 0;
}

static void *talk(void *unused)
{
    char in[2048] = "";

    wrong = !websocket_echoes(in, sizeof in) || !socket_io_opens(in, sizeof in);
    if (wrong) fprintf(stderr, "not what was expected: %s\n", in);
    sl_loop_stop(loop, 1000);
    return unused;
}

int main(void)
{
    static const sl_ws_ops echo = {.on_message = on_message};
    static const sl_sio_namespace names = {.name = "/"};
    const sl_sio_options with = {.namespaces = &names, .namespace_count = 1};
    sl_route routes[1 + SL_SIO_ROUTES] = {SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &echo, NULL)};
    sl_server_options options = {.routes = routes, .route_count = 1 + SL_SIO_ROUTES};
    sl_sio *sio;
    sl_server *server;
    sl_error err;
    pthread_t client;
    int rc;

    if (sl_loop_new(&loop) < 0) return 2;
    if (sl_sio_new(loop, &with, &sio, &err) < 0) return 2;
    sl_sio_put_routes(sio, SL_RIGHT_OPEN, routes + 1);
    if (sl_server_new(loop, &options, &server, &err) < 0
        || sl_server_listen(server, "127.0.0.1:0", &port, &err) < 0) {
        fprintf(stderr, "%s: %s\n", err.where, err.text);
        return 2;
    }
    if (pthread_create(&client, NULL, talk, NULL) != 0) return 2;
    rc = sl_loop_run(loop);
    pthread_join(client, NULL);
    sl_server_free(server);
    sl_sio_free(sio);
    sl_loop_free(loop);
    return rc < 0 || wrong;
}
