/* SPDX-License-Identifier: MIT */
/* Polling bodies: three forms of "several packets, one after the other". */
#include "base/codec.h"
#include "base/scan.h"
#include "base/str.h"
#include "proto/eio.h"

#include <assert.h>
#include <string.h>

#define SEPARATOR '\x1e'
#define BLOCK     64

/* ---- UTF-16 code units: one for each character, two beyond U+FFFF ---- */

/* What a byte adds: continuations nothing, the first of four bytes two, any other one. */
static inline unsigned units_of(uint8_t c)
{
    return (unsigned)((c & 0xC0) != 0x80) + (unsigned)(c >= 0xF0);
}

/* A loop that compilers make vectors of: its sum fits a byte. */
static inline unsigned units_of_block(const uint8_t *p)
{
    uint8_t n = 0;

    static_assert(2 * BLOCK <= UINT8_MAX, "the sum of a block fits");
    for (unsigned i = 0; i < BLOCK; i++)
        n = (uint8_t)(n + ((int8_t)p[i] >= (int8_t)0xC0) + (p[i] >= 0xF0));
    return n;
}

size_t eio_utf16_len(sl_str utf8)
{
    const uint8_t *p = (const uint8_t *)utf8.ptr;
    size_t n = 0, i = 0;

    for (; utf8.len - i >= BLOCK; i += BLOCK)
        n += units_of_block(p + i);
    for (; i < utf8.len; i++)
        n += units_of(p[i]);
    return n;
}

/* Bytes of the first `units` of a text; more than it has if they end in no place of it. */
static size_t bytes_of_units(sl_str text, size_t units)
{
    const uint8_t *p = (const uint8_t *)text.ptr;
    size_t i = 0;

    while (text.len - i >= BLOCK) {
        unsigned n = units_of_block(p + i);
        if (n > units) break;
        units -= n;
        i += BLOCK;
    }
    while (i < text.len && units_of(p[i]) <= units)
        units -= units_of(p[i++]);
    return units == 0 ? i : text.len + 1;
}

/* ---- the forms ---- */

static int fail(struct eio_payload *it, int rc, const char *why)
{
    it->rc = rc;
    it->why = why;
    return rc;
}

static int check_utf8(struct eio_payload *it, sl_str text)
{
    struct scan s;

    scan_init(&s, SCAN_UTF8, NULL, NULL);
    int rc = scan_feed(&s, NULL, (const uint8_t *)text.ptr, text.len);
    if (rc == 0) rc = scan_end(&s);
    return rc < 0 ? fail(it, SL_E_UTF8, "a body that is not UTF-8") : 0;
}

/* `body` without its first `n` bytes, which become the result. */
static sl_str take(struct eio_payload *it, size_t n)
{
    sl_str taken = {it->rest.ptr, n};

    it->rest.ptr += n;
    it->rest.len -= n;
    return taken;
}

static int give(struct eio_payload *it, bool text, sl_str raw, struct eio_packet *packet)
{
    if (raw.len == 0) return fail(it, SL_E_ENGINE_IO, "an empty packet");
    if (eio_decode(3, text, raw, packet) < 0)
        return fail(it, SL_E_ENGINE_IO, "an unknown packet type");
    return 1;
}

static int next_separated(struct eio_payload *it, struct eio_packet *packet)
{
    size_t n = str_find_byte(it->rest, SEPARATOR);
    sl_str raw = take(it, n);

    it->ended = it->rest.len == 0;
    if (!it->ended) take(it, 1);
    if (raw.len == 0 || raw.ptr[0] != 'b') return give(it, true, raw, packet);
    *packet = (struct eio_packet){
        EIO_MESSAGE, true, true, {raw.ptr + 1, raw.len - 1}
    };
    return 1;
}

/*
 * The length in front of a packet: decimal digits counted from `zero`, then `end`. No zero
 * leads, so a length with more digits than the body's is larger than the body.
 *
 * returns  1, or the failure
 */
