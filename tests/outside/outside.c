/* SPDX-License-Identifier: MIT */
/*
 * A stranger's program: public headers and the installed library only. It serves a WebSocket
 * echo on a port of the system's choice, talks to it over a socket of its own from a second
 * thread, and exits with 0 if what came back is what the standard says.
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

static void *talk(void *unused)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char in[2048];

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0
        && send(fd, hello, sizeof hello - 1, 0) > 0
        && send(fd, masked, sizeof masked - 1, 0) > 0
        && read_answer(fd, in, sizeof in, sizeof plain - 1)) {
        int ok = strstr(in, "101 ") != NULL && strstr(in, accepted) != NULL;

        wrong = !(ok && memcmp(strstr(in, "\r\n\r\n") + 4, plain, sizeof plain - 1) == 0);
    }
    if (wrong) fprintf(stderr, "not what was expected: %s\n", in);
    close(fd);
    sl_loop_stop(loop, 1000);
    return unused;
}

int main(void)
{
    static const sl_ws_ops echo = {.on_message = on_message};
    static const sl_route routes[] = {SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &echo, NULL)};
    sl_server_options options = {.routes = routes, .route_count = 1};
    sl_server *server;
    sl_error err;
    pthread_t client;
    int rc;

    if (sl_loop_new(&loop) < 0) return 2;
    if (sl_server_new(loop, &options, &server, &err) < 0
        || sl_server_listen(server, "127.0.0.1:0", &port, &err) < 0) {
        fprintf(stderr, "%s: %s\n", err.where, err.text);
        return 2;
    }
    if (pthread_create(&client, NULL, talk, NULL) != 0) return 2;
    rc = sl_loop_run(loop);
    pthread_join(client, NULL);
    sl_server_free(server);
    sl_loop_free(loop);
    return rc < 0 || wrong;
}
