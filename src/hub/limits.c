/* SPDX-License-Identifier: MIT */
#include "hub/limits.h"

#include "base/alloc.h"
#include "base/map.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SECOND_US     1000000u
#define BURST_S       5    /* a device that was away sends what it has kept */
#define DEVICES_MAX   4096 /* or twice as many as there may be: of several systems */
#define PARTIES_MAX   16384
#define SWEEP_EACH_US SECOND_US

struct rates {
    struct map *buckets;
    uint32_t per_window, keys_max;
    uint64_t window_us, swept_us;
};

struct bucket {
    uint64_t full_at_us;
};

int rates_new(uint32_t per_window, uint64_t window_us, uint32_t keys_max, struct rates **out)
{
    struct rates *r = sl__zalloc(sizeof *r);

    *out = NULL;
    if (r == NULL) return SL_E_NOMEM;
    *r = (struct rates){map_new(), per_window, keys_max, window_us, 0};
    if (r->buckets == NULL) {
        sl__free(r);
        return SL_E_NOMEM;
    }
    *out = r;
    return 0;
}

void rates_free(struct rates *r)
{
    void *bucket;
    sl_str key;

    if (r == NULL) return;
    for (uint32_t i = 0; map_next(r->buckets, &i, &key, &bucket);)
        sl__free(bucket);
    map_free(r->buckets);
    sl__free(r);
}

/* A full bucket need not be kept. Into a new map: none is walked and changed at a time. */
static void sweep(struct rates *r, uint64_t now_us)
{
    struct map *kept = map_new();
    void *value;
    sl_str key;

    r->swept_us = now_us;
    if (kept == NULL) return;
    for (uint32_t i = 0; map_next(r->buckets, &i, &key, &value);) {
        struct bucket *b = value;

        if (b->full_at_us <= now_us || map_put(kept, key, b, NULL) < 0) sl__free(b);
    }
    map_free(r->buckets);
    r->buckets = kept;
}

static struct bucket *get_bucket(struct rates *r, sl_str key, uint64_t now_us)
{
    struct bucket *b = map_find(r->buckets, key);

    if (b != NULL) return b;
    if (map_count(r->buckets) >= r->keys_max && now_us - r->swept_us >= SWEEP_EACH_US)
        sweep(r, now_us);
    if (map_count(r->buckets) >= r->keys_max) return NULL;
    b = sl__alloc(sizeof *b);
    if (b == NULL) return NULL;
    b->full_at_us = now_us;
    if (map_put(r->buckets, key, b, NULL) == 0) return b;
    sl__free(b);
    return NULL;
}

uint64_t rates_take(struct rates *r, sl_str key, uint32_t n, uint64_t now_us)
{
    uint64_t cost_us, full_at_us;
    struct bucket *b;

    if (r == NULL || r->per_window == 0) return 0;
    b = get_bucket(r, key, now_us);
    if (b == NULL) return 0;
    cost_us = n * r->window_us / r->per_window;
    full_at_us = b->full_at_us > now_us ? b->full_at_us : now_us;
    if (full_at_us > now_us && full_at_us + cost_us > now_us + r->window_us)
        return full_at_us + cost_us - now_us - r->window_us;
    b->full_at_us = full_at_us + cost_us;
    return 0;
}

sl_str party_of(const char *peer, char room[PARTY_SIZE])
{
    const char *colon = strrchr(peer, ':');
    size_t n = colon != NULL ? (size_t)(colon - peer) : strlen(peer);
    struct in6_addr a;

    if (n >= PARTY_SIZE) n = PARTY_SIZE - 1;
    memcpy(room, peer, n);
    room[n] = '\0';
    if (strncmp(room, "127.", 4) == 0) return (sl_str){room, 0};
    if (n < 2 || room[0] != '[') return (sl_str){room, n};
    room[n - 1] = '\0';
    if (inet_pton(AF_INET6, room + 1, &a) != 1) return (sl_str){room, n - 1};
    memcpy(room, &a, sizeof a);
    return (sl_str){room, IN6_IS_ADDR_LOOPBACK(&a) ? 0 : 8};
}

/* ---- the hub's ---- */

uint32_t limits_devices(const struct limits_options *o)
{
    return o != NULL && o->devices > 0 ? o->devices : DEVICES_DEFAULT;
}

int limits_init(struct limits *l, const struct limits_options *o)
{
    const uint64_t burst_us = BURST_S * (uint64_t)SECOND_US;
    const uint32_t twice = 2 * limits_devices(o);
    int rc;

    *l = (struct limits){.options = *o};
    rc = rates_new(o->device_rate * BURST_S, burst_us,
                   twice > DEVICES_MAX ? twice : DEVICES_MAX, &l->device);
    if (rc == 0) rc = rates_new(o->address_rate * BURST_S, burst_us, PARTIES_MAX, &l->address);
    if (rc == 0)
        rc = rates_new(o->enrolments, 60 * (uint64_t)SECOND_US, PARTIES_MAX, &l->enrol);
    if (rc < 0) limits_deinit(l);
    return rc;
}

void limits_deinit(struct limits *l)
{
    rates_free(l->device);
    rates_free(l->address);
    rates_free(l->enrol);
    *l = (struct limits){0};
}
