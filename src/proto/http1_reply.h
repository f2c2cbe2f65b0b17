/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 answers, RFC 9112, from somebody who may be anybody: bytes in, facts out, everything
 * bounded. Lenient where a stranger's slip tells us more than a refusal would (bare LF).
 */
#ifndef PROTO_HTTP1_REPLY_H
#define PROTO_HTTP1_REPLY_H

#include "proto/http1.h"

#define REPLY_HEAD_MAX 16384
#define REPLY_BODY_MAX (1024 * 1024)

enum reply_state {
    REPLY_HEAD,
    REPLY_LENGTH, /* `left` bytes of body are due */
    REPLY_CHUNKS,
    REPLY_TO_END, /* the body ends with the connection */
    REPLY_DONE,
};

/* Zero it, feed it, deinit it. */
struct reply {
    int status; /* of the final answer: 100 to 199 are passed over, but for 101 */
    sl_str body;
    bool keep_alive; /* once it is complete: another request may follow on the connection */

    size_t body_max; /* yours to set; 0: REPLY_BODY_MAX */

    /* private */
    enum reply_state state;
    size_t head_len, body_cap;
    uint64_t left;
    struct http1_chunks chunks;
    char *bytes; /* the body's */
    char head[REPLY_HEAD_MAX];
};

/*
 * Take some of what arrived.
 *
 * used     how many bytes belong to this reply; behind a head with 101 the rest is WebSocket
 * returns  SL_E_PARTIAL: more is due; 0: complete; SL_E_HTTP: no HTTP reply;
 *          SL_E_TOO_BIG: a head or body beyond the limits; SL_E_NOMEM
 */
int reply_feed(struct reply *a, const char *in, size_t n, size_t *used) SL_MUST_USE;

/* The peer has ended. returns 0 if the answer is complete with that, else SL_E_PARTIAL */
int reply_end(struct reply *a) SL_MUST_USE;

/* The first field of this name, in any case, or ptr NULL; valid once the head is complete. */
sl_str reply_find(const struct reply *a, const char *name);

/* What came so far, for whoever wants to know what it is if it is no HTTP. */
sl_str reply_beginning(const struct reply *a);

void reply_deinit(struct reply *a);

/* Ready for the next one: what it was is forgotten, memory and limit are kept. */
void reply_reset(struct reply *a);

#endif
