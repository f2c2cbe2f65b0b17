/* SPDX-License-Identifier: MIT */
/* The body of a request, gathered in a buffer that grows as bytes arrive, never by a promise.
 */
#ifndef SERVE_BODY_H
#define SERVE_BODY_H

#include "serve/request.h"

/*
 * Take what belongs to the body.
 *
 * bytes    anywhere, or exactly where body_want pointed: then they are in place already
 * used     how many belonged to it
 * returns  0: it is complete; SL_E_PARTIAL: more is to come; SL_E_HTTP: r->chunks has status
 *          and sentence; SL_E_NOMEM
 */
int body_feed(sl_request *r, const uint8_t *bytes, size_t n, size_t *used) SL_MUST_USE;

/* Where the next bytes are best received; false: anywhere. Valid until the next body_feed. */
bool body_want(sl_request *r, uint8_t **into, size_t *room);

#endif
