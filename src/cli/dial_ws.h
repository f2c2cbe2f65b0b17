/* SPDX-License-Identifier: MIT */
/* The client's side of WebSocket (RFC 6455) on a dialled connection: text out, text in. */
#ifndef CLI_DIAL_WS_H
#define CLI_DIAL_WS_H

#include "cli/dial_http.h"
#include "proto/ws_dial.h"

#define DIAL_WS_MESSAGE_MAX (16 * 1024 * 1024)
#define DIAL_WS_INBOX       64 /* messages of one piece of bytes that wait to be taken */

/* Zero it, then: .dial = DIAL_NONE. It must not move while it is open. */
struct dial_ws {
    struct dial dial;

    /* private */
    struct ws_parser parser;
    sl_buf *inbox[DIAL_WS_INBOX];
    size_t first, count;
    bool ended; /* the peer said goodbye */
    char *out;
    size_t cap;
    sl_str unsent; /* of the frame in `out`, after an error in the middle of it */
};

/*
 * Connect and shake hands, on `path`, within the dial's deadline.
 *
 * reply    zeroed; tells what was answered if that was no upgrade; to be deinited in any case
 * returns  0; SL_E_WS_PROTO: an reply, but none that upgrades, see ws_objection; else as
 *          dial_get
 */
int dial_ws_open(struct dial_ws *w, const struct dial_url *to, const char *path,
                 struct reply *reply) SL_MUST_USE;

/* The shaken hands of a connection that is open already become `w`'s. */
void dial_ws_begin(struct dial_ws *w, int fd);

int dial_ws_send(struct dial_ws *w, sl_str text) SL_MUST_USE;

/*
 * The next text message within the dial's deadline; pings are answered meanwhile.
 *
 * out      a reference of the caller's: drop it
 * returns  0, SL_E_CLOSED: the peer has ended; else as dial_recv and ws_feed
 */
int dial_ws_receive(struct dial_ws *w, sl_buf **out) SL_MUST_USE;

/* Throw away what came, unread. returns 0, or SL_E_CLOSED once the peer has ended */
int dial_ws_drain(struct dial_ws *w) SL_MUST_USE;

/* Say goodbye and wait for the reply, one second at most. Twice is fine. */
void dial_ws_close(struct dial_ws *w);
void dial_ws_deinit(struct dial_ws *w); /* without a word, if it is still open */

#endif
