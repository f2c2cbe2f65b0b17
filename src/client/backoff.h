/* SPDX-License-Identifier: MIT */
/* How long to wait for the next try: doubled, bounded, and never the same for all. */
#ifndef CLIENT_BACKOFF_H
#define CLIENT_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint32_t min_ms, max_ms;
    uint8_t jitter_percent; /* a delay is cut by up to so much: it never is beyond max_ms */
};

/*
 * tries    in a row that have failed, from 1
 * random   any number: where between the shortest and the longest it lies
 * returns  milliseconds; min_ms, twice that, ... max_ms, each less its share of the jitter
 */
uint32_t backoff_ms(const struct backoff *b, uint32_t tries, uint32_t random);

#endif
