/* SPDX-License-Identifier: MIT */
/* Answers of JSON and text that leave as gzip, made on the loop: hence small ones only. */
#ifndef SERVE_ANSWER_GZIP_H
#define SERVE_ANSWER_GZIP_H

#include "serve/answer.h"

/*
 * Make `a` what this client should get: the gzip twin of its body with Content-Encoding, Vary
 * wherever another client would get another answer, and the ETag that belongs to it.
 *
 * A twin's ETag is weak: it names the same content in other bytes (RFC 9110 §8.8.3), and a
 * handler that compares weakly, as If-None-Match asks (§13.1.2), knows it again. A 304 repeats
 * the form that the client has.
 *
 * returns  the buffer that `a` refers to, one reference, for after the answer; NULL: none
 */
sl_buf *answer_gzip(sl_request *r, struct answer *a) SL_MUST_USE;

#endif
