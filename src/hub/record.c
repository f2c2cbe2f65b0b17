/* SPDX-License-Identifier: MIT */
#include "hub/record.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rand.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

#define ID_RANDOM_BYTES 4
#define IDS_AT_ONCE     128
#define ID_NUMBER_AT    24 /* where the last group begins: 12 digits */

static const char hex[] = "0123456789abcdef";

/* Randomness for many ids in one system call; ids are public, so what waits is no secret. */
static void take_random(uint8_t out[ID_RANDOM_BYTES])
{
    static _Thread_local struct {
        uint8_t bytes[IDS_AT_ONCE * ID_RANDOM_BYTES];
        size_t left;
    } pool;

    if (pool.left == 0) {
        rand_bytes(pool.bytes, sizeof pool.bytes);
        pool.left = IDS_AT_ONCE;
    }
    pool.left--;
    memcpy(out, pool.bytes + pool.left * ID_RANDOM_BYTES, ID_RANDOM_BYTES);
}

/*
 * RFC 9562 §5.4 by form (version 4, variant 10):
 *
 *   milliseconds  4 random  8..b random  number, once it has one
 *   019d4f2c-8a01-4xxx-     yxxx-        00000000002a
 */
static void make_id(struct wall now, char id[RECORD_ID_SIZE])
{
    uint64_t ms = (uint64_t)(now.us / 1000);
    uint8_t b[16] = {0};

    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    take_random(b + 6);
    b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *id++ = '-';
        *id++ = hex[b[i] >> 4];
        *id++ = hex[b[i] & 15];
    }
    *id = '\0';
}

void record_set_number(struct record *r, int64_t seq)
{
    uint64_t left = (uint64_t)seq;

    for (int i = RECORD_ID_SIZE - 2; i >= ID_NUMBER_AT; i--, left >>= 4)
        r->id[i] = hex[left & 15];
}

int64_t record_number_in(sl_str id)
{
    int64_t seq = 0;

    if (id.len != RECORD_ID_SIZE - 1) return 0;
    for (size_t i = ID_NUMBER_AT; i < id.len; i++) {
        const char *digit = memchr(hex, str_lower(id.ptr[i]), 16);

        if (digit == NULL) return 0;
        seq = seq * 16 + (digit - hex);
    }
    return seq;
}

static sl_str put(char *at, sl_str text)
{
    if (text.len > 0) memcpy(at, text.ptr, text.len);
    return (sl_str){at, text.len};
}

int outcome_refuse(struct outcome *out, int status, const char *fmt, ...)
{
    va_list args;

    out->kind = OUTCOME_REFUSED;
    out->status = status;
    va_start(args, fmt);
    vsnprintf(out->why, sizeof out->why, fmt, args);
    va_end(args);
    return 0;
}

int outcome_refer(struct outcome *out, enum outcome_kind kind, int64_t seq, sl_str id)
{
    SL_ASSERT(kind == OUTCOME_DUPLICATE || kind == OUTCOME_MERGED);
    id = str_cut_utf8(id, sizeof out->id - 1);
    out->kind = kind;
    out->seq = seq;
    put(out->id, id);
    out->id[id.len] = '\0';
    return 0;
}

struct record *record_new(const struct record_kind *kind, sl_str device, sl_str body)
{
    return record_new_unique(kind, device, body, NULL);
}

struct record *record_new_unique(const struct record_kind *kind, sl_str device, sl_str body,
                                 const struct unique *unique)
{
    size_t key_len = unique ? unique->key.len : 0;
    struct record *r;

    if (body.len > SIZE_MAX / 4 || device.len > SIZE_MAX / 4 || key_len > SIZE_MAX / 4) {
        return NULL;
    }
    r = sl__alloc(sizeof *r + device.len + body.len + key_len);
    if (r == NULL) return NULL;
    *r = (struct record){.kind = kind, .hub_at = wall_now()};
    list_init(&r->node);
    make_id(r->hub_at, r->id);
    r->device = put(r->bytes, device);
    r->body = put(r->bytes + device.len, body);
    if (unique != NULL) {
        r->unique = *unique;
        r->unique.key = put(r->bytes + device.len + body.len, unique->key);
    }
    return r;
}

void record_free(struct record *r)
{
    if (r == NULL) return;
    sl_out_deinit(&r->outcome.text);
    sl__free(r);
}

size_t record_bytes(const struct record *r)
{
    return sizeof *r + r->device.len + r->body.len + r->unique.key.len;
}
