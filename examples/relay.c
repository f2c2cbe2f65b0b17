/* SPDX-License-Identifier: MIT */
/*
 * A relay on the library alone: devices register, and what they send goes to everybody else.
 * Socket.IO clients have one of their own at /socket.io/: see relay_sio.c.
 *
 *   {"type":"device_register","device_id":"d1"}  the sender is a device from now on
 *   {"type":"frame",...}                         to all viewers; only the newest waits
 *   {"type":"detection",...}                     to all viewers, in order
 *   {"type":"echo",...}                          back to the sender
 */
#include "sluice/sluice.h"

#include "relay_sio.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB (1024u * 1024)

struct relay {
    sl_room *viewers;
    uint32_t devices; /* numbers given so far: keys of the newest frame */
};

static void on_open(sl_ws *ws, const sl_request *upgrade, void *user)
{
    struct relay *r = user;

    (void)upgrade;
    if (sl_room_join(r->viewers, ws) < 0) sl_ws_close(ws, 1011, "out of memory");
}

static void on_register(struct relay *r, sl_ws *ws)
{
    sl_room_leave(r->viewers, ws);
    if (sl_ws_user(ws) == NULL) sl_ws_set_user(ws, (void *)(uintptr_t)++r->devices);
}

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    struct relay *r = user;
    sl_str key = SL_STR("type"), type;

    if (!m->text || m->n == 0) return;
    if (sl_json_peek(m->slice[0].bytes, index, &key, 1, &type, NULL) < 0) return;
    if (sl_str_eq(type, SL_STR("\"detection\"")))
        sl_room_publish(r->viewers, m, ws);
    else if (sl_str_eq(type, SL_STR("\"frame\"")))
        sl_room_publish_newest(r->viewers, (uint32_t)(uintptr_t)sl_ws_user(ws), m, ws);
    else if (sl_str_eq(type, SL_STR("\"echo\"")))
        sl_ws_send(ws, m);
    else if (sl_str_eq(type, SL_STR("\"device_register\"")))
        on_register(r, ws);
}

static void usage(FILE *to)
{
    fputs(
        "Relay what devices send to everybody else, over WebSocket on /ws and by Socket.IO.\n\n"
        "  relay --port 9000\n"
        "  relay --port 9000 --budget-us 5000    hold events up to 5 ms to share writes\n\n"
        "  --port N       port on 127.0.0.1 (default 9000, 0: any)\n"
        "  --budget-us N  latency budget of events in microseconds (default 0: none)\n"
        "  --deflate N    permessage-deflate for events of N bytes and more (default 0: off)\n",
        to);
}

static int run(const char *address, uint32_t cork_us, uint32_t deflate_min)
{
    static const sl_ws_ops ops = {.on_open = on_open, .on_message = on_message, .json = true};
    struct relay relay = {0};
    uint32_t senders = 0;
    const sl_sio_namespace nsp = relay_namespace(&senders);
    const sl_sio_options with = {.namespaces = &nsp,
                                 .namespace_count = 1,
                                 .payload_max = 16 * MIB,
                                 .queue_max = 64 * MIB};
    sl_route routes[1 + SL_SIO_ROUTES] = {SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &ops, &relay)};
    sl_server_options o = {.routes = routes,
                           .route_count = 1 + SL_SIO_ROUTES,
                           .cork_us = cork_us,
                           .deflate_min = deflate_min};
    sl_loop *loop = NULL;
    sl_server *server = NULL;
    sl_sio *sio = NULL;
    sl_error err = {0};
    uint16_t port;
    int rc = sl_loop_new(&loop);

    if (rc == 0) rc = sl_loop_stop_on_signals(loop, 3000);
    if (rc == 0) rc = sl_sio_new(loop, &with, &sio, &err);
    if (rc == 0) sl_sio_put_routes(sio, SL_RIGHT_OPEN, routes + 1);
    if (rc == 0) rc = sl_server_new(loop, &o, &server, &err);
    if (rc == 0) rc = sl_room_new(server, SL_ROOM_SKIP, &relay.viewers);
    if (rc == 0) rc = sl_server_listen(server, address, &port, &err);
    if (rc == 0) {
        fprintf(stderr, "relay: ws://127.0.0.1:%u/ws\n", port);
        rc = sl_loop_run(loop);
    } else {
        fprintf(stderr, "relay: %s\n", err.text);
    }
    sl_room_free(relay.viewers);
    sl_server_free(server);
    sl_sio_free(sio);
    sl_loop_free(loop);
    return rc < 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port",      required_argument, NULL, 'p'},
        {"budget-us", required_argument, NULL, 'b'},
        {"deflate",   required_argument, NULL, 'd'},
        {"help",      no_argument,       NULL, 'h'},
        {NULL,        0,                 NULL, 0  },
    };
    unsigned long port = 9000, budget = 0, deflate = 0;
    char address[32];

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'p': port = strtoul(optarg, NULL, 10); break;
        case 'b': budget = strtoul(optarg, NULL, 10); break;
        case 'd': deflate = strtoul(optarg, NULL, 10); break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 64;
        }
    }
    if (port > 65535 || budget > 1000000 || deflate > 65536) {
        fputs("relay: --port is at most 65535, --budget-us 1000000, --deflate 65536\n", stderr);
        return 64;
    }
    snprintf(address, sizeof address, "127.0.0.1:%lu", port);
    return run(address, budget == 0 ? SL_CORK_NONE : (uint32_t)budget, (uint32_t)deflate);
}
