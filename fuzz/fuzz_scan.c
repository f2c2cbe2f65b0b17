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
    int rc;
};

static void check(bool ok)
{
    if (!ok) abort();
}

static uint8_t *masked(const uint8_t *mask, const uint8_t *text, size_t n)
{
    uint8_t *bytes = malloc(n ? n : 1);

    check(bytes != NULL);
    for (size_t i = 0; i < n; i++)
        bytes[i] = text[i] ^ mask[i & 3];
    return bytes;
}

static void begin(struct side *s, const uint8_t *head)
{
    index_init(&s->index, head[5] & 4 ? 40 : 0); /* now and then one that overflows */
    scan_init(&s->scan, head[5] & 3, head, &s->index);
    s->rc = 0;
}

static void compare(const struct side *a, const struct side *b)
{
    check(a->rc == b->rc);
    if (a->rc < 0) return;
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
    uint8_t *one = masked(head, text, n), *other = masked(head, text, n);

    begin(&vector, head);
    begin(&scalar, head);
    for (unsigned piece = 0; at < n && vector.rc == 0 && scalar.rc == 0; piece++) {
        size_t len = head[6 + (piece & 1)];
        if (len == 0 || len > n - at) len = n - at;
        vector.rc = scan_feed(&vector.scan, one + at, one + at, len);
        scalar.rc = scan_feed_scalar(&scalar.scan, other + at, other + at, len);
        at += len;
    }
    if (vector.rc == 0 && scalar.rc == 0) {
        check(n == 0 || (memcmp(one, text, n) == 0 && memcmp(other, text, n) == 0));
        vector.rc = scan_end(&vector.scan);
        scalar.rc = scan_end(&scalar.scan);
    }
    compare(&vector, &scalar);
    index_deinit(&vector.index);
    index_deinit(&scalar.index);
    free(one);
    free(other);
    return 0;
}
