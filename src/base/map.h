/* SPDX-License-Identifier: MIT */
/*
 * A hash map from byte strings to pointers. The hash is keyed with a random seed per process
 * (SipHash-2-4 by libsodium), because keys are often chosen by whoever sends.
 *
 * Keys are copied. Order of iteration is unspecified; do not change the map while iterating,
 * except to remove the current entry.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "sluice/buf.h"

#include <stdint.h>

struct map;

struct map *map_new(void) SL_MUST_USE; /* NULL without memory */
void map_free(struct map *m);          /* values are the caller's; NULL is fine */
uint32_t map_count(const struct map *m);
void *map_find(const struct map *m, sl_str key); /* NULL if absent */
/* Insert or replace; `old` (may be NULL) receives what was there. returns 0 or SL_E_NOMEM */
int map_put(struct map *m, sl_str key, void *value, void **old) SL_MUST_USE;
void *map_remove(struct map *m, sl_str key); /* what was there, or NULL */

/* for (uint32_t i = 0; map_next(m, &i, &key, &value);) */
bool map_next(const struct map *m, uint32_t *i, sl_str *key, void **value);

#endif
