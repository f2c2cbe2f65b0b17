/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Allocations that may still succeed; negative: no limit. */
static atomic_long left_count = -1;

static bool take_from_limit(void)
{
    long left = atomic_load_explicit(&left_count, memory_order_relaxed);

    while (left > 0) {
        if (atomic_compare_exchange_weak(&left_count, &left, left - 1)) return true;
    }
    return left < 0;
}

static inline bool may_succeed(void)
{
    if (__builtin_expect(atomic_load_explicit(&left_count, memory_order_relaxed) < 0, 1)) {
        return true;
    }
    return take_from_limit();
}

void *sl__alloc(size_t n)
{
    return may_succeed() ? malloc(n ? n : 1) : NULL;
}

void *sl__zalloc(size_t n)
{
    return may_succeed() ? calloc(1, n ? n : 1) : NULL;
}

void *sl__realloc(void *p, size_t n)
{
    /* realloc(p, 0) frees on some systems, and the caller would free again */
    return may_succeed() ? realloc(p, n ? n : 1) : NULL;
}

void sl__free(void *p)
{
    free(p);
}

void sl__alloc_fail_after(long n)
{
    atomic_store(&left_count, n < 0 ? -1 : n);
}
