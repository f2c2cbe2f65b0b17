/* SPDX-License-Identifier: MIT */
/* The rates that intakes hold: records of a device and of an address, new devices of one. */
#include "base/clock.h"
#include "hub/intake_inside.h"

static int refuse(struct arrival *a, uint64_t *count, uint64_t wait_us, const char *fmt,
                  uint32_t rate)
{
    ++*count;
    a->retry_s = (uint32_t)((wait_us + 999999) / 1000000);
    return arrival_refuse(a, 429, "", fmt, rate, a->retry_s);
}

/* Empty: it is not counted. */
static sl_str find_party(const struct arrival *a, char room[PARTY_SIZE])
{
    char peer[PARTY_SIZE];

    if (a->request != NULL) return party_of(sl_request_peer(a->request), room);
    if (a->sender != NULL && a->sender->sio != NULL)
        return party_of(sl_sio_peer(a->sender->sio), room);
    if (a->sender == NULL || a->sender->ws == NULL) return (sl_str){0};
    return party_of(sl_ws_peer(a->sender->ws, peer, sizeof peer), room);
}

int arrival_check_address(struct arrival *a, uint32_t records)
{
    struct limits *l = a->limits;
    char room[PARTY_SIZE];
    uint64_t wait_us;
    sl_str party;

    if (l == NULL || l->options.address_rate == 0) return 0;
    party = find_party(a, room);
    if (party.len == 0) return 0;
    wait_us = rates_take(l->address, party, records, mono_now().us);
    if (wait_us == 0) return 0;
    return refuse(a, &l->over_address, wait_us,
                  "this address sends more than %u records a second (limits.address_rate): "
                  "try again in %u s",
                  l->options.address_rate);
}

int arrival_check_device(struct arrival *a, uint32_t records)
{
    struct limits *l = a->limits;
    uint64_t wait_us;

    if (l == NULL || l->options.device_rate == 0 || a->device.len == 0) return 0;
    wait_us = rates_take(l->device, a->device, records, mono_now().us);
    if (wait_us == 0) return 0;
    return refuse(a, &l->over_device, wait_us,
                  "this device sends more than %u records a second (limits.device_rate): "
                  "try again in %u s",
                  l->options.device_rate);
}

int arrival_admit_device(struct arrival *a, uint32_t known)
{
    struct limits *l = a->limits;
    char room[PARTY_SIZE];
    uint64_t wait_us = 0;
    sl_str party;

    if (known >= limits_devices(l != NULL ? &l->options : NULL)) {
        if (l != NULL) l->devices_full++;
        return arrival_refuse(a, 503, "device_id",
                              "this hub knows %u devices since its start and takes no more "
                              "(limits.devices) until it is restarted",
                              known);
    }
    if (l == NULL || l->options.enrolments == 0) return 0;
    party = find_party(a, room);
    if (party.len > 0) wait_us = rates_take(l->enrol, party, 1, mono_now().us);
    if (wait_us == 0) return 0;
    return refuse(a, &l->over_enrolments, wait_us,
                  "more than %u new devices a minute from this address (limits.enrolments): "
                  "try again in %u s",
                  l->options.enrolments);
}
