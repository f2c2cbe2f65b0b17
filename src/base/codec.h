/* SPDX-License-Identifier: MIT */
/*
 * Base64 and hex, strict in what they read, and SHA-1 for the WebSocket handshake (and for
 * nothing else: it is not safe against forgery).
 *
 * source   RFC 4648 §4 (base64), §8 (hex); RFC 3174 (SHA-1); RFC 6455 §4.2.2 step 5.4
 */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include "sluice/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Characters that `n` bytes become (no terminator). n is at most SIZE_MAX / 2. */
static inline size_t sl__base64_len(size_t n)
{
    return n / 3 * 4 + (n % 3 ? 4 : 0);
}

/* dst takes sl__base64_len(n) characters, not terminated. returns how many */
size_t sl__base64_encode(char *dst, const void *src, size_t n);

/*
 * Padding must be there, unused bits must be zero, nothing else (no line break) may be there.
 *
 * dst      room for text.len / 4 * 3 bytes is always enough
 * returns  0; SL_E_INVAL: not base64; SL_E_TOO_BIG: more than `cap` bytes. On an error what
 *          is in dst is unspecified.
 */
int sl__base64_decode(void *dst, size_t cap, sl_str text, size_t *out) SL_MUST_USE;

/* dst takes 2 * n lower-case characters, not terminated. returns how many */
size_t sl__hex_encode(char *dst, const void *src, size_t n);

/* Both cases are read. returns 0, SL_E_INVAL or SL_E_TOO_BIG */
int sl__hex_decode(void *dst, size_t cap, sl_str text, size_t *out) SL_MUST_USE;

#define SHA1_BYTES 20

void sl__sha1(sl_str bytes, uint8_t digest[SHA1_BYTES]);

#endif
