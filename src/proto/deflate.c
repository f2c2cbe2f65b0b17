/* SPDX-License-Identifier: MIT */
#include "proto/deflate.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"

#include <zlib.h>

/*
 * Measured on JSON of detections: levels 1 to 6 differ by a tenth of the bytes below 16 KiB,
 * and by a factor of three in time above.
 */
#define LEVEL     1
#define HEADROOM  32         /* any frame header fits in front */
#define PIECE_MAX (1u << 30) /* zlib counts in 32 bits */
#define WINDOWS   (DEFLATE_BITS_MAX - DEFLATE_BITS_MIN + 1)
#define TAIL_LEN  4
#define GZIP_BITS 16 /* added to the window's: zlib's way to ask for gzip */
#define GZIP_MORE 18 /* header and trailer, RFC 1952 §2.3 */

/* What every message is compressed to in the end, and leaves out, RFC 7692 §7.2.1. */
static const uint8_t tail[TAIL_LEN] = {0x00, 0x00, 0xFF, 0xFF};

struct deflate {
    z_stream in;
    z_stream out[WINDOWS];
    bool in_ready, out_ready[WINDOWS];
    sl_str rest;               /* of the message that is inflated */
    bool tail_fed;             /* ... and the tail behind it */
    bool at_end;               /* the last byte fed was the last of a block */
    uint8_t room[DEFLATE_MAX]; /* what comes out, either way */
};

static void *on_alloc(void *user, unsigned n, unsigned size)
{
    size_t bytes;

    (void)user;
    if (__builtin_mul_overflow((size_t)n, (size_t)size, &bytes)) return NULL;
    return sl__alloc(bytes);
}

static void on_free(void *user, void *p)
{
    (void)user;
    sl__free(p);
}

struct deflate *deflate_new(void)
{
    struct deflate *d = sl__alloc(sizeof *d);

    if (d == NULL) return NULL;
    memset(d, 0, offsetof(struct deflate, room));
    return d;
}

void deflate_free(struct deflate *d)
{
    if (d == NULL) return;
    if (d->in_ready) inflateEnd(&d->in);
    for (int i = 0; i < WINDOWS; i++) {
        if (d->out_ready[i]) deflateEnd(&d->out[i]);
    }
    sl__free(d);
}

/* ---- inflating ---- */

int inflate_begin(struct deflate *d, sl_str in)
{
    if (d->in_ready) {
        inflateReset(&d->in);
    } else {
        d->in = (z_stream){.zalloc = on_alloc, .zfree = on_free};
        if (inflateInit2(&d->in, -DEFLATE_BITS_MAX) != Z_OK) return SL_E_NOMEM;
        d->in_ready = true;
    }
    d->rest = in;
    d->tail_fed = d->at_end = in.len == 0;
    d->in.avail_in = 0;
    return 0;
}

/* The message's bytes, then the tail. */
static void refill(struct deflate *d)
{
    z_stream *z = &d->in;
    size_t n = d->rest.len < PIECE_MAX ? d->rest.len : PIECE_MAX;

    if (n > 0) {
        z->next_in = (uint8_t *)d->rest.ptr;
        z->avail_in = (unsigned)n;
        d->rest.ptr += n;
        d->rest.len -= n;
    } else if (!d->tail_fed) {
        z->next_in = (uint8_t *)tail;
        z->avail_in = TAIL_LEN;
        d->tail_fed = true;
    }
}

/* One call of zlib. returns 1: go on, 0: there is nothing more to do; or the error */
static int inflate_step(struct deflate *d)
{
    z_stream *z = &d->in;

    if (z->avail_in == 0) refill(d);
    switch (inflate(z, Z_SYNC_FLUSH)) {
    case Z_OK: d->at_end = (z->data_type & 128) != 0; return 1; /* bit 7: behind a block */
    case Z_STREAM_END:
        /* BFINAL ends no message: another block may follow, and look back at this one */
        inflateResetKeep(z);
        d->at_end = true;
        return 1;
    case Z_BUF_ERROR: return 0;
    case Z_MEM_ERROR: return SL_E_NOMEM;
    default: return SL_E_WS_PROTO;
    }
}

int inflate_next(struct deflate *d, sl_str *chunk)
{
    z_stream *z = &d->in;
    int rc = 1;

    z->next_out = d->room;
    z->avail_out = INFLATE_CHUNK;
    while (rc == 1 && z->avail_out > 0)
        rc = inflate_step(d);
    *chunk = (sl_str){(const char *)d->room, INFLATE_CHUNK - z->avail_out};
    if (rc == 0 && !d->at_end) return SL_E_WS_PROTO;
    return rc;
}

