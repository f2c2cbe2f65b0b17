/* SPDX-License-Identifier: MIT */
/* The inside of sl_buf (sluice/buf.h), for whoever fills one. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "sluice/buf.h"

#include <stdatomic.h>

/*
 *   bytes          start                 start + len        cap
 *   | headroom ... | data .............. | room ........... |
 */
struct sl_buf {
    atomic_uint refs;
    uint32_t start; /* the headroom in front of the data */
    size_t len;     /* bytes of data */
    size_t cap;     /* size of bytes[] */
    uint8_t bytes[];
};

static inline uint8_t *sl__buf_data(sl_buf *b)
{
    return b->bytes + b->start;
}

static inline size_t sl__buf_room(const sl_buf *b)
{
    return b->cap - b->start - b->len;
}

static inline bool sl__buf_is_shared(sl_buf *b)
{
    return atomic_load_explicit(&b->refs, memory_order_acquire) > 1;
}

/*
 * The same headroom and content with room for `cap` bytes of data in all, nobody else's: the
 * caller's reference to the old one is consumed. NULL without memory leaves `b` alone.
 */
sl_buf *sl__buf_grow(sl_buf *b, size_t cap) SL_MUST_USE;

#endif
