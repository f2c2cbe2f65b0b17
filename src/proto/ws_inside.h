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
    FAULT_INFLATED,
    FAULT_DEFLATE,
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
    bool deflated;   /* RSV1 of a message's first frame, RFC 7692 §6 */
    uint8_t mask[4]; /* zero when the frame has none */
};

/* Read a header from its first byte on. What is wrong is told as soon as it can be seen. */
enum ws_fault ws_head_read(struct ws_head *h, const struct ws_options *o, const uint8_t *in,
                           size_t n);

/* A message on its way out of its compressed bytes. Zeroed before; `buf` is the caller's. */
struct ws_inflating {
    struct scan scan;
    sl_buf *buf;
};

/*
 * A compressed message, whole and unmasked.
 *
 * in       borrowed until it is inflated
 * index    filled as it comes; NULL: not asked for
 * flags    of the scan: SCAN_UTF8 or SCAN_JSON for text
 */
enum ws_fault ws_inflate_begin(const struct ws_options *o, sl_str in, unsigned flags,
                               sl_json_index *index, struct ws_inflating *x);

/*
 * Inflate it, look at it and count what comes, as far as the quota goes.
 *
 * more     it was not enough: call again when there is some; else `x->buf` is the message
 */
enum ws_fault ws_inflate_more(const struct ws_options *o, struct ws_inflating *x, bool *more);

#endif
