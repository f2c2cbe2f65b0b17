/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/alloc.h"
#include "base/hash.h"

/*
 * Open addressing, linear probing. A slot is empty (entry NULL), taken, or a grave: left by
 * a removal in the middle of a run, so that searches go on past it. Removing never moves an
 * entry, which is what lets an iteration remove the one it stands on.
 *
 *   slot   | hash, entry | hash, entry | ...      power of two, at most three quarters in use
 *                   |
 *                   +--> | value | len | key bytes |
 */
#define CAP_FIRST 8u
#define CAP_LAST  (1u << 30)

struct entry {
    void *value;
    size_t len;
    char key[];
};

struct slot {
    uint64_t hash;
    struct entry *entry;
};

struct map {
    struct slot *slot;
    uint32_t cap; /* 0 or a power of two */
    uint32_t count;
    uint32_t graves;
};

static struct entry grave;

static inline bool is_taken(const struct slot *s)
{
    return s->entry != NULL && s->entry != &grave;
}

struct map *map_new(void)
{
    return sl__zalloc(sizeof(struct map));
}

void map_free(struct map *m)
{
    if (m == NULL) return;

    for (uint32_t i = 0; i < m->cap; i++) {
        if (is_taken(&m->slot[i])) sl__free(m->slot[i].entry);
    }
    sl__free(m->slot);
    sl__free(m);
}

uint32_t map_count(const struct map *m)
{
    return m->count;
}

static struct slot *find_slot(const struct map *m, sl_str key, uint64_t hash)
{
    if (m->count == 0) return NULL;
    for (uint32_t i = (uint32_t)hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct slot *s = &m->slot[i];

        if (s->entry == NULL) return NULL;
        if (s->hash != hash || s->entry == &grave) continue;
        if (sl_str_eq((sl_str){s->entry->key, s->entry->len}, key)) return s;
    }
}

void *map_find(const struct map *m, sl_str key)
{
    struct slot *s = m->count > 0 ? find_slot(m, key, hash_key(key)) : NULL;

    return s != NULL ? s->entry->value : NULL;
}

/* The first slot of the run that an entry can go to. */
static struct slot *find_room(struct slot *slot, uint32_t cap, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & (cap - 1);

    while (is_taken(&slot[i]))
        i = (i + 1) & (cap - 1);
    return &slot[i];
}

/* Room for one more: graves go away, and the table grows if it is half full without them. */
static int make_room(struct map *m)
{
    uint32_t cap = m->cap ? m->cap : CAP_FIRST;
    struct slot *bigger;

    if (m->cap > 0 && m->count + m->graves < m->cap / 4 * 3) return 0;

    if (m->count >= cap / 2) {
        if (cap >= CAP_LAST) return SL_E_NOMEM;
        cap *= 2;
    }
    bigger = sl__zalloc(cap * sizeof *bigger);
    if (bigger == NULL) return SL_E_NOMEM;
    for (uint32_t i = 0; i < m->cap; i++) {
        if (is_taken(&m->slot[i])) *find_room(bigger, cap, m->slot[i].hash) = m->slot[i];
    }
    sl__free(m->slot);
    m->slot = bigger;
    m->cap = cap;
    m->graves = 0;
    return 0;
}

int map_put(struct map *m, sl_str key, void *value, void **old)
{
    uint64_t hash = hash_key(key);
    struct slot *s = find_slot(m, key, hash);
    struct entry *e;
    int rc;

    if (old != NULL) *old = NULL;
    if (s != NULL) {
        if (old != NULL) *old = s->entry->value;
        s->entry->value = value;
        return 0;
    }

    if (key.len > PTRDIFF_MAX - sizeof *e) return SL_E_NOMEM;
    rc = make_room(m);
    if (rc < 0) return rc;
    e = sl__alloc(sizeof *e + key.len);
    if (e == NULL) return SL_E_NOMEM;
    e->value = value;
    e->len = key.len;
    if (key.len > 0) memcpy(e->key, key.ptr, key.len);

    s = find_room(m->slot, m->cap, hash);
    if (s->entry == &grave) m->graves--;
    *s = (struct slot){hash, e};
    m->count++;
    return 0;
}

void *map_remove(struct map *m, sl_str key)
{
    struct slot *s = m->count > 0 ? find_slot(m, key, hash_key(key)) : NULL;
    uint32_t i;
    void *value;

    if (s == NULL) return NULL;

    value = s->entry->value;
    sl__free(s->entry);
    s->entry = &grave;
    m->graves++;
    m->count--;
    /* a run that ends in graves ends before them */
    i = (uint32_t)(s - m->slot);
    if (m->slot[(i + 1) & (m->cap - 1)].entry != NULL) return value;
    while (m->slot[i].entry == &grave) {
        m->slot[i].entry = NULL;
        m->graves--;
        i = (i - 1) & (m->cap - 1);
    }
    return value;
}

bool map_next(const struct map *m, uint32_t *i, sl_str *key, void **value)
{
    while (*i < m->cap) {
        const struct slot *s = &m->slot[(*i)++];

        if (!is_taken(s)) continue;
        *key = (sl_str){s->entry->key, s->entry->len};
        *value = s->entry->value;
        return true;
    }
    return false;
}
