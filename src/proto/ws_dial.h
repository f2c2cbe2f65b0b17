/* SPDX-License-Identifier: MIT */
/* The client's half of WebSocket (RFC 6455): its handshake and its masked frames. */
#ifndef PROTO_WS_DIAL_H
#define PROTO_WS_DIAL_H

#include "proto/http1_reply.h"
#include "proto/ws.h"

#define WS_KEY_SIZE        25 /* 24 characters and the terminator */
#define WS_MASKED_HEAD_MAX (WS_HEAD_MAX + 4)

void ws_key(char out[WS_KEY_SIZE]); /* a new one, §4.1 */

/*
 * Whether this answer to `key`, which offered nothing besides, is an upgrade, §4.1.
 *
 * returns  NULL if it is, else what is wrong with it; static
 */
const char *ws_objection(const struct reply *a, sl_str key);

/* A masked frame's header with FIN set, the mask at its end. returns its length */
size_t ws_masked_head(uint8_t out[WS_MASKED_HEAD_MAX], enum ws_op op, uint64_t len,
                      const uint8_t mask[4]);

/* n bytes masked, §5.3; `at`: how many of the payload have gone before. to may be from */
void ws_mask(uint8_t *to, const void *from, size_t n, const uint8_t mask[4], size_t at);

/*
 * One masked frame, §5.2 and §5.3.
 *
 * out      room for WS_MASKED_HEAD_MAX bytes and the payload's
 * returns  its length
 */
size_t ws_masked_frame(uint8_t *out, enum ws_op op, sl_str payload, const uint8_t mask[4]);

#endif
