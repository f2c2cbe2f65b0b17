/* SPDX-License-Identifier: MIT */
/*
 * Compression of WebSocket messages (permessage-deflate, RFC 7692) and of HTTP answers (gzip,
 * RFC 1952): bytes in, bytes out, by zlib.
 *
 * What is agreed on here always says server_no_context_takeover and client_no_context_takeover
 * (§7.1.1: a server may say either unasked). So no message needs the one before it: what goes
 * to many is compressed once, and no connection has a window of its own. All connections of a
 * loop share one `struct deflate`, and one that is idle costs nothing.
 *
 * thread   the owner's; the offers and gzip: any
 */
#ifndef PROTO_DEFLATE_H
#define PROTO_DEFLATE_H

#include "sluice/buf.h"

#include <sys/uio.h>

/* ---- what is agreed on: Sec-WebSocket-Extensions ---- */

#define DEFLATE_BITS_MIN                                                \
    9 /* zlib has no raw window of 8 bits: who asks for one is declined \
       */
#define DEFLATE_BITS_MAX    15
#define DEFLATE_ANSWER_SIZE 128

struct deflate_terms {
    bool agreed;     /* an offer of permessage-deflate can be kept */
    bool bits_asked; /* server_max_window_bits was in it, and belongs into the answer */
    uint8_t bits;    /* of the window that we may use: 9 to 15 */
};

/*
 * Read one header field's value; of a list in several fields one after the other (`t` zeroed
 * before the first). The first offer that can be kept is agreed on. Unknown extensions are
 * passed over, an offer with a parameter that is unknown, said twice or out of its range is
 * declined, and the next one is looked at (§7.1).
 *
 * returns  0, or SL_E_WS_PROTO: the value is not of the form that RFC 6455 §9.1 gives, and the
 *          handshake must fail
 */
int deflate_read_offers(struct deflate_terms *t, sl_str field) SL_MUST_USE;

/* The answer's value for terms that were agreed on. returns its length */
size_t deflate_answer(const struct deflate_terms *t, char out[DEFLATE_ANSWER_SIZE]);

/* ---- messages ---- */

/*
 * A longer message leaves as it is: this one costs about 0.7 ms of the loop's time on a
 * desktop, and JSON of that size a quarter of its bytes.
 */
#define DEFLATE_MAX   65536
#define INFLATE_CHUNK 16384

struct deflate;

/* Small but for 64 KiB of scratch; zlib's states are made when first needed. NULL: no memory */
struct deflate *deflate_new(void) SL_MUST_USE;
void deflate_free(struct deflate *d); /* NULL is fine */

/*
 * The message in `in` (all fragments, unmasked, without the 00 00 ff ff that §7.2.1 takes off;
 * borrowed until the next inflate_begin). Blocks with BFINAL set are fine, §7.2.3.4. A payload
 * of no bytes is taken for an empty message, though §7.2.3.6 wants one byte.
 *
 * returns  0 or SL_E_NOMEM
 */
int inflate_begin(struct deflate *d, sl_str in) SL_MUST_USE;

/*
 * The next bytes of it: INFLATE_CHUNK of them until the last, which is shorter, maybe empty.
 * How much may come is the caller's to bound.
 *
 * chunk    valid until the next call on `d`
 * returns  1: there may be more, 0: this was the last; SL_E_WS_PROTO: no valid DEFLATE or cut
 *          off within a block; SL_E_NOMEM
 */
int inflate_next(struct deflate *d, sl_str *chunk) SL_MUST_USE;

/*
 * The window that `len` bytes are worth, within what was agreed on: with a larger one nobody
 * gains. So a short message is the same for nearly all receivers.
 */
unsigned deflate_bits(unsigned agreed, size_t len);

/*
 * Compress what the slices hold, but for their first `skip` bytes.
 *
 * bits     as deflate_bits gives them
 * out      the payload of a frame with RSV1, with headroom for its header; else NULL
 * returns  1; 0 when it is not worth it: nothing gained, empty, or above DEFLATE_MAX;
 *          SL_E_NOMEM
 */
int deflate_message(struct deflate *d, unsigned bits, const struct iovec *iov, int n,
                    size_t skip, sl_buf **out) SL_MUST_USE;

/* ---- HTTP ---- */

/*
 * One gzip member of it.
 *
 * returns  1 with `out`; 0: nothing gained, or above DEFLATE_MAX; SL_E_NOMEM
 */
int gzip_pack(sl_str in, sl_buf **out) SL_MUST_USE;

#endif
