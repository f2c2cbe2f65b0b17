/* SPDX-License-Identifier: MIT */
/*
 * libsluice: HTTP/1.1, WebSocket and rooms, Socket.IO as server (sio.h) and as client
 * (client.h), on one event loop.
 *
 *     static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *i, void *u)
 *     {
 *         sl_ws_send(ws, m);
 *     }
 *     static const sl_ws_ops echo = {.on_message = on_message};
 *     static const sl_route routes[] = {SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &echo, NULL)};
 *
 *     int main(void)
 *     {
 *         sl_loop *loop;
 *         sl_server *server;
 *         sl_server_options o = {.routes = routes, .route_count = 1};
 *
 *         if (sl_loop_new(&loop) < 0 || sl_loop_stop_on_signals(loop, 5000) < 0) return 1;
 *         if (sl_server_new(loop, &o, &server, NULL) < 0) return 1;
 *         if (sl_server_listen(server, "127.0.0.1:9000", NULL, NULL) < 0) return 1;
 *         int rc = sl_loop_run(loop);
 *         sl_server_free(server);
 *         sl_loop_free(loop);
 *         return rc < 0;
 *     }
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include "sluice/buf.h"
#include "sluice/client.h"
#include "sluice/err.h"
#include "sluice/http.h"
#include "sluice/json.h"
#include "sluice/log.h"
#include "sluice/loop.h"
#include "sluice/sio.h"
#include "sluice/sio_packet.h"
#include "sluice/trouble.h"
#include "sluice/ws.h"

#endif
