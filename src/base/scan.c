/* SPDX-License-Identifier: MIT */
#include "base/scan.h"

#include "base/alloc.h"
#include "base/scan_inside.h"

#include <stdatomic.h>

#define INDEX_MAX_DEFAULT 65536
#define INDEX_FIRST       512  /* entries of the first allocation */
#define BLOCK             64   /* a vector step may write as many entries at once */
#define SHORT_PIECE       8    /* bytes up to which a byte at a time is the faster way */
#define LONG_PIECE        2048 /* bytes from which loads are better on cache lines */

typedef int (*feed_fn)(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n);

struct choice {
    const char *name;
    feed_fn feed;
};

/* ---- the index ---- */

void index_init(sl_json_index *x, uint32_t max)
{
    if (max == 0) max = INDEX_MAX_DEFAULT;
    *x = (sl_json_index){.max = max};
}

void index_deinit(sl_json_index *x)
{
    sl__free(x->at);
    *x = (sl_json_index){.max = x->max};
}

void index_reset(sl_json_index *x)
{
    x->n = 0;
    x->len = 0;
    x->bad = x->overflow = x->complete = false;
}

bool index_grow(sl_json_index *x)
{
    uint64_t want = x->cap ? 2 * (uint64_t)x->cap : INDEX_FIRST;
    uint64_t most = (uint64_t)x->max + BLOCK;
    uint32_t *at = NULL;

    if (x->overflow) return false;
    if (want > most) want = most;
    if (x->n <= x->max && want >= (uint64_t)x->n + BLOCK && want <= UINT32_MAX)
        at = sl__realloc(x->at, (size_t)want * sizeof *at);
    if (at == NULL) {
        x->overflow = true;
        return false;
    }
    x->at = at;
    x->cap = (uint32_t)want;
    return true;
}

/* ---- the choice of the instruction set ---- */

/* Best first; the last works anywhere. */
static const struct choice choices[] = {
#if defined(__x86_64__)
    {"avx512", scan_feed_avx512},
    {"avx2",   scan_feed_avx2  },
    {"sse2",   scan_feed_sse2  },
#elif defined(__aarch64__)
    {"neon", scan_feed_neon},
#endif
    {"scalar", scan_feed_scalar},
};

static const struct choice *find_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
                && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("popcnt");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f")
                  && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                  && __builtin_cpu_supports("avx512vbmi2");
    return &choices[avx512 ? 0 : avx2 ? 1 : 2];
#else
    return &choices[0];
#endif
}

/* Two threads may both look for it; they find the same. */
static const struct choice *choice(void)
{
    static _Atomic(const struct choice *) best;
    const struct choice *c = atomic_load_explicit(&best, memory_order_relaxed);

    if (c == NULL) {
        c = find_best();
        atomic_store_explicit(&best, c, memory_order_relaxed);
    }
    return c;
}

const char *scan_name(void)
{
    return choice()->name;
}

/* ---- the scan ---- */

void scan_init(struct scan *s, unsigned flags, const uint8_t mask[4], sl_json_index *index)
{
    *s = (struct scan){.index = index, .flags = (uint8_t)flags};
    if (index == NULL) s->flags &= (uint8_t)~SCAN_JSON;
    scan_set_mask(s, mask);
}

void scan_set_mask(struct scan *s, const uint8_t mask[4])
{
    if (mask)
        memcpy(s->mask, mask, sizeof s->mask);
    else
        memset(s->mask, 0, sizeof s->mask);
}

int scan_feed(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n)
{
    if (n == 0) return 0;
    if (n <= SHORT_PIECE) return scan_feed_scalar(s, dst, src, n);

    feed_fn feed = choice()->feed;
    size_t head = (uintptr_t)src % BLOCK ? BLOCK - (uintptr_t)src % BLOCK : 0;
    if (n < LONG_PIECE || head == 0) return feed(s, dst, src, n);
    int rc = feed(s, dst, src, head);
    return rc < 0 ? rc : feed(s, dst ? dst + head : NULL, src + head, n - head);
}

int scan_end(struct scan *s)
{
    if (s->flags & SCAN_JSON) {
        if (s->in_string) s->index->bad = true;
        if (s->index->n > s->index->max) s->index->overflow = true;
        s->index->len = s->pos;
        s->index->complete = true;
    }
    if (s->flags == 0 || ((s->last[0] | s->last[1] | s->last[2]) & 0x80) == 0) return 0;
    return utf8_after(s->last).need ? SL_E_UTF8 : 0;
}
