/* SPDX-License-Identifier: MIT */
/*
 * A connection's bytes: heads, sized and chunked bodies, one request after another. Read
 * whole and read in pieces must come to the same: facts, bodies, ends, and why it was refused.
 */
#include "base/assert.h"
#include "proto/http1.h"

#include <stdlib.h>

#define HEAD_MAX 2048
#define BODY_MAX 4096

/* Everything that was understood, folded into one number, and how it ended. */
struct story {
    uint64_t sum;
    size_t end; /* where the last complete request ended */
    int rc, status;
    uint32_t requests;
};

static void add(struct story *s, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < n; i++)
        s->sum = (s->sum ^ p[i]) * UINT64_C(0x100000001b3);
}

static void add_str(struct story *s, sl_str text)
{
    add(s, &text.len, sizeof text.len);
    add(s, text.ptr, text.len);
}

static void add_head(struct story *s, const struct http1_head *h)
{
    unsigned flags = (unsigned)(h->chunked | h->keep_alive << 1 | h->expect_continue << 2
                                | h->upgrade << 3 | h->websocket << 4 | h->has_length << 5);

    add(s, &h->method, sizeof h->method);
    add(s, &flags, sizeof flags);
    add(s, &h->content_length, sizeof h->content_length);
    add_str(s, http1_text(h, h->target));
    add_str(s, http1_text(h, h->host));
    for (uint32_t i = 0; i < h->n; i++) {
        SL_ASSERT(http1_is_token(http1_field_name(h, i)));
        SL_ASSERT(http1_is_value(http1_field_value(h, i)));
        add_str(s, http1_field_name(h, i));
        add_str(s, http1_field_value(h, i));
    }
    SL_ASSERT(!(h->chunked && h->has_length));
    SL_ASSERT(h->minor == 0 || h->host.len > 0);
}

/* The next cut: everything, or 1 to 8 bytes as the seed says. */
static size_t cut(size_t at, size_t n, uint32_t *seed)
{
    size_t take;

    if (*seed == 0) return n;
    *seed = *seed * 1664525 + 1013904223;
    take = 1 + (*seed >> 24) % 8;
    return n - at < take ? n : at + take;
}

/* A copy of exactly [0, n), so that the sanitizer sees the first byte too far. */
static char *exact(const char *bytes, size_t n)
{
    char *copy = malloc(n > 0 ? n : 1);

    if (copy == NULL) abort();
    if (n > 0) memcpy(copy, bytes, n);
    return copy;
}

static int read_head(struct story *s, const char *in, size_t n, uint32_t *seed, size_t *used,
                     struct http1_head *h)
{
    char *copy = NULL;
    int rc = SL_E_PARTIAL;

    http1_head_init(h, HEAD_MAX);
    for (size_t at = 0; rc == SL_E_PARTIAL && at < n;) {
        at = cut(at, n, seed);
        free(copy);
        copy = exact(in, at);
        rc = http1_head_feed(h, copy, at);
        SL_ASSERT(rc != SL_E_PARTIAL || at < HEAD_MAX);
    }
    *used = h->head_len;
    if (rc == 0) add_head(s, h);
    if (rc == SL_E_HTTP) {
        s->status = h->status;
        SL_ASSERT(h->status >= 400 && h->why[0] != '\0');
        add_str(s, sl_str_of(h->why));
        (void)http1_find(h, "origin");
    }
    free(copy);
    return rc;
}

static int read_chunked(struct story *s, const char *in, size_t n, uint32_t *seed, size_t *used)
{
    struct http1_chunks c;
    int rc = SL_E_PARTIAL;
    size_t body = 0;

    *used = 0;
    http1_chunks_init(&c, BODY_MAX);
    while (rc == SL_E_PARTIAL && *used < n) {
        size_t piece = cut(*used, n, seed) - *used, taken;
        char *copy = exact(in + *used, piece);
        sl_str data;

        rc = http1_chunks_feed(&c, copy, piece, &taken, &data);
        SL_ASSERT(taken <= piece && (taken > 0 || rc == SL_E_HTTP) && data.len <= taken);
        body += data.len;
        *used += taken;
        add(s, data.ptr, data.len);
        free(copy);
    }
    SL_ASSERT(body <= BODY_MAX);
    if (rc == SL_E_HTTP) {
        s->status = c.status;
        add_str(s, sl_str_of(c.why));
    }
    return rc;
}

static struct story read_all(const char *in, size_t n, uint32_t seed)
{
    static struct http1_head h;
    struct story s = {0};

    while (s.end < n && s.rc == 0) {
        size_t used, body = 0;

        s.rc = read_head(&s, in + s.end, n - s.end, &seed, &used, &h);
        if (s.rc < 0) break;
        if (h.chunked) {
            s.rc = read_chunked(&s, in + s.end + used, n - s.end - used, &seed, &body);
        } else if (h.content_length <= n - s.end - used) {
            body = (size_t)h.content_length;
        } else {
            s.rc = SL_E_PARTIAL;
        }
        if (s.rc < 0) break;
        s.end += used + body;
        s.requests++;
    }
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct story whole = read_all((const char *)data, n, 0);

    for (uint32_t seed = 1; seed <= 3; seed++) {
        struct story pieces = read_all((const char *)data, n, seed);

        SL_ASSERT(pieces.sum == whole.sum && pieces.end == whole.end);
        SL_ASSERT(pieces.rc == whole.rc && pieces.status == whole.status);
        SL_ASSERT(pieces.requests == whole.requests);
    }
    return 0;
}
