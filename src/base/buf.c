/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "base/alloc.h"
#include "base/assert.h"

/* A struct and `bytes` behind it, and still a span that pointers can measure. */
#define BYTES_MAX ((size_t)PTRDIFF_MAX - sizeof(sl_buf))

sl_buf *sl_buf_new(size_t headroom, size_t cap)
{
    sl_buf *b;

    if (headroom > UINT32_MAX || cap > BYTES_MAX || headroom > BYTES_MAX - cap) return NULL;

    b = sl__alloc(sizeof *b + headroom + cap);
    if (b == NULL) return NULL;
    atomic_init(&b->refs, 1);
    b->start = (uint32_t)headroom;
    b->len = 0;
    b->cap = headroom + cap;
    return b;
}

sl_buf *sl_buf_copy(sl_str bytes)
{
    sl_buf *b = sl_buf_new(0, bytes.len);

    if (b == NULL) return NULL;
    if (bytes.len > 0) memcpy(b->bytes, bytes.ptr, bytes.len);
    b->len = bytes.len;
    return b;
}

sl_buf *sl_buf_hold(sl_buf *b)
{
    unsigned was = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);

    SL_ASSERT(was != 0 && was != UINT32_MAX);
    return b;
}

void sl_buf_drop(sl_buf *b)
{
    if (b == NULL) return;

    /*
     * Who sees a count of one is the only owner, and nobody is left who could raise it: no
     * locked instruction is needed. Acquire, so that what others did with the bytes before
     * they dropped happened before the free.
     */
    if (atomic_load_explicit(&b->refs, memory_order_acquire) == 1
        || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
        sl__free(b);
    }
}

sl_str sl_buf_str(const sl_buf *b)
{
    return (sl_str){(const char *)b->bytes + b->start, b->len};
}

/* Others still read the old one: leave it to them. */
static sl_buf *grow_shared(sl_buf *b, size_t cap)
{
    sl_buf *bigger = sl_buf_new(b->start, cap);

    if (bigger == NULL) return NULL;
    memcpy(sl__buf_data(bigger), sl__buf_data(b), b->len);
    bigger->len = b->len;
    sl_buf_drop(b);
    return bigger;
}

sl_buf *sl__buf_grow(sl_buf *b, size_t cap)
{
    sl_buf *bigger;

    if (cap < b->len) cap = b->len;
    if (cap > BYTES_MAX - b->start) return NULL;
    if (sl__buf_is_shared(b)) return grow_shared(b, cap);
    if (cap <= b->cap - b->start) return b;

    bigger = sl__realloc(b, sizeof *b + b->start + cap);
    if (bigger == NULL) return NULL;
    bigger->cap = bigger->start + cap;
    return bigger;
}

int sl_message_add(sl_message *m, sl_buf *buf, sl_str bytes)
{
    if (bytes.len == 0) return 0;
    if (m->n >= SL_MESSAGE_SLICES || bytes.len > SIZE_MAX - m->bytes) return SL_E_TOO_BIG;

    m->slice[m->n++] = (sl_slice){buf, bytes};
    m->bytes += bytes.len;
    return 0;
}
