/* SPDX-License-Identifier: MIT */
/*
 * What is published in a turn, gathered: the packets, and the slices of all of them in one
 * vector that every member shares. Members that have agreed on compression share batches of
 * their own, packet for packet the same, made when the first of them is reached.
 *
 *   plain     packet[0]    packet[1]   packet[2]       iov of all
 *   packed    packet[0]'   packet[1]   packet[2]'      one such batch per window
 */
#ifndef SERVE_ROOM_BATCH_H
#define SERVE_ROOM_BATCH_H

#include "base/packet.h"
#include "proto/deflate.h"
#include "serve/server.h"

#define BATCH_MAX    64
#define BATCH_SLICES 256
#define BATCH_KINDS  (DEFLATE_BITS_MAX - DEFLATE_BITS_MIN + 1)

struct batch {
    int n, iov_n;
    size_t bytes;
    struct packet *packet[BATCH_MAX];
    struct iovec iov[BATCH_SLICES];
};

struct packed;

/* The plain batch and those made from it. Zeroed: empty. */
struct batches {
    struct batch plain;
    uint8_t head_len[BATCH_MAX]; /* of packets to compress; 0: leaves as it is */
    struct packed *packed;       /* made on first use */
};

bool batches_have_room(const struct batches *b, int slices);

/* Takes the caller's reference to `p`. */
void batches_add(struct batches *b, struct packet *p, uint8_t head_len);

/*
 * The batch for who has agreed on a window of `bits`; 0: on none. Up to date with the plain
 * one, which it also is without memory. Valid until the next call on `b`.
 */
const struct batch *batches_for(struct batches *b, sl_server *s, unsigned bits);

/* Drop all packets. */
void batches_clear(struct batches *b);
void batches_deinit(struct batches *b);

#endif
