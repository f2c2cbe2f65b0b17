/* SPDX-License-Identifier: MIT */
/*
 * Bytes nobody can guess, from the system's generator.
 *
 * thread   any
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

void rand_bytes(void *dst, size_t n);
/* n characters that need no escape in a URL, 6 random bits each, and a zero */
void rand_token(char *out, size_t n);
uint32_t rand_below(uint32_t n); /* even over 0 .. n - 1; 0 if n is 0 */

#endif
