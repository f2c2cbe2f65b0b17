/* SPDX-License-Identifier: MIT */
/*
 * One Engine.IO session, the client's side: from its first request to its end, by polling, by
 * WebSocket, and from one to the other. It does not come back: who wants that opens another.
 *
 *   CONNECTING ──open packet──► OPEN ──eio_client_close──► CLOSING ──► ENDED
 *        └──────────────┬────────┴───────── what goes wrong ────────────►┘
 *
 * There is no callback for the end, and none for room: the loop's turn hooks are wanted then,
 * and whoever holds it looks (eio_client_has_ended, eio_client_send). So it is never told, nor
 * freed, from inside a call.
 *
 * thread   the loop's
 */
#ifndef CLIENT_EIO_CLIENT_H
#define CLIENT_EIO_CLIENT_H

#include "client/dial.h"
#include "proto/eio.h"

struct eio_client;

struct eio_client_events {
    void (*on_open)(struct eio_client *e, void *user);
    /* A text: the packet begins at byte `from` of `whole`, as sio_parse takes it. */
    void (*on_text)(struct eio_client *e, sl_buf *buf, sl_str whole, size_t from,
                    const sl_json_index *index, void *user);
    void (*on_binary)(struct eio_client *e, sl_slice bytes, void *user);
};

enum eio_client_ways { EIO_BY_UPGRADE, EIO_BY_WEBSOCKET, EIO_BY_POLLING };

struct eio_client_options {
    sl_loop *loop; /* all pointers are borrowed for the session's life */
    const struct dialer *dialer;
    const struct dial_url *to;
    const char *path;    /* of the requests, without a query */
    sl_str query;        /* more of it, without '?' and '&' around it; copied */
    const char *headers; /* each with "\r\n" */
    unsigned revision;   /* 4 or 3 */
    enum eio_client_ways ways;
    uint32_t connect_timeout_ms, upgrade_timeout_ms;
    size_t message_max; /* bytes that come */
};

/* Why it ended, in the words of the originals, and what happened. */
struct eio_client_end {
    const char *reason; /* static */
    int code, status;   /* as sl_client_trouble */
    bool upgraded;      /* it went from polling to WebSocket */
    char text[192];
};

/* returns 0 or SL_E_NOMEM; calls nothing at once */
int eio_client_open(const struct eio_client_options *o, const struct eio_client_events *on,
                    void *user, struct eio_client **out) SL_MUST_USE;

/*
 * One message and its attachments, which nothing comes between. What is taken is with the
 * connection: it may arrive or not.
 *
 * part     borrowed for the call
 * returns  0; SL_E_FULL: not now, the turn hooks will be wanted; SL_E_TOO_BIG: the server takes
 *          none so large; SL_E_NOMEM; SL_E_CLOSED
 */
int eio_client_send(struct eio_client *e, const sl_message *part, uint32_t n) SL_MUST_USE;
/* What was taken leaves: after the last of a turn. */
void eio_client_flush(struct eio_client *e);

bool eio_client_is_writable(const struct eio_client *e); /* at once */
bool eio_client_is_open(const struct eio_client *e);
bool eio_client_is_websocket(const struct eio_client *e);
bool eio_client_has_ended(const struct eio_client *e);
const struct eio_client_end *eio_client_why(const struct eio_client *e);

/* It ends when what was taken has left, 2 s at most. Nothing that comes is told any more. */
void eio_client_close(struct eio_client *e);
/* What comes cannot be followed: it ends now. reason: static */
void eio_client_cut(struct eio_client *e, const char *reason, const char *text);

void eio_client_free(struct eio_client *e); /* not from inside its callbacks; NULL is fine */

#endif
