/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate for sessions: who has agreed on it, and what leaves compressed.
 *
 * A packet is compressed once per window, not once per receiver. All sessions of a server
 * share one struct deflate, which is there as long as one of them has agreed.
 */
#ifndef SERVE_WS_DEFLATE_H
#define SERVE_WS_DEFLATE_H

#include "sluice/ws.h"

#include "base/packet.h"
#include "proto/deflate.h"
#include "serve/server.h"

/*
 * Read what the upgrade offers; nothing is agreed on where the server does not want to.
 *
 * returns  0, or SL_E_WS_PROTO: malformed, RFC 6455 §9.1
 */
int ws_deflate_agree(const sl_server *s, const sl_request *upgrade,
                     struct deflate_terms *out) SL_MUST_USE;

/*
 * A session has agreed, or one that had is gone.
 *
 * returns  what its parser inflates with, NULL without memory: then it has not agreed
 */
struct deflate *ws_deflate_hold(sl_server *s) SL_MUST_USE;
void ws_deflate_drop(sl_server *s);

/*
 * The session's parser waits for its quota: it is not read from until then.
 *
 * rest     received and not fed: copied
 */
void ws_deflate_wait(sl_ws *ws, sl_str rest);
void ws_deflate_wait_no_more(sl_ws *ws); /* it has ended; if it did not wait that is fine */

/* What all may inflate within a turn is theirs anew: for the server, at a turn's end. */
void ws_deflate_refill(sl_server *s);
void ws_deflate_on_slice(struct timer *t);

/* Whether this message is one to compress for who has agreed: kind and size. */
bool ws_deflate_wants(const sl_server *s, const sl_message *m);

/*
 * The same message compressed.
 *
 * bits       of the window, by deflate_bits
 * plain      its packet, framed for this wire with `head_len` bytes
 * returns    a new packet, or `plain` itself with one more reference where nothing is gained
 *            (without memory as well): it is as good to any receiver
 */
struct packet *ws_deflate_packet(sl_server *s, unsigned bits, struct packet *plain,
                                 size_t head_len) SL_MUST_USE;

#endif
