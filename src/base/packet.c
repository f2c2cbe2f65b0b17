/* SPDX-License-Identifier: MIT */
#include "base/packet.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"

/*
 * Whether `head` may be written in front of the first slice:
 *
 *   bytes               start
 *   | spare ... | head  | data, the first slice ... |
 *
 * Only while the caller's reference is the sole one. A packet that has used the headroom
 * holds the buffer until it has left, so a second packet (for another wire) finds a count of
 * two and keeps its head to itself; so does one made while another packet still carries
 * earlier bytes of the same buffer, which would lie in this headroom.
 */
static bool fits_in_front(const sl_message *m, size_t head_len)
{
    sl_buf *b = m->n > 0 ? m->slice[0].buf : NULL;

    return b != NULL && head_len > 0 && m->slice[0].bytes.len > 0 && b->start >= head_len
           && m->slice[0].bytes.ptr == (const char *)sl__buf_data(b) && !sl__buf_is_shared(b);
}

static void add_iov(struct packet *p, const void *ptr, size_t len)
{
    p->iov[p->n++] = (struct iovec){(void *)ptr, len};
    p->bytes += len;
}

static void add_slice(struct packet *p, const sl_slice *s)
{
    if (s->bytes.len == 0) return;

    add_iov(p, s->bytes.ptr, s->bytes.len);
    if (s->buf == NULL) return;
    /* neighbours are often pieces of one buffer: one reference will do */
    if (p->holds > 0 && p->hold[p->holds - 1] == s->buf) return;
    p->hold[p->holds++] = sl_buf_hold(s->buf);
}

static struct packet *packet_alloc(size_t slices, size_t extra)
{
    struct packet *p = sl__alloc(sizeof *p + slices * sizeof *p->iov + extra);

    if (p == NULL) return NULL;
    p->refs = 1;
    p->waits = 0;
    p->n = 0;
    p->holds = 0;
    p->bytes = 0;
    p->born_us = 0;
    return p;
}

struct packet *packet_framed(sl_str head, const sl_message *m, sl_str tail)
{
    bool in_front = fits_in_front(m, head.len);
    struct packet *p;

    SL_ASSERT(head.len <= PACKET_HEAD_MAX && m->n <= SL_MESSAGE_SLICES);
    p = packet_alloc(m->n + (tail.len > 0 ? 2u : 1u), 0);
    if (p == NULL) return NULL;
    p->born_us = m->born_us;

    if (head.len > 0 && !in_front) {
        memcpy(p->head, head.ptr, head.len);
        add_iov(p, p->head, head.len);
    }
    for (unsigned i = 0; i < m->n; i++)
        add_slice(p, &m->slice[i]);
    if (tail.len > 0) add_iov(p, tail.ptr, tail.len);
    if (in_front) {
        /* start and len stay: whoever else looks at the buffer sees the same bytes */
        uint8_t *front = sl__buf_data(m->slice[0].buf) - head.len;

        memcpy(front, head.ptr, head.len);
        p->iov[0] = (struct iovec){front, p->iov[0].iov_len + head.len};
        p->bytes += head.len;
    }
    return p;
}

struct packet *packet_new(sl_str head, const sl_message *m)
{
    return packet_framed(head, m, (sl_str){0});
}

struct packet *packet_copy(sl_str bytes)
{
    struct packet *p;

    if (bytes.len > PTRDIFF_MAX - sizeof *p - sizeof *p->iov) return NULL;

    p = packet_alloc(1, bytes.len);
    if (p == NULL) return NULL;
    if (bytes.len > 0) {
        memcpy(&p->iov[1], bytes.ptr, bytes.len);
        add_iov(p, &p->iov[1], bytes.len);
    }
    return p;
}

#define JOIN_SLICES 64 /* more of them would crowd a writev that many packets share */

/* Whether the packet has, or can have, a reference to this buffer. */
static bool hold_once(struct packet *p, sl_buf *b)
{
    for (unsigned i = 0; i < p->holds; i++)
        if (p->hold[i] == b) return true;
    if (p->holds == SL_MESSAGE_SLICES) return false;
    p->hold[p->holds++] = sl_buf_hold(b);
    return true;
}

static struct packet *join_by_copy(const sl_slice *slice, size_t n)
{
    size_t bytes = 0;
    struct packet *p;

    for (size_t i = 0; i < n; i++)
        bytes += slice[i].bytes.len;
    p = packet_alloc(1, bytes);
    if (p == NULL) return NULL;
    char *to = (char *)&p->iov[1];
    add_iov(p, to, bytes);
    for (size_t i = 0; i < n; to += slice[i++].bytes.len)
        if (slice[i].bytes.len > 0) memcpy(to, slice[i].bytes.ptr, slice[i].bytes.len);
    return p;
}

struct packet *packet_join(const sl_slice *slice, size_t n)
{
    struct packet *p = n <= JOIN_SLICES ? packet_alloc(n, 0) : NULL;

    if (p == NULL) return join_by_copy(slice, n);
    for (size_t i = 0; i < n; i++) {
        if (slice[i].bytes.len == 0) continue;
        if (slice[i].buf != NULL && !hold_once(p, slice[i].buf)) {
            packet_drop(p);
            return join_by_copy(slice, n);
        }
        add_iov(p, slice[i].bytes.ptr, slice[i].bytes.len);
    }
    return p;
}

void packet_free(struct packet *p)
{
    for (unsigned i = 0; i < p->holds; i++)
        sl_buf_drop(p->hold[i]);
    sl__free(p);
}
