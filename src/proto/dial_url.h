/* SPDX-License-Identifier: MIT */
/* Addresses to call, as people write them. */
#ifndef PROTO_DIAL_URL_H
#define PROTO_DIAL_URL_H

#include "sluice/buf.h"

#include <stdbool.h>

/* An address as people write it, taken apart. */
struct dial_url {
    bool is_ws;     /* ws:// or wss:// was said, not http:// or https:// */
    bool is_tls;    /* wss:// or https:// */
    char host[256]; /* without brackets */
    char port[6];   /* of the scheme, if none was written */
    char at[272];   /* host and port as a Host field has them, RFC 9110 §7.2 */
    char path[512]; /* "" if none was written */
};

/*
 * "ws://hub:5000/ws", "http://[::1]:5000", "hub:5000" (which is http).
 *
 * returns  NULL, or why it is none: a part of a sentence, static
 */
const char *dial_url_parse(const char *text, struct dial_url *out);

/* "localhost", 127.0.0.0/8, ::1 */
bool dial_url_is_loopback(const struct dial_url *u);

#endif
