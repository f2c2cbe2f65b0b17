/* SPDX-License-Identifier: MIT */
/* The way from an HTTP connection to a WebSocket session. */
#ifndef SERVE_WS_SESSION_H
#define SERVE_WS_SESSION_H

#include "sluice/ws.h"

#include "serve/server.h"

/*
 * Turn a stream into a session: answers 101 (or 400, 426 with the reason), swaps the stream's
 * events, calls on_open.
 *
 * stream   on 0 the session's; the caller must let go of it and free only its own record
 * upgrade  the request, still whole: Sec-WebSocket-* are read from it
 * headers  extra header lines for the 101, each ended by CRLF (CORS); may be empty
 * returns  0, or SL_E_WS_PROTO with `status` and `why` for the caller's error answer:
 *          then the stream is untouched
 * source   RFC 6455 §4.2
 */
int sl__ws_open(sl_server *server, struct stream *stream, const sl_request *upgrade,
                const struct sl_ws_ops *ops, void *user, sl_str headers, int *status,
                const char **why, sl_ws **out) SL_MUST_USE;

/* Bytes that arrived together with the upgrade request, after sl__ws_open has returned 0. */
void sl__ws_feed(sl_ws *ws, uint8_t *bytes, size_t n);

/*
 * As sl_ws_send_newest, but for who counts.
 *
 * returns  1 if an older one gave way
 */
int sl__ws_put_newest(sl_ws *ws, uint32_t key, const sl_message *m);

/*
 * What is framed already, for this wire: in order (flags as in sl__stream_send), or the newest
 * under its key. Both hold a reference of their own.
 *
 * returns  as sl_ws_send and sl__ws_put_newest
 */
struct packet;
int sl__ws_send_packet(sl_ws *ws, struct packet *p, unsigned flags) SL_MUST_USE;
int sl__ws_put_newest_packet(sl_ws *ws, uint32_t key, struct packet *p) SL_MUST_USE;

/* Bytes that wait to leave, but for what waits under this key. */
size_t sl__ws_waiting_besides(const sl_ws *ws, uint32_t key);

/* The path of its row, as written there. */
const char *sl__ws_path(const sl_ws *ws);

/* What it was opened with: tells whose it is. */
const sl_ws_ops *sl__ws_ops(const sl_ws *ws);

/* Stop reading for a while; what has been received already may still be delivered. */
void sl__ws_pause(sl_ws *ws);
void sl__ws_resume(sl_ws *ws);

/* Say goodbye with a code to all sessions: orderly stop. */
void sl__ws_close_all(sl_server *server, int code, const char *reason);

#endif
