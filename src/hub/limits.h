/* SPDX-License-Identifier: MIT */
/*
 * Rates: how often a device or an address may do something. Each has a bucket that fills
 * evenly: what was saved up may be spent at once, then the rate holds. What is kept of a
 * bucket is the moment when it will be full again.
 *
 *          now            full_at            now + window
 *   ────────┼────────────────┼─────────────────────┼───►
 *           └── spent ───────┘└── may be spent ────┘
 */
#ifndef HUB_LIMITS_H
#define HUB_LIMITS_H

#include "sluice/buf.h"

#include <stdint.h>

struct rates;

/*
 * per_window  so many within `window_us`, and as many at once if nothing was spent; 0: no limit
 * keys_max    how many buckets are kept; when all of so many are in use, newcomers are let
 * through
 */
int rates_new(uint32_t per_window, uint64_t window_us, uint32_t keys_max,
              struct rates **out) SL_MUST_USE;
void rates_free(struct rates *r); /* NULL is fine */

/*
 * Spend `n` of this key's. More than a whole bucket is let through if it is full, and pays
 * afterwards.
 *
 * returns  0: spent; else after how many microseconds it can be, and nothing was
 */
uint64_t rates_take(struct rates *r, sl_str key, uint32_t n, uint64_t now_us);

#define PARTY_SIZE 64

/*
 * Who counts as one address: "10.0.0.7:53211" is 10.0.0.7, "[2001:db8::1]:53211" the /64.
 *
 * returns  its bytes in `room`; empty: this machine, which is exempt
 */
sl_str party_of(const char *peer, char room[PARTY_SIZE]);

/* ---- the hub's ---- */

#define DEVICES_DEFAULT 1024 /* ids are chosen by whoever sends */

struct limits_options {
    uint32_t device_rate, address_rate; /* records a second; 0: any */
    uint32_t enrolments;                /* new devices of one address a minute; 0: any */
    uint32_t devices; /* that a system knows since its start; 0: DEVICES_DEFAULT */
};

struct limits {
    struct rates *device, *address, *enrol;
    struct limits_options options;
    uint64_t over_device, over_address, over_enrolments; /* messages refused */
    uint64_t devices_full; /* devices refused, for so many are known already */
};

/* How many devices there may be; `o` zeroed or NULL is fine. */
uint32_t limits_devices(const struct limits_options *o);

int limits_init(struct limits *l, const struct limits_options *o) SL_MUST_USE;
void limits_deinit(struct limits *l);

#endif
