/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 requests on a dialled connection, one each. */
#ifndef CLI_DIAL_HTTP_H
#define CLI_DIAL_HTTP_H

#include "cli/dial.h"
#include "proto/http1_reply.h"

/*
 * GET `path` and read the whole answer within d's deadline; `d` is closed afterwards.
 *
 * out      zeroed; to be deinited in any case
 * returns  0: there is an reply, whatever its status; SL_E_CLOSED: the peer hung up before
 *          it was complete; else as dial_open and reply_feed
 */
int dial_get(struct dial *d, const struct dial_url *to, const char *path,
             struct reply *out) SL_MUST_USE;

/* Read on until the answer is complete; bytes behind it go to `rest` (of `size`), as many as
 * `rest_len` then says. For an upgrade. */
int dial_read_reply(struct dial *d, struct reply *out, char *rest, size_t size,
                    size_t *rest_len) SL_MUST_USE;

#endif