static int take_length(struct eio_payload *it, uint8_t zero, uint8_t end, size_t *out)
{
    const uint8_t *p = (const uint8_t *)it->rest.ptr;
    size_t i = 0, n = 0;

    for (; i < it->rest.len && (uint8_t)(p[i] - zero) <= 9; i++) {
        n = n * 10 + (uint8_t)(p[i] - zero);
        if (n == 0) return fail(it, SL_E_ENGINE_IO, "a length that begins with zero");
        if (n > it->rest.len) return fail(it, SL_E_ENGINE_IO, "a length beyond the body's end");
    }
    if (i == 0 || i == it->rest.len || p[i] != end)
        return fail(it, SL_E_ENGINE_IO, "expected a length in front of the packet");
    take(it, i + 1);
    if (n > it->rest.len) return fail(it, SL_E_ENGINE_IO, "a length beyond the body's end");
    *out = n;
    return 1;
}

static int next_counted(struct eio_payload *it, struct eio_packet *packet)
{
    size_t units;
    int rc = take_length(it, '0', ':', &units);

    if (rc < 0) return rc;
    size_t n = bytes_of_units(it->rest, units);
    if (n > it->rest.len)
        return fail(it, SL_E_ENGINE_IO,
                    "a length that ends inside a character or past the end");
    sl_str raw = take(it, n);
    it->ended = it->rest.len == 0;
    bool base64 = raw.len > 0 && raw.ptr[0] == 'b';
    rc = give(it, true, base64 ? (sl_str){raw.ptr + 1, raw.len - 1} : raw, packet);
    if (rc > 0) packet->binary = packet->base64 = base64;
    return rc;
}

static int next_bytes(struct eio_payload *it, struct eio_packet *packet)
{
    size_t n;
    uint8_t kind = (uint8_t)take(it, 1).ptr[0];

    if (kind > 1) return fail(it, SL_E_ENGINE_IO, "expected 0 or 1 in front of the packet");
    int rc = take_length(it, 0, 0xFF, &n);
    if (rc < 0) return rc;
    sl_str raw = take(it, n);
    it->ended = it->rest.len == 0;
    if (kind == 0) rc = check_utf8(it, raw);
    return rc < 0 ? rc : give(it, kind == 0, raw, packet);
}

void eio_payload_init(struct eio_payload *it, unsigned revision, bool is_octet_stream,
                      sl_str body)
{
    *it = (struct eio_payload){.rest = body, .form = EIO_SEPARATED};
    if (revision == 3) it->form = is_octet_stream ? EIO_BYTES : EIO_COUNTED;
    if (body.len == 0)
        fail(it, SL_E_ENGINE_IO, "an empty body");
    else if (it->form != EIO_BYTES)
        check_utf8(it, body);
}

int eio_payload_next(struct eio_payload *it, struct eio_packet *packet)
{
    static int (*const next[])(struct eio_payload *,
                               struct eio_packet *) = {[EIO_SEPARATED] = next_separated,
                                                       [EIO_COUNTED] = next_counted,
                                                       [EIO_BYTES] = next_bytes};

    *packet = (struct eio_packet){0};
    if (it->rc < 0) return it->rc;
    return it->ended ? 0 : next[it->form](it, packet);
}

/* ---- base64 ---- */

/* Whole groups of four, then what is left of one whose padding is missing. */
int eio_base64_decode(void *dst, size_t cap, sl_str text, size_t *out)
{
    size_t left = text.len % 4, last = 0;
    char group[4] = {'=', '=', '=', '='};

    int rc = sl__base64_decode(dst, cap, (sl_str){text.ptr, text.len - left}, out);
    if (rc == 0 && left > 0) {
        /* "YQ==YQ" is two texts, not one */
        if (text.len > left && text.ptr[text.len - left - 1] == '=') return SL_E_ENGINE_IO;
        memcpy(group, text.ptr + text.len - left, left);
        rc = sl__base64_decode((uint8_t *)dst + *out, cap - *out, (sl_str){group, 4}, &last);
        *out += last;
    }
    return rc == SL_E_INVAL ? SL_E_ENGINE_IO : rc;
}
