/* SPDX-License-Identifier: MIT */
#include "client/backoff.h"

uint32_t backoff_ms(const struct backoff *b, uint32_t tries, uint32_t random)
{
    uint64_t ms = b->min_ms;
    uint64_t span;

    for (; tries > 1 && ms < b->max_ms; tries--)
        ms = ms > 0 ? ms * 2 : 1;
    if (ms > b->max_ms) ms = b->max_ms;
    span = ms * b->jitter_percent / 100;
    return (uint32_t)(ms - (span * random >> 32));
}
