/* SPDX-License-Identifier: MIT */
/*
 * Sessions by their sid, chained through the sessions themselves: with ten thousand of them a
 * map with keys of its own would be a tenth of what they take. An sid is random and ours, so
 * its own bytes are as good as a hash: nobody can choose where a session lies.
 */
#include "base/alloc.h"
#include "serve/eio_inside.h"

#define CAP_FIRST 16u
#define CAP_LAST  (1u << 24) /* from there on the chains grow */

/* A sid that is not ours may be of any length, and lies anywhere. */
static uint32_t place_of(const struct eio_table *t, sl_str sid)
{
    uint64_t bits = 0;

    memcpy(&bits, sid.ptr, sid.len < sizeof bits ? sid.len : sizeof bits);
    return (uint32_t)(bits * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->cap - 1);
}

static struct eio_session **slot_of(const struct eio_table *t, const struct eio_session *s)
{
    return &t->slot[place_of(t, sl_str_of(s->sid))];
}

static void put(const struct eio_table *t, struct eio_session *s)
{
    struct eio_session **slot = slot_of(t, s);

    s->next = *slot;
    *slot = s;
}

/* Without memory for more the chains are longer, which is no error. */
static int grow(struct eio_table *t)
{
    struct eio_table more = {.cap = t->cap > 0 ? t->cap * 2 : CAP_FIRST, .n = t->n};
    struct eio_session *s;

    if (t->n < t->cap || t->cap == CAP_LAST) return 0;
    more.slot = sl__zalloc(more.cap * sizeof *more.slot);
    if (more.slot == NULL) return t->cap > 0 ? 0 : SL_E_NOMEM;
    for (uint32_t i = 0; i < t->cap; i++) {
        while ((s = t->slot[i]) != NULL) {
            t->slot[i] = s->next;
            put(&more, s);
        }
    }
    sl__free(t->slot);
    *t = more;
    return 0;
}

int eio_table_add(struct eio_table *t, struct eio_session *s)
{
    int rc = grow(t);

    if (rc < 0) return rc;
    put(t, s);
    t->n++;
    return 0;
}

void eio_table_remove(struct eio_table *t, struct eio_session *s)
{
    struct eio_session **at = slot_of(t, s);

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->next = NULL;
    t->n--;
}

struct eio_session *eio_table_find(const struct eio_table *t, sl_str sid)
{
    struct eio_session *s = t->cap > 0 ? t->slot[place_of(t, sid)] : NULL;

    while (s != NULL && !sl_str_eq(sl_str_of(s->sid), sid))
        s = s->next;
    return s;
}

struct eio_session *eio_table_at(const struct eio_table *t, uint32_t *i)
{
    while (*i < t->cap && t->slot[*i] == NULL)
        ++*i;
    return *i < t->cap ? t->slot[*i] : NULL;
}

void eio_table_deinit(struct eio_table *t)
{
    sl__free(t->slot);
    *t = (struct eio_table){0};
}
