/* SPDX-License-Identifier: MIT */
/* What the WebSocket parser's files share. For ws*.c only. */
#ifndef PROTO_WS_INSIDE_H
#define PROTO_WS_INSIDE_H

#include "proto/ws.h"

/* Why a parser failed: rows of a table in ws_head.c. */
enum ws_fault {
    FAULT_NONE,
    FAULT_RSV,
    FAULT_OPCODE,
    FAULT_CONTROL_FIN,
    FAULT_CONTROL_LEN,
    FAULT_UNMASKED,
    FAULT_MASKED,
    FAULT_MINIMAL,
    FAULT_LENGTH,
    FAULT_NO_START,
    FAULT_INTERLEAVED,
    FAULT_CLOSE_LEN,
    FAULT_CLOSE_CODE,
    FAULT_CLOSE_UTF8,
    FAULT_TEXT_UTF8,
    FAULT_TOO_BIG,
    FAULT_NOMEM,
    FAULT_COUNT,
};

struct ws_fault_row {
    int rc;              /* what ws_feed returns */
    uint16_t close_code; /* what the peer is told */
    bool numbered;       /* fault_number belongs to the sentence */
    const char *text;
};

extern const struct ws_fault_row ws_faults[FAULT_COUNT];

struct ws_head {
    uint64_t len; /* of the payload; with a fault: the number that goes with it */
    uint8_t op;
    uint8_t bytes; /* of the header itself; 0 while it is incomplete */
    bool fin;
    uint8_t mask[4]; /* zero when the frame has none */
};

/* Read a header from its first byte on. What is wrong is told as soon as it can be seen. */
enum ws_fault ws_head_read(struct ws_head *h, bool from_client, const uint8_t *in, size_t n);

#endif
