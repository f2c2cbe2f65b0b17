/* SPDX-License-Identifier: MIT */
/*
 * A bump allocator for what lives as long as one event or one request: many small pieces,
 * one reset. Zero it or `arena_init` it; no memory is taken before the first allocation.
 *
 *   newest chunk                  older ones
 *   | used ....... | free ... | → | used ..... | → | used ... |
 *
 * thread   one at a time
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "sluice/buf.h"

#include <stddef.h>
#include <stdint.h>

#define ARENA_CHUNK_BYTES 4096 /* unless arena_init says otherwise */

struct arena_chunk;

struct arena {
    struct arena_chunk *newest;
    size_t chunk_bytes; /* 0: ARENA_CHUNK_BYTES */
};

void arena_init(struct arena *a, size_t chunk_bytes);
void arena_deinit(struct arena *a); /* a zeroed one is fine; may be used again afterwards */

/* Aligned for any type, not cleared; NULL without memory. Zero bytes are a valid request. */
void *arena_alloc(struct arena *a, size_t n) SL_MUST_USE;
void *arena_zalloc(struct arena *a, size_t n) SL_MUST_USE;
/* A copy that is terminated behind its last byte; ptr NULL without memory. */
sl_str arena_copy(struct arena *a, sl_str s) SL_MUST_USE;

/* Forget everything that was given out; the largest chunk is kept for the next round. */
void arena_reset(struct arena *a);

#endif
