/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/alloc.h"

#include <stdalign.h>

struct arena_chunk {
    struct arena_chunk *older;
    size_t used, cap;
    alignas(max_align_t) uint8_t bytes[];
};

/* With this much less than PTRDIFF_MAX no sum below can wrap. */
#define PIECE_MAX ((size_t)PTRDIFF_MAX - sizeof(struct arena_chunk) - alignof(max_align_t))

void arena_init(struct arena *a, size_t chunk_bytes)
{
    *a = (struct arena){.chunk_bytes = chunk_bytes};
}

static void free_chain(struct arena_chunk *c)
{
    while (c != NULL) {
        struct arena_chunk *older = c->older;

        sl__free(c);
        c = older;
    }
}

void arena_deinit(struct arena *a)
{
    free_chain(a->newest);
    a->newest = NULL;
}

static struct arena_chunk *add_chunk(struct arena *a, size_t least)
{
    size_t cap = a->chunk_bytes ? a->chunk_bytes : ARENA_CHUNK_BYTES;
    struct arena_chunk *c;

    if (cap < least) cap = least;
    if (cap > PIECE_MAX) return NULL;
    c = sl__alloc(sizeof *c + cap);
    if (c == NULL) return NULL;
    c->used = 0;
    c->cap = cap;
    c->older = a->newest;
    a->newest = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_chunk *c = a->newest;
    void *piece;

    if (n > PIECE_MAX) return NULL;
    n = (n + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (c == NULL || n > c->cap - c->used) {
        c = add_chunk(a, n);
        if (c == NULL) return NULL;
    }
    piece = c->bytes + c->used;
    c->used += n;
    return piece;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *piece = arena_alloc(a, n);

    return piece != NULL ? memset(piece, 0, n) : NULL;
}

sl_str arena_copy(struct arena *a, sl_str s)
{
    char *copy = s.len < PIECE_MAX ? arena_alloc(a, s.len + 1) : NULL;

    if (copy == NULL) return (sl_str){NULL, 0};
    if (s.len > 0) memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (sl_str){copy, s.len};
}

void arena_reset(struct arena *a)
{
    struct arena_chunk **largest = &a->newest, *kept;

    if (a->newest == NULL) return;

    for (struct arena_chunk **at = &a->newest; *at != NULL; at = &(*at)->older) {
        if ((*at)->cap > (*largest)->cap) largest = at;
    }
    kept = *largest;
    *largest = kept->older;
    free_chain(a->newest);
    kept->older = NULL;
    kept->used = 0;
    a->newest = kept;
}
