/* SPDX-License-Identifier: MIT */
/*
 * Making packets, for either side: arguments are written once (sluice/sio_packet.h) and encoded
 * for each namespace, as a text and its attachments.
 */
#ifndef PROTO_SIO_BUILD_H
#define PROTO_SIO_BUILD_H

#include "sluice/sio_packet.h"

#include "proto/sio.h"

#define SIO_PIECES                                                            \
    3 /* slices among the text: with what lies between, SL_MESSAGE_SLICES - 1 \
       */

struct sio_piece {
    size_t at; /* in the text, behind which it comes */
    sl_slice json;
};

struct sl_sio_packet {
    sl_json_out out; /* ["event",args */
    size_t args_at;  /* behind the name */
    uint32_t piece_n, binary_n;
    struct sio_piece piece[SIO_PIECES];
    sl_slice binary[SL_SIO_ATTACHMENTS_MAX];
    bool ended;
    uint64_t born_us; /* of its text; 0: its age is not measured */
    int rc;           /* what is not in out.rc */
    /* what a sender has made of it and wants to find again; dropped with it. NULL: nothing */
    void *made;
    void (*made_drop)(void *made);
    uint64_t made_for;
};

void sio_packet_init(sl_sio_packet *p, const char *event);
void sio_packet_deinit(sl_sio_packet *p);

/*
 * It takes no more arguments.
 *
 * returns  0, what stuck in it, SL_E_INVAL: something was left open, or it has no name and is
 *          no answer
 */
int sio_packet_settle(sl_sio_packet *p, bool answer) SL_MUST_USE;

/* A packet as it goes to Engine.IO: a text and as many binary messages as it has attachments.
 */
struct sio_parts {
    uint32_t n;   /* 0: there is nothing */
    sl_buf *text; /* holds the first part's own text */
    sl_message part[1 + SL_SIO_ATTACHMENTS_MAX];
};

/*
 * Settle and encode it for one namespace.
 *
 * id       NULL: none. Of an answer it must be there
 * out      overwritten; its slices borrow from `p` and from out->text: sio_parts_drop
 * returns  as sio_packet_settle, and SL_E_NOMEM; then `out` is empty
 */
int sio_packet_encode(sl_sio_packet *p, sl_str nsp, const uint64_t *id, bool answer,
                      struct sio_parts *out) SL_MUST_USE;
/* An event with one more argument behind its own: the offset, as a string. */
int sio_packet_encode_marked(sl_sio_packet *p, sl_str nsp, uint64_t offset,
                             struct sio_parts *out) SL_MUST_USE;
void sio_parts_drop(struct sio_parts *parts);

#endif
