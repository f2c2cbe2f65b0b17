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

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB (1024u * 1024)

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    (void)index, (void)user;
    if (sl_ws_send(ws, m) == SL_E_FULL) sl_ws_close(ws, 1013, "you send faster than you read");
}

static void on_eio_message(sl_sio_socket *s, const sl_message *m, void *user)
{
    (void)user;
    if (sl_sio_send_plain(s, m) < 0) sl_sio_disconnect(s, true);
}

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

struct settings {
    const char *host, *port, *root, *cors;
    sl_sio_options eio, sio;
    uint32_t deflate_min;
};

/* Whether --cors names this website: "reflect" is any, else they stand between commas. */
static bool is_named(const struct settings *set, sl_str origin)
{
    const char *at = set->cors;

    if (strcmp(at, "reflect") == 0) return true;
    while (*at != '\0') {
        size_t n = strcspn(at, ",");
        if (n == origin.len && memcmp(at, origin.ptr, n) == 0) return true;
        at += n + (at[n] == ',');
    }
    return false;
}

/* Who may read answers, with cookies. */
static sl_str allow_origin(sl_request *r, sl_str origin, void *user)
{
    (void)r;
    return is_named(user, origin) ? origin : (sl_str){0};
}

/* Browsers ask no leave for a WebSocket: here it is refused, with all else of that website. */
static bool is_allowed(sl_request *r, int right, void *user)
{
    const struct settings *set = user;
    sl_str origin = sl_request_header(r, "Origin");

    (void)right;
    return origin.ptr == NULL || strcmp(set->cors, "*") == 0 || is_named(set, origin);
}

static int run(const char *address, const struct settings *set)
{
    static const sl_ws_ops echo = {.on_message = on_message, .message_max = 64 * MIB};
    sl_route routes[4 + 2 * SL_SIO_ROUTES] = {
        SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &echo, NULL),
        SL_ROUTE(SL_POST, "/http-echo", SL_RIGHT_OPEN, on_http_echo, NULL),
        SL_ROUTE(SL_GET, "/static/*path", SL_RIGHT_OPEN, on_static, (void *)set->root),
        SL_ROUTE(SL_GET, "/", SL_RIGHT_OPEN, on_root, NULL),
    };
    const sl_server_options o = {
        .routes = routes,
        .route_count = sizeof routes / sizeof routes[0],
        .is_allowed = is_allowed,
        .allow_origin = strcmp(set->cors, "*") == 0 ? NULL : allow_origin,
        .user = (void *)set,
        .deflate_min = set->deflate_min,
        .deflate_binary = true, /* it all came compressed, or not */
        .queue_max = 128 * MIB, /* two of the largest messages may wait for a slow reader */
    };
    sl_loop *loop = NULL;
    sl_server *server = NULL;
    sl_sio *eio = NULL, *sio = NULL;
    sl_error err = {0};
    uint16_t port;
    int rc = sl_loop_new(&loop);

    if (rc == 0) rc = sl_loop_stop_on_signals(loop, 3000);
    if (rc == 0) rc = sl_sio_new(loop, &set->eio, &eio, &err);
    if (rc == 0) sl_sio_put_routes(eio, SL_RIGHT_OPEN, routes + 4);
    if (rc == 0) rc = sl_sio_new(loop, &set->sio, &sio, &err);
    if (rc == 0) sl_sio_put_routes(sio, SL_RIGHT_OPEN, routes + 4 + SL_SIO_ROUTES);
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
    sl_sio_free(eio);
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
          "               default), '*' (any, without), or those of a list with commas\n"
          "  --ping-interval MS, --ping-timeout MS\n"
          "               heartbeat of Engine.IO (default 300, 200)\n"
          "  --connect-timeout MS\n"
          "               for the first namespace of Socket.IO (default 1000)\n"
          "  --max-payload BYTES\n"
          "               of one message of Socket.IO or Engine.IO (default 1000000)\n"
          "  --poll-packets N\n"
          "               in one poll; older Python clients refuse 17 (default 0: any number)\n"
          "  --eio3 [no]  whether Engine.IO 3 is spoken as well (default: it is)\n"
          "  --deflate [N]\n"
          "               permessage-deflate from N bytes on, 1024 if none is said\n"
          "  --recovery [MS]\n"
          "               for clients of 4.x: sessions that were cut off are kept for so\n"
          "               long, 120000 if none is said\n"
          "  --help       this\n",
          to);
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

/* The word behind an option that may have one. */
static const char *word_or(int argc, char **argv, const char *otherwise)
{
    if (optarg != NULL) return optarg;
    return optind < argc && argv[optind][0] != '-' ? argv[optind++] : otherwise;
}

static struct settings defaults(void)
{
    static const sl_sio_namespace plain = {.name = "/"};
    struct settings s = {.host = "127.0.0.1", .port = "9000", .cors = "reflect"};

    s.eio = (sl_sio_options){
        .path = "/engine.io/",
        .namespaces = &plain,
        .namespace_count = 1,
        .on_plain_message = on_eio_message,
        .ping_interval_ms = 300,
        .ping_timeout_ms = 200,
    };
    s.sio = (sl_sio_options){
        .namespaces = echo_namespaces,
        .namespace_count = ECHO_NAMESPACES,
        .ping_interval_ms = 300,
        .ping_timeout_ms = 200,
        .connect_timeout_ms = 1000,
        .queue_max = 64 * MIB, /* a burst waits as a whole */
    };
    return s;
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
        {"max-payload",     required_argument, NULL, 'm'},
        {"poll-packets",    required_argument, NULL, 'l'},
        {"eio3",            optional_argument, NULL, '3'},
        {"deflate",         optional_argument, NULL, 'd'},
        {"recovery",        optional_argument, NULL, 'R'},
        {"help",            no_argument,       NULL, 'h'},
        {NULL,              0,                 NULL, 0  },
    };
    struct settings s = defaults();
    char address[128];

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'p': s.port = optarg; break;
        case 'a': s.host = optarg; break;
        case 'r': s.root = optarg; break;
        case 'c': s.cors = optarg; break;
        case 'i': s.eio.ping_interval_ms = s.sio.ping_interval_ms = number(optarg); break;
        case 't': s.eio.ping_timeout_ms = s.sio.ping_timeout_ms = number(optarg); break;
        case 'n': s.sio.connect_timeout_ms = number(optarg); break;
        case 'm': s.eio.payload_max = s.sio.payload_max = number(optarg); break;
        case 'l': s.sio.poll_packets_max = number(optarg); break;
        case '3':
            s.eio.no_eio3 = s.sio.no_eio3 = strcmp(word_or(argc, argv, "yes"), "no") == 0;
            break;
        case 'd': s.deflate_min = number(word_or(argc, argv, "1024")); break;
        case 'R': s.sio.recovery_ms = number(word_or(argc, argv, "120000")); break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 64;
        }
    }
    snprintf(address, sizeof address, strchr(s.host, ':') ? "[%s]:%s" : "%s:%s", s.host,
             s.port);
    return run(address, &s);
}
