/* SPDX-License-Identifier: MIT */
#include "cli/dial_ws.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/rand.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define GOODBYE_MS 1000

/* ---- frames ---- */

static int send_frame(struct dial_ws *w, enum ws_op op, sl_str payload)
{
    size_t need = WS_MASKED_HEAD_MAX + payload.len;
    uint8_t mask[4];

    if (w->dial.fd < 0 || w->unsent.len > 0) return SL_E_CLOSED;
    if (need > w->cap) {
        char *grown = sl__realloc(w->out, need);

        if (grown == NULL) return SL_E_NOMEM;
        w->out = grown;
        w->cap = need;
    }
    rand_bytes(mask, sizeof mask);
    w->unsent = (sl_str){w->out, ws_masked_frame((uint8_t *)w->out, op, payload, mask)};
    return dial_send(&w->dial, &w->unsent);
}

int dial_ws_send(struct dial_ws *w, sl_str text)
{
    return send_frame(w, WS_TEXT, text);
}

/* ---- what comes ---- */

static void on_message(struct ws_parser *p, bool text, sl_buf *buf, sl_str bytes,
                       const sl_json_index *index)
{
    struct dial_ws *w = LIST_ENTRY(p, struct dial_ws, parser);

    (void)bytes;
    (void)index;
    if (!text || w->count == DIAL_WS_INBOX) return; /* nobody here wants binary, or so much */
    w->inbox[(w->first + w->count++) % DIAL_WS_INBOX] = sl_buf_hold(buf);
}

static void on_control(struct ws_parser *p, enum ws_op op, sl_str payload)
{
    struct dial_ws *w = LIST_ENTRY(p, struct dial_ws, parser);

    if (op == WS_CLOSE) w->ended = true;
    if (op == WS_PING) (void)!send_frame(w, WS_PONG, payload);
}

static const struct ws_sink sink = {.on_message = on_message, .on_control = on_control};
static const struct ws_options options = {.message_max = DIAL_WS_MESSAGE_MAX};

static void empty_inbox(struct dial_ws *w)
{
    for (; w->count > 0; w->count--, w->first++)
        sl_buf_drop(w->inbox[w->first % DIAL_WS_INBOX]);
    w->first = 0;
}

int dial_ws_receive(struct dial_ws *w, sl_buf **out)
{
    *out = NULL;
    while (w->count == 0) {
        uint8_t piece[16384];
        int64_t n;
        int rc;

        if (w->dial.fd < 0 || w->ended) return SL_E_CLOSED;
        n = dial_recv(&w->dial, piece, sizeof piece);
        if (n < 0) return (int)n;
        if (n == 0) return SL_E_CLOSED;
        rc = ws_feed(&w->parser, piece, (size_t)n);
        if (rc < 0) return rc;
    }
    *out = w->inbox[w->first % DIAL_WS_INBOX];
    w->first++;
    w->count--;
    return 0;
}

int dial_ws_drain(struct dial_ws *w)
{
    char waste[16384];
    ssize_t n;

    while ((n = recv(w->dial.fd, waste, sizeof waste, MSG_DONTWAIT)) > 0) {
    }
    if (n == 0) return SL_E_CLOSED;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* ---- the handshake, §4.1 ---- */

/* Origin as the original's Python client sends it, contract glass §1.1. */
static int shake_hands(struct dial_ws *w, const struct dial_url *to, const char *path,
                       struct reply *reply)
{
    char text[1600], key[WS_KEY_SIZE], rest[4096];
    size_t len = 0;
    sl_str ask;
    int n, rc;

    ws_key(key);
    n = snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                 "Sec-WebSocket-Version: 13\r\nOrigin: http://%s\r\n\r\n",
                 path, to->at, key, to->at);
    if (n < 0 || (size_t)n >= sizeof text) return SL_E_TOO_BIG;
    ask = (sl_str){text, (size_t)n};
    rc = dial_send(&w->dial, &ask);
    if (rc == 0) rc = dial_read_reply(&w->dial, reply, rest, sizeof rest, &len);
    if (rc < 0) return rc;
    if (ws_objection(reply, sl_str_of(key)) != NULL) return SL_E_WS_PROTO;
    return ws_feed(&w->parser, (uint8_t *)rest, len);
}

void dial_ws_begin(struct dial_ws *w, int fd)
{
    w->dial.fd = fd;
    w->ended = false;
    ws_init(&w->parser, &options, &sink, NULL);
}

int dial_ws_open(struct dial_ws *w, const struct dial_url *to, const char *path,
                 struct reply *reply)
{
    int rc = dial_open(&w->dial, to);

    if (rc < 0) return rc;
    dial_ws_begin(w, w->dial.fd);
    rc = shake_hands(w, to, path, reply);
    if (rc < 0) dial_ws_deinit(w);
    return rc;
}

/* ---- the end ---- */

/* A socket closed with bytes unread resets the connection, and the goodbye may be lost. */
void dial_ws_close(struct dial_ws *w)
{
    static const char normal[] = {0x03, (char)0xe8}; /* 1000, §7.4.1 */
    char waste[4096];

    if (w->dial.fd < 0) return;
    w->dial.stop_fd = -1; /* that is why we go */
    dial_limit(&w->dial, GOODBYE_MS);
    if (dial_send(&w->dial, &w->unsent) == 0 /* a frame must end before another begins */
        && send_frame(w, WS_CLOSE, (sl_str){normal, sizeof normal}) == 0) {
        shutdown(w->dial.fd, SHUT_WR);
        while (dial_recv(&w->dial, waste, sizeof waste) > 0) {
        }
    }
    dial_ws_deinit(w);
}

void dial_ws_deinit(struct dial_ws *w)
{
    if (w->dial.fd >= 0) ws_deinit(&w->parser);
    dial_close(&w->dial);
    empty_inbox(w);
    sl__free(w->out);
    w->out = NULL;
    w->cap = 0;
    w->unsent = (sl_str){0};
}
