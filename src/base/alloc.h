/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of ours goes through here, so that a test can make the n-th one fail.
 *
 * thread   any
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include "sluice/err.h"

#include <stddef.h>

void *sl__alloc(size_t n) SL_MUST_USE;  /* not cleared; NULL without memory */
void *sl__zalloc(size_t n) SL_MUST_USE; /* cleared */
void *sl__realloc(void *p, size_t n) SL_MUST_USE;
void sl__free(void *p); /* NULL is fine */

/* Tests: let `n` more allocations succeed, then fail each; a negative n ends that. */
void sl__alloc_fail_after(long n);

#endif
