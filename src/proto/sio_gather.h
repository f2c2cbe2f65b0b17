/* SPDX-License-Identifier: MIT */
/*
 * Packets as they come, for either side: attachments are gathered behind the packet that they
 * belong to, and the whole is an event for the application.
 */
#ifndef PROTO_SIO_GATHER_H
#define PROTO_SIO_GATHER_H

#include "sluice/sio_packet.h"

#include "proto/sio.h"

/* A packet whose attachments are on their way; holds what is in it. */
struct sio_gather {
    sl_buf *buf;
    sl_str text;
    uint32_t wanted, n;
    sl_slice attachment[SL_SIO_ATTACHMENTS_MAX];
};

/* `wanted` is at most SL_SIO_ATTACHMENTS_MAX: the rules'. NULL without memory */
struct sio_gather *sio_gather_new(sl_buf *buf, sl_str text, uint32_t wanted) SL_MUST_USE;
/* The next one; its buffer may be NULL: it is empty. returns whether that was the last */
bool sio_gather_add(struct sio_gather *g, sl_slice s);
void sio_gather_free(struct sio_gather *g); /* NULL is fine */

/* An EVENT or ACK, binary or not, as the application sees it; it borrows all it is made of. */
void sio_event_of(const struct sio_packet *p, sl_buf *buf, const sl_slice *attachment,
                  sl_sio_event *out);

/* Whether it has this name; NULL: any. */
bool sio_event_is(const sl_sio_event *e, const char *name);

#endif
