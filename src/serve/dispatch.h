/* SPDX-License-Identifier: MIT */
/* What to do with a request: refuse it, answer it here, read its body, give it to its row. */
#ifndef SERVE_DISPATCH_H
#define SERVE_DISPATCH_H

#include "serve/request.h"

/*
 * The head is there. Either the request is answered (and may be gone), or its body is wanted.
 *
 * returns  true: read the body (there may be none), then call dispatch_whole
 */
bool dispatch_head(sl_request *r);

/* The body is there: the handler's turn, or the upgrade's. */
void dispatch_whole(sl_request *r);

#endif
