/* SPDX-License-Identifier: MIT */
/*
 * The scan against its scalar twin, in place and under a mask, cut at places that the input
 * chooses: the first eight bytes say mask, flags and lengths, the others are the text.
 */
#include "base/scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct side {
    sl_json_index index;
    struct scan scan;
    uint8_t *bytes;
    int rc;
};

static void check(bool ok)
{
    if (!ok) abort();
}

static void begin(struct side *s, const uint8_t *head, const uint8_t *text, size_t n)
{
    index_init(&s->index, head[5] & 4 ? 40 : 0); /* now and then one that overflows */
    scan_init(&s->scan, head[5] & 3, head, &s->index);
    s->bytes = malloc(n ? n : 1);
    check(s->bytes != NULL);
    for (size_t i = 0; i < n; i++)
        s->bytes[i] = text[i] ^ head[i & 3];
    s->rc = 0;
}

static void compare(const struct side *a, const struct side *b, const uint8_t *text, size_t n)
{
    check(a->rc == b->rc);
    if (a->rc < 0) return;
    check(n == 0 || (memcmp(a->bytes, text, n) == 0 && memcmp(b->bytes, text, n) == 0));
    check(a->index.complete == b->index.complete);
    /* once bad, what is noted means nothing, and so not how much of it there is */
    bool useless = a->index.overflow || a->index.bad;
    check(useless == (b->index.overflow || b->index.bad));
    if (useless) return;
    check(a->index.n == b->index.n && a->index.len == b->index.len);
    check(a->index.n == 0 || memcmp(a->index.at, b->index.at, a->index.n * 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct side vector, scalar;

    if (size < 8) return 0;
    const uint8_t *head = data, *text = data + 8;
    size_t n = size - 8, at = 0;

    begin(&vector, head, text, n);
    begin(&scalar, head, text, n);
    for (unsigned piece = 0; at < n && vector.rc == 0 && scalar.rc == 0; piece++) {
        size_t len = head[6 + (piece & 1)];
        if (len == 0 || len > n - at) len = n - at;
        vector.rc = scan_feed(&vector.scan, vector.bytes + at, vector.bytes + at, len);
        scalar.rc = scan_feed_scalar(&scalar.scan, scalar.bytes + at, scalar.bytes + at, len);
        at += len;
    }
    if (vector.rc == 0 && scalar.rc == 0) {
        vector.rc = scan_end(&vector.scan);
        scalar.rc = scan_end(&scalar.scan);
    }
    compare(&vector, &scalar, text, n);
    index_deinit(&vector.index);
    index_deinit(&scalar.index);
    free(vector.bytes);
    free(scalar.bytes);
    return 0;
}
