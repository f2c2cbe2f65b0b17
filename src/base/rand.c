/* SPDX-License-Identifier: MIT */
#include "base/rand.h"

#include "base/assert.h"

#include <sodium.h>

#include <pthread.h>

static pthread_once_t ready = PTHREAD_ONCE_INIT;

static void make_ready(void)
{
    SL_ASSERT(sodium_init() >= 0); /* fails only where there is no source of randomness */
}

void rand_bytes(void *dst, size_t n)
{
    pthread_once(&ready, make_ready);
    randombytes_buf(dst, n);
}

uint32_t rand_below(uint32_t n)
{
    pthread_once(&ready, make_ready);
    return randombytes_uniform(n);
}

/* RFC 4648 §5 by its alphabet. */
void rand_token(char *out, size_t n)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    rand_bytes(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[(uint8_t)out[i] & 63];
    out[n] = '\0';
}
