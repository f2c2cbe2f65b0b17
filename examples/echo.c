/* SPDX-License-Identifier: MIT */
/*
 * The smallest whole server on the library, and what its conformance is tested with:
 *
 *   /ws          WebSocket: each message comes back, text as text and binary as binary
 *   /engine.io/  the same by Engine.IO: long-polling, WebSocket, and from one to the other
 *   /socket.io/  Socket.IO for clients of 2.x, 3.x and 4.x: see echo_sio.c
 *   /http-echo   POST: the body comes back
 *   /static/…    files below --root
 *   /            a few words
 */
#include "sluice/sluice.h"

#include "echo_sio.h"
#include "serve/eio_session.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB (1024u * 1024)

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    (void)index, (void)user;
    if (sl_ws_send(ws, m) == SL_E_FULL) sl_ws_close(ws, 1013, "you send faster than you read");
}

static void on_eio_message(struct eio_session *s, const sl_message *m,
                           const sl_json_index *index, void *user)
{
    struct eio_message *copy = eio_message_new(m, 1);

    (void)index, (void)user;
    if (copy == NULL || eio_send(s, copy, 0) < 0) eio_close(s);
    eio_message_drop(copy);
}

static void on_eio_close(struct eio_session *s, const char *reason, void *user)
{
    (void)s, (void)reason, (void)user;
}

static const struct eio_events eio_echo = {
    .on_message = on_eio_message,
    .on_close = on_eio_close,
};

static void on_http_echo(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "application/octet-stream", sl_request_body(r));
}

static void on_static(sl_request *r, void *user)
{
    const char *root = user;

    if (root == NULL)
        sl_answer_error(r, 404, "no folder is served: start with --root DIR");
    else
        sl_answer_file(r, root, sl_request_param(r, "path"));
}

static void on_root(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain; charset=utf-8",
              SL_STR("sluice echo: WebSocket on /ws, Engine.IO on /engine.io/, Socket.IO on "
                     "/socket.io/, POST /http-echo, files on /static/\n"));
}

/* Any origin may read and send its cookies: an example guards nothing. */
static sl_str reflect(sl_request *r, sl_str origin, void *user)
{
    (void)r, (void)user;
    return origin;
}

struct settings {
    const char *host, *port, *root, *cors;
    struct eio_options eio;
    uint32_t deflate_min;
    uint32_t connect_timeout_ms;
};

/* As the bare engine below it. */
static sl_sio_options sio_options(const struct settings *set)
{
    return (sl_sio_options){
        .namespaces = echo_namespaces,
        .namespace_count = ECHO_NAMESPACES,
        .ping_interval_ms = set->eio.ping_interval_ms,
        .ping_timeout_ms = set->eio.ping_timeout_ms,
        .connect_timeout_ms = set->connect_timeout_ms,
        .queue_max = 64 * MIB, /* a burst waits as a whole */
        .no_eio3 = !set->eio.eio3,
    };
}

