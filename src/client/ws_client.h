/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket, the client's side (RFC 6455): its handshake, masked frames out, messages in,
 * pings answered. No extension is offered.
 *
 * thread   the loop's
 */
#ifndef CLIENT_WS_CLIENT_H
#define CLIENT_WS_CLIENT_H

#include "client/dial.h"
#include "proto/ws_dial.h"

struct ws_client;

/* Why there is no WebSocket (any more). All of it is for the call. */
struct ws_client_end {
    int rc;           /* as dial_fn; SL_E_HTTP, SL_E_WS_PROTO, ...; SL_E_CLOSED: by the peer */
    int status;       /* of an answer that was no upgrade; 0: there was none */
    int code;         /* of the peer's close frame; 0: there was none */
    const char *text; /* a sentence */
};

struct ws_client_events {
    void (*on_open)(struct ws_client *w, void *user);
    /* One whole message; as ws_sink */
    void (*on_message)(struct ws_client *w, bool text, sl_buf *buf, sl_str bytes,
                       const sl_json_index *index, void *user);
    void (*on_drained)(struct ws_client *w, void *user); /* what was sent has left */
    void (*on_alive)(struct ws_client *w, void *user);   /* bytes came */
    /* The end, once; not after ws_client_close or ws_client_deinit. */
    void (*on_end)(struct ws_client *w, const struct ws_client_end *end, void *user);
};

struct ws_client {
    /* set before ws_client_open, borrowed */
    sl_loop *loop;
    const struct dialer *dialer;
    const struct dial_url *to;
    const char *headers; /* each with "\r\n" */
    const struct ws_client_events *on;
    void *user;
    uint32_t timeout_ms; /* to connect */
    size_t message_max;

    /* private */
    void *call;
    struct stream *stream;
    sl_buf *request;
    struct reply *reply; /* during the handshake */
    struct ws_options options;
    struct ws_parser parser;
    char key[WS_KEY_SIZE];
    bool is_open, ended, has_parser;
};

/* target: path and query. returns 0 or SL_E_NOMEM; then nothing is called */
int ws_client_open(struct ws_client *w, sl_str target) SL_MUST_USE;

/*
 * One message in pieces, which are copied.
 *
 * returns  0, SL_E_NOMEM, SL_E_CLOSED: it is not open
 */
int ws_client_send(struct ws_client *w, bool text, sl_str head,
                   const sl_message *m) SL_MUST_USE;

size_t ws_client_waiting(const struct ws_client *w); /* bytes */

/* Say goodbye and let go: what was sent leaves, nothing is called any more. Twice is fine. */
void ws_client_close(struct ws_client *w, int code);
/* The same without a word, and free what it holds: not from inside its callbacks. A zeroed one
 * is fine. */
void ws_client_deinit(struct ws_client *w);

#endif
