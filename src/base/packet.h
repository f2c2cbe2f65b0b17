/* SPDX-License-Identifier: MIT */
/*
 * A packet: bytes ready for one wire, framing included, as one list of slices. It is made
 * once and queued by reference to as many streams as there are receivers.
 *
 * thread   made and used on the loop's thread; the buffers it holds are counted atomically
 */
#ifndef BASE_PACKET_H
#define BASE_PACKET_H

#include "sluice/buf.h"

#include <stdint.h>
#include <sys/uio.h>

#define PACKET_HEAD_MAX   16                      /* bytes of framing a packet can own */
#define PACKET_SLICES_MAX (SL_MESSAGE_SLICES + 2) /* the framing around the message's */

struct packet {
    uint32_t refs;  /* packets never leave the loop's thread */
    uint32_t waits; /* outboxes that it is in */
    uint8_t n;      /* slices */
    uint8_t holds;  /* buffers in hold[] */
    uint8_t head[PACKET_HEAD_MAX];
    size_t bytes;     /* of all slices together */
    uint64_t born_us; /* the message's */
    sl_buf *hold[SL_MESSAGE_SLICES];
    struct iovec iov[]; /* n of them */
};

/*
 * A packet of `head` (at most PACKET_HEAD_MAX bytes) followed by the message's slices; each
 * slice's buffer is held. A slice without a buffer is a constant that outlives the packet.
 * Where the first slice begins its buffer's data and the caller's reference is the only one,
 * `head` is written into the headroom and one slice less leaves.
 */
struct packet *packet_new(sl_str head, const sl_message *m) SL_MUST_USE;
/* The same with a constant behind it, which outlives the packet. */
struct packet *packet_framed(sl_str head, const sl_message *m, sl_str tail) SL_MUST_USE;
struct packet *packet_copy(sl_str bytes) SL_MUST_USE; /* bytes of its own */
/* These slices one behind the other, any number: by reference if they are few, else copied. */
struct packet *packet_join(const sl_slice *slice, size_t n) SL_MUST_USE;

static inline struct packet *packet_hold(struct packet *p)
{
    p->refs++;
    return p;
}

void packet_free(struct packet *p); /* only packet_drop calls it */

static inline void packet_drop(struct packet *p)
{
    if (p != NULL && --p->refs == 0) packet_free(p);
}

#endif
