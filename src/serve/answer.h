/* SPDX-License-Identifier: MIT */
/* Putting answers together and letting them go. */
#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

#include "serve/request.h"

struct answer {
    int status;
    const char *type; /* NULL: none */
    sl_str lines;     /* further header lines, each ended by CRLF */
    sl_str copy;      /* the body: either these bytes, which are copied */
    sl_slice ref;     /* ... or these, which are held */
    uint64_t length;  /* what Content-Length says, if more of the body follows; else 0 */
    bool endless;     /* ... or the body goes on until one side ends it: see feed.c */
};

/* What a 426 says besides its sentence, RFC 9110 §15.5.22 and RFC 6455 §4.4 */
#define UPGRADE_LINES \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"

/* {"error":"<sentence>"} with further header lines, not checked against an earlier one: for our
 * own use. */
void refuse(sl_request *r, int status, sl_str lines, const char *fmt, ...) SL_PRINTF(4, 5);

/*
 * The first of the sl_answer calls on this request is the one that counts. returns false, and
 * says so in the log, for any other.
 */
bool answer_claim(sl_request *r);

/*
 * Head and first bytes as one packet, so that they leave in one piece; NULL without memory.
 *
 * close  the connection ends with this answer
 */
struct packet *answer_packet(sl_request *r, const struct answer *a, bool close) SL_MUST_USE;

/* The whole answer, not checked against an earlier one: ends the request. */
void answer_send(sl_request *r, const struct answer *a);

/*
 * The same answer for many requests of one turn: status 200 and this body, which all of them
 * name. The head, and the compressed form, are made for the first; a request whose head would
 * be another gets its own. returns nothing: ends the request, as sl_answer_buf
 */
struct answer_shared {
    struct packet *packet[2]; /* as it is, and for who takes gzip; zeroed: none yet */
};
void answer_send_shared(sl_request *r, const char *type, sl_buf *body,
                        struct answer_shared *shared);
void answer_shared_drop(struct answer_shared *shared);

/*
 * The head and the first piece of a body in pieces. The request stays; each further piece
 * goes out by answer_piece, and answer_end ends it. A HEAD request sees the head alone.
 *
 * returns  0; SL_E_CLOSED when nobody reads any more, SL_E_NOMEM: nothing more is to be sent,
 *          but answer_end is still due
 */
int answer_begin(sl_request *r, const struct answer *a) SL_MUST_USE;
int answer_piece(sl_request *r, sl_buf *piece) SL_MUST_USE;
void answer_end(sl_request *r);

/* The part of an answer that never was: the connection is cut, the peer sees it as such. */
void answer_abort(sl_request *r, int why);

#endif