/* ---- deflating ---- */

unsigned deflate_bits(unsigned agreed, size_t len)
{
    const size_t lookahead = 262; /* zlib reaches back so much less than its window */
    unsigned bits = DEFLATE_BITS_MIN;

    while (bits < agreed && ((size_t)1 << bits) < len + lookahead)
        bits++;
    return bits;
}

/* The smaller the window, the smaller the tables: all seven states are half a megabyte. */
static int init(z_stream *z, int level, unsigned bits, int format)
{
    *z = (z_stream){.zalloc = on_alloc, .zfree = on_free};
    if (deflateInit2(z, level, Z_DEFLATED, format, (int)bits - 7, Z_DEFAULT_STRATEGY) != Z_OK)
        return SL_E_NOMEM;
    return 0;
}

static z_stream *out_state(struct deflate *d, unsigned bits)
{
    unsigned i = bits - DEFLATE_BITS_MIN;

    SL_ASSERT(i < WINDOWS);
    if (d->out_ready[i]) {
        deflateReset(&d->out[i]);
        return &d->out[i];
    }
    if (init(&d->out[i], LEVEL, bits, -(int)bits) < 0) return NULL;
    d->out_ready[i] = true;
    return &d->out[i];
}

static size_t count(const struct iovec *iov, int n)
{
    size_t bytes = 0;

    for (int i = 0; i < n; i++)
        bytes += iov[i].iov_len;
    return bytes;
}

/* All slices into the room there is. returns false if it is too small */
static bool run(z_stream *z, const struct iovec *iov, int n, size_t skip)
{
    for (int i = 0; i < n; i++) {
        size_t past = skip < iov[i].iov_len ? skip : iov[i].iov_len;

        skip -= past;
        z->next_in = (uint8_t *)iov[i].iov_base + past;
        z->avail_in = (unsigned)(iov[i].iov_len - past);
        if (z->avail_in > 0 && deflate(z, Z_NO_FLUSH) != Z_OK) return false;
        if (z->avail_in > 0) return false;
    }
    /* done only if zlib has room left */
    return deflate(z, Z_SYNC_FLUSH) == Z_OK && z->avail_out > 0;
}

static sl_buf *copy_out(const uint8_t *bytes, size_t n)
{
    sl_buf *b = sl_buf_new(HEADROOM, n);

    if (b == NULL) return NULL;
    memcpy(sl__buf_data(b), bytes, n);
    b->len = n;
    return b;
}

int deflate_message(struct deflate *d, unsigned bits, const struct iovec *iov, int n,
                    size_t skip, sl_buf **out)
{
    size_t len = count(iov, n) - skip;
    z_stream *z;

    *out = NULL;
    if (len <= TAIL_LEN || len > DEFLATE_MAX) return 0;
    z = out_state(d, bits);
    if (z == NULL) return SL_E_NOMEM;
    z->next_out = d->room;
    z->avail_out = (unsigned)len; /* no larger than it was, the tail included */
    if (!run(z, iov, n, skip)) return 0;

    size_t made = len - z->avail_out - TAIL_LEN;
    SL_ASSERT(memcmp(d->room + made, tail, TAIL_LEN) == 0);
    *out = copy_out(d->room, made);
    return *out != NULL ? 1 : SL_E_NOMEM;
}

/* ---- gzip ---- */

int gzip_pack(sl_str in, sl_buf **out)
{
    unsigned bits = deflate_bits(DEFLATE_BITS_MAX, in.len);
    z_stream z;
    sl_buf *b;
    int rc;

    *out = NULL;
    if (in.len <= GZIP_MORE || in.len > DEFLATE_MAX) return 0;
    b = sl_buf_new(0, in.len);
    if (b == NULL || init(&z, LEVEL, bits, (int)bits + GZIP_BITS) < 0) {
        sl_buf_drop(b);
        return SL_E_NOMEM;
    }
    z.next_in = (uint8_t *)in.ptr;
    z.avail_in = (unsigned)in.len;
    z.next_out = sl__buf_data(b);
    z.avail_out = (unsigned)in.len;
    rc = deflate(&z, Z_FINISH) == Z_STREAM_END;
    b->len = in.len - z.avail_out;
    deflateEnd(&z);
    if (rc == 1)
        *out = b;
    else
        sl_buf_drop(b);
    return rc;
}
