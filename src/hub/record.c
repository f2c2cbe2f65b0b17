/* SPDX-License-Identifier: MIT */
#include "hub/record.h"

#include "base/alloc.h"
#include "base/rand.h"

#include <stdio.h>

/*
 * RFC 9562 §5.4 by form (version 4, variant 10), but the first six bytes rise with time: ids
 * made together lie together in an index, which random ones do not.
 */
static void make_id(struct wall now, char id[RECORD_ID_SIZE])
{
    uint64_t ms = (uint64_t)(now.us / 1000);
    uint8_t b[16];

    rand_bytes(b, sizeof b);
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    snprintf(id, RECORD_ID_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

static sl_str put(char *at, sl_str text)
{
    if (text.len > 0) memcpy(at, text.ptr, text.len);
    return (sl_str){at, text.len};
}

struct record *record_new(const struct record_kind *kind, sl_str device, sl_str body)
{
    struct record *r;

    if (body.len > SIZE_MAX / 2 || device.len > SIZE_MAX / 4) return NULL;
    r = sl__alloc(sizeof *r + device.len + body.len);
    if (r == NULL) return NULL;
    *r = (struct record){.kind = kind, .hub_at = wall_now()};
    list_init(&r->node);
    make_id(r->hub_at, r->id);
    r->device = put(r->bytes, device);
    r->body = put(r->bytes + device.len, body);
    return r;
}

void record_free(struct record *r)
{
    sl__free(r);
}

size_t record_bytes(const struct record *r)
{
    return sizeof *r + r->device.len + r->body.len;
}
