/* SPDX-License-Identifier: MIT */
/*
 * Attempts that led nowhere: what sl_server_options.on_trouble is told. A peer often cannot say
 * what it got wrong, and its owner never sees our answer; whoever runs the server does see
 * this.
 */
#ifndef SLUICE_TROUBLE_H
#define SLUICE_TROUBLE_H

#include "sluice/http.h"

typedef enum sl_trouble_code {
    /* the connection */
    SL_TROUBLE_TOO_MANY,      /* as many connections as there may be */
    SL_TROUBLE_TOO_MANY_HERE, /* ... from this address */
    SL_TROUBLE_SILENT,        /* it ended without a byte */
    SL_TROUBLE_CUT,           /* it ended within a request */

    /* the head of a request */
    SL_TROUBLE_TLS,          /* a TLS handshake, on a plain port */
    SL_TROUBLE_NOT_HTTP,     /* it speaks something else */
    SL_TROUBLE_HTTP_VERSION, /* HTTP/0.9, 2 or 3 */
    SL_TROUBLE_BAD_HEAD,     /* HTTP, but against RFC 9112 */
    SL_TROUBLE_LARGE_HEAD,   /* longer than head_max, or its address too long */
    SL_TROUBLE_SLOW_HEAD,    /* not there within head_ms */

    /* the request */
    SL_TROUBLE_NOT_FOUND, /* nothing is at this path */
    SL_TROUBLE_METHOD,    /* not for this path */
    SL_TROUBLE_REFUSED,   /* is_allowed said no, or answered itself */
    SL_TROUBLE_LARGE_BODY,
    SL_TROUBLE_SLOW_BODY,
    SL_TROUBLE_BAD_BODY, /* its chunks are broken */

    /* Socket.IO */
    SL_TROUBLE_SIO_VERSION,   /* a revision of Engine.IO that is not spoken here */
    SL_TROUBLE_SIO_TRANSPORT, /* neither polling nor websocket, or one that is off */
    SL_TROUBLE_SIO_SESSION,   /* of a session that is over, or was never here */
    SL_TROUBLE_SIO_METHOD,    /* a session begins with GET */
    SL_TROUBLE_SIO_REQUEST,   /* another one that cannot be: two polls at once, a bad body */

    /* WebSocket */
    SL_TROUBLE_NO_UPGRADE,  /* a plain request where only WebSocket is spoken */
    SL_TROUBLE_NO_WS_HERE,  /* an upgrade where WebSocket is not spoken */
    SL_TROUBLE_WS_VERSION,  /* another than 13 */
    SL_TROUBLE_WS_KEY,      /* the handshake lacks a field, or its key is none */
    SL_TROUBLE_WS_PROTOCOL, /* a session broke RFC 6455: closed with 1002 */
    SL_TROUBLE_WS_TEXT,     /* ... or its text was no UTF-8: 1007 */
    SL_TROUBLE_WS_LARGE,    /* ... or the message larger than message_max: 1009 */
    SL_TROUBLE_CODES
} sl_trouble_code;

/* All of it is borrowed for the call. Texts are the peer's: any bytes, of any length. */
typedef struct sl_trouble {
    sl_trouble_code code;
    const char *peer;          /* "127.0.0.1:53211"; "?" if it can not be told */
    const sl_request *request; /* its head was read; NULL: there was none, or it is gone */
    sl_str path;               /* decoded, without the query; empty: not known */
    const char *why;           /* the sentence the peer is told; "" if there is none */
    sl_str said;               /* the first bytes of what was no request; may be empty */
} sl_trouble;

#define SL_TROUBLE_SAID_MAX 16 /* bytes of `said` */

#endif