static int run(const char *address, const struct settings *set)
{
    static const sl_ws_ops echo = {.on_message = on_message, .message_max = 64 * MIB};
    sl_route routes[4 + EIO_ROUTES + SL_SIO_ROUTES] = {
        SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &echo, NULL),
        SL_ROUTE(SL_POST, "/http-echo", SL_RIGHT_OPEN, on_http_echo, NULL),
        SL_ROUTE(SL_GET, "/static/*path", SL_RIGHT_OPEN, on_static, (void *)set->root),
        SL_ROUTE(SL_GET, "/", SL_RIGHT_OPEN, on_root, NULL),
    };
    const sl_server_options o = {
        .routes = routes,
        .route_count = sizeof routes / sizeof routes[0],
        .allow_origin = strcmp(set->cors, "*") == 0 ? NULL : reflect,
        .deflate_min = set->deflate_min,
        .deflate_binary = true, /* it all came compressed, or not */
        .queue_max = 128 * MIB, /* two of the largest messages may wait for a slow reader */
    };
    const sl_sio_options with = sio_options(set);
    sl_loop *loop = NULL;
    sl_server *server = NULL;
    struct eio_server *eio = NULL;
    sl_sio *sio = NULL;
    sl_error err = {0};
    uint16_t port;
    int rc = sl_loop_new(&loop);

    if (rc == 0) rc = sl_loop_stop_on_signals(loop, 3000);
    if (rc == 0) rc = eio_server_new(loop, &set->eio, &eio);
    if (rc == 0) eio_put_routes(eio, "/engine.io/", SL_RIGHT_OPEN, routes + 4);
    if (rc == 0) rc = sl_sio_new(loop, &with, &sio, &err);
    if (rc == 0) sl_sio_put_routes(sio, SL_RIGHT_OPEN, routes + 4 + EIO_ROUTES);
    if (rc == 0) rc = sl_server_new(loop, &o, &server, &err);
    if (rc == 0) rc = sl_server_listen(server, address, &port, &err);
    if (rc == 0) {
        fprintf(stderr, "echo: listening on port %u\n", port);
        rc = sl_loop_run(loop);
    } else {
        fprintf(stderr, "echo: %s: %s\n", err.where, err.text);
    }
    sl_server_free(server);
    sl_sio_free(sio);
    eio_server_free(eio);
    sl_loop_free(loop);
    return rc < 0;
}

static void usage(FILE *to)
{
    fputs("Send back what comes in, over WebSocket, Socket.IO, Engine.IO and HTTP.\n\n"
          "  echo --port 9000\n"
          "  echo --port 9000 --root ./public     and serve files on /static/\n"
          "  curl --data-binary @file http://127.0.0.1:9000/http-echo\n\n"
          "  --port N     port (default 9000, 0: any)\n"
          "  --host ADDR  address to listen on (default 127.0.0.1)\n"
          "  --root DIR   folder of /static/\n"
          "  --cors WHO   which websites may read answers: reflect (any, with cookies; the\n"
          "               default) or '*' (any, without)\n"
          "  --ping-interval MS, --ping-timeout MS\n"
          "               heartbeat of Engine.IO (default 300, 200)\n"
          "  --connect-timeout MS\n"
          "               for the first namespace of Socket.IO (default 1000)\n"
          "  --eio3 YESNO whether Engine.IO 3 is spoken as well (default yes)\n"
          "  --deflate N  permessage-deflate from N bytes on (default 0: off)\n"
          "  --help       this\n",
          to);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port",            required_argument, NULL, 'p'},
        {"host",            required_argument, NULL, 'a'},
        {"root",            required_argument, NULL, 'r'},
        {"cors",            required_argument, NULL, 'c'},
        {"ping-interval",   required_argument, NULL, 'i'},
        {"ping-timeout",    required_argument, NULL, 't'},
        {"connect-timeout", required_argument, NULL, 'n'},
        {"eio3",            required_argument, NULL, '3'},
        {"deflate",         required_argument, NULL, 'd'},
        {"help",            no_argument,       NULL, 'h'},
        {NULL,              0,                 NULL, 0  },
    };
    struct settings s = {
        .host = "127.0.0.1", .port = "9000", .cors = "reflect", .connect_timeout_ms = 1000};
    char address[128];

    s.eio = (struct eio_options){
        .events = &eio_echo, .ping_interval_ms = 300, .ping_timeout_ms = 200, .eio3 = true};

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'p': s.port = optarg; break;
        case 'a': s.host = optarg; break;
        case 'r': s.root = optarg; break;
        case 'c': s.cors = optarg; break;
        case 'i': s.eio.ping_interval_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 't': s.eio.ping_timeout_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'n': s.connect_timeout_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
        case '3': s.eio.eio3 = strcmp(optarg, "no") != 0; break;
        case 'd': s.deflate_min = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 64;
        }
    }
    snprintf(address, sizeof address, strchr(s.host, ':') ? "[%s]:%s" : "%s:%s", s.host,
             s.port);
    return run(address, &s);
}
