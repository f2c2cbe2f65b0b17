/* SPDX-License-Identifier: MIT */
/*
 * Two hashes: one for tables whose keys a peer chooses, one that names content.
 *
 * thread   any
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "sluice/buf.h"

#include <stdint.h>

/* SipHash-2-4 under a random key of this process: differs from run to run, never store it. */
uint64_t hash_key(sl_str key);

#define HASH_BYTES 16

/* BLAKE2b, 128 bits: the same for the same bytes, everywhere, for ever. For ETags and names. */
void hash_bytes(sl_str bytes, uint8_t digest[HASH_BYTES]);

#endif
