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

/*
 * For rows of the library's own that must look at a request before its body is read, or before
 * an upgrade is answered. It runs in place of the check of the row's right, and makes that
 * itself where it belongs. false: not allowed (403), unless it has answered.
 */
struct sl_route_hooks {
    bool (*on_head)(sl_request *r, void *user);
};

/* Ask the application for the row's right; it may answer the request itself. */
bool dispatch_is_allowed(sl_request *r);

/* The body is there: the handler's turn, or the upgrade's. */
void dispatch_whole(sl_request *r);

#endif
