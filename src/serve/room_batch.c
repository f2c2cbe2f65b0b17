/* SPDX-License-Identifier: MIT */
#include "serve/room_batch.h"

#include "base/alloc.h"
#include "serve/ws_deflate.h"

struct packed {
    struct batch of[BATCH_KINDS];                /* by the window agreed on */
    struct packet *made[BATCH_MAX][BATCH_KINDS]; /* by the window used; the plain one where
                                                  * nothing was gained */
};

static void add(struct batch *b, struct packet *p)
{
    b->packet[b->n++] = p;
    memcpy(b->iov + b->iov_n, p->iov, sizeof *p->iov * p->n);
    b->iov_n += p->n;
    b->bytes += p->bytes;
}

static void clear(struct batch *b)
{
    for (int i = 0; i < b->n; i++)
        packet_drop(b->packet[i]);
    b->n = b->iov_n = 0;
    b->bytes = 0;
}

bool batches_have_room(const struct batches *b, int slices)
{
    return b->plain.n < BATCH_MAX && b->plain.iov_n + slices <= BATCH_SLICES;
}

void batches_add(struct batches *b, struct packet *p, uint8_t head_len)
{
    b->head_len[b->plain.n] = head_len;
    add(&b->plain, p);
}

/* The i-th packet within a window: compressed by the first who wants it. */
static struct packet *pack(struct batches *b, sl_server *s, int i, unsigned agreed)
{
    struct packet *plain = b->plain.packet[i], **made;
    size_t head_len = b->head_len[i];

    if (head_len == 0) return packet_hold(plain);
    unsigned bits = deflate_bits(agreed, plain->bytes - head_len);
    made = &b->packed->made[i][bits - DEFLATE_BITS_MIN];
    if (*made == NULL) *made = ws_deflate_packet(s, bits, plain, head_len);
    return packet_hold(*made);
}

const struct batch *batches_for(struct batches *b, sl_server *s, unsigned bits)
{
    struct batch *packed;

    if (bits == 0) return &b->plain;
    if (b->packed == NULL) b->packed = sl__zalloc(sizeof *b->packed);
    if (b->packed == NULL) return &b->plain;
    packed = &b->packed->of[bits - DEFLATE_BITS_MIN];
    while (packed->n < b->plain.n)
        add(packed, pack(b, s, packed->n, bits)); /* never more slices than the plain one */
    return packed;
}

static void clear_packed(struct packed *k, int n)
{
    for (int i = 0; i < BATCH_KINDS; i++)
        clear(&k->of[i]);
    for (int i = 0; i < n; i++) {
        for (int bits = 0; bits < BATCH_KINDS; bits++) {
            packet_drop(k->made[i][bits]);
            k->made[i][bits] = NULL;
        }
    }
}

void batches_clear(struct batches *b)
{
    if (b->packed != NULL) clear_packed(b->packed, b->plain.n);
    clear(&b->plain);
}

void batches_deinit(struct batches *b)
{
    batches_clear(b);
    sl__free(b->packed);
    b->packed = NULL;
}
