/* SPDX-License-Identifier: MIT */
/*
 * The smallest whole server on the library, and what its conformance is tested with:
 *
 *   /ws         WebSocket: each message comes back, text as text and binary as binary
 *   /http-echo  POST: the body comes back
 *   /static/…   files below --root
 *   /           a few words
 */
#include "sluice/sluice.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB (1024u * 1024)

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    (void)index, (void)user;
    if (sl_ws_send(ws, m) == SL_E_FULL) sl_ws_close(ws, 1013, "you send faster than you read");
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
              SL_STR("sluice echo: WebSocket on /ws, POST /http-echo, files on /static/\n"));
}

static int run(const char *address, const char *root)
{
    static const sl_ws_ops echo = {.on_message = on_message, .message_max = 64 * MIB};
    const sl_route routes[] = {
        SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &echo, NULL),
        SL_ROUTE(SL_POST, "/http-echo", SL_RIGHT_OPEN, on_http_echo, NULL),
        SL_ROUTE(SL_GET, "/static/*path", SL_RIGHT_OPEN, on_static, (void *)root),
        SL_ROUTE(SL_GET, "/", SL_RIGHT_OPEN, on_root, NULL),
    };
    const sl_server_options o = {
        .routes = routes,
        .route_count = sizeof routes / sizeof routes[0],
        .queue_max = 128 * MIB, /* two of the largest messages may wait for a slow reader */
    };
    sl_loop *loop = NULL;
    sl_server *server = NULL;
    sl_error err = {0};
    uint16_t port;
    int rc = sl_loop_new(&loop);

    if (rc == 0) rc = sl_loop_stop_on_signals(loop, 3000);
    if (rc == 0) rc = sl_server_new(loop, &o, &server, &err);
    if (rc == 0) rc = sl_server_listen(server, address, &port, &err);
    if (rc == 0) {
        fprintf(stderr, "echo: listening on port %u\n", port);
        rc = sl_loop_run(loop);
    } else {
        fprintf(stderr, "echo: %s: %s\n", err.where, err.text);
    }
    sl_server_free(server);
    sl_loop_free(loop);
    return rc < 0;
}

static void usage(FILE *to)
{
    fputs("Send back what comes in, over WebSocket and HTTP.\n\n"
          "  echo --port 9000\n"
          "  echo --port 9000 --root ./public     and serve files on /static/\n"
          "  curl --data-binary @file http://127.0.0.1:9000/http-echo\n\n"
          "  --port N     port (default 9000, 0: any)\n"
          "  --host ADDR  address to listen on (default 127.0.0.1)\n"
          "  --root DIR   folder of /static/\n"
          "  --help       this\n",
          to);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"host", required_argument, NULL, 'a'},
        {"root", required_argument, NULL, 'r'},
        {"help", no_argument,       NULL, 'h'},
        {NULL,   0,                 NULL, 0  },
    };
    const char *host = "127.0.0.1", *root = NULL, *port = "9000";
    char address[128];

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'p': port = optarg; break;
        case 'a': host = optarg; break;
        case 'r': root = optarg; break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 64;
        }
    }
    snprintf(address, sizeof address, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    return run(address, root);
}
