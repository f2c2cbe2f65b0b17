/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "base/rand.h"

#include <sodium.h>

#include <pthread.h>

_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "hash_key returns all of it");
_Static_assert(HASH_BYTES >= crypto_generichash_BYTES_MIN, "a size that BLAKE2b knows");

static pthread_once_t seeded = PTHREAD_ONCE_INIT;
static uint8_t seed[crypto_shorthash_KEYBYTES];

static void make_seed(void)
{
    rand_bytes(seed, sizeof seed);
}

/* libsodium takes no NULL, not even for zero bytes. */
static const uint8_t *bytes_of(sl_str s)
{
    return (const uint8_t *)(s.len > 0 ? s.ptr : "");
}

uint64_t hash_key(sl_str key)
{
    uint64_t hash;

    pthread_once(&seeded, make_seed);
    crypto_shorthash((uint8_t *)&hash, bytes_of(key), key.len, seed);
    return hash;
}

void hash_bytes(sl_str bytes, uint8_t digest[HASH_BYTES])
{
    crypto_generichash(digest, HASH_BYTES, bytes_of(bytes), bytes.len, NULL, 0);
}
