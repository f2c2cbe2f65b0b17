/* SPDX-License-Identifier: MIT */
/*
 * Borrowed strings, counted buffers, and messages made of slices of them.
 *
 * Bytes that came from a peer live in an `sl_buf`. While one owner holds it, it may be
 * written; once shared it is immutable. A message that goes to a thousand viewers is one
 * buffer held a thousand times.
 */
#ifndef SLUICE_BUF_H
#define SLUICE_BUF_H

#include "sluice/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes: valid as long as whoever lent them says. Not terminated. */
typedef struct sl_str {
    const char *ptr;
    size_t len;
} sl_str;

#define SL_STR(literal) ((sl_str){"" literal, sizeof(literal) - 1})

static inline sl_str sl_str_of(const char *z)
{
    return (sl_str){z, z ? strlen(z) : 0};
}

static inline bool sl_str_eq(sl_str a, sl_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Counted bytes. The count is atomic: a buffer may be held and dropped on any thread. */
typedef struct sl_buf sl_buf;

/*
 * A buffer with room for `cap` bytes behind `headroom` spare ones in front.
 *
 * returns  one reference, or NULL without memory; data length is 0
 */
SL_API sl_buf *sl_buf_new(size_t headroom, size_t cap) SL_MUST_USE;
SL_API sl_buf *sl_buf_copy(sl_str bytes) SL_MUST_USE;
SL_API sl_buf *sl_buf_hold(sl_buf *b);
SL_API void sl_buf_drop(sl_buf *b); /* NULL is fine */
SL_API sl_str sl_buf_str(const sl_buf *b);

/* Some bytes of a counted buffer. */
typedef struct sl_slice {
    sl_buf *buf;
    sl_str bytes;
} sl_slice;

#define SL_MESSAGE_SLICES 8

/*
 * A message as the application sees it: text or binary, in up to eight slices, before any
 * wire's framing. A value: it borrows the references of its slices unless said otherwise.
 */
typedef struct sl_message {
    bool text;
    uint8_t n;
    size_t bytes;
    uint64_t born_us; /* by sl_loop_now_us: its age is measured as it leaves; 0: it is not */
    sl_slice slice[SL_MESSAGE_SLICES];
} sl_message;

/* Append a slice; empty ones vanish. returns 0 or SL_E_TOO_BIG (more than eight). */
SL_API int sl_message_add(sl_message *m, sl_buf *buf, sl_str bytes) SL_MUST_USE;

#endif
