/* SPDX-License-Identifier: MIT */
#include "serve/body.h"

#include "base/buf.h"

#define FIRST_ROOM    4096
#define WANT_AT_LEAST 16384 /* below that a copy is cheaper than aiming */

/* Room for `n` more: doubled, so that few copies are made, but never beyond what can come. */
static int make_room(sl_request *r, size_t n, uint64_t at_most)
{
    size_t len = r->body != NULL ? r->body->len : 0, cap = FIRST_ROOM;
    sl_buf *grown;

    if (r->body != NULL && sl__buf_room(r->body) >= n) return 0;
    while (cap < len + n)
        cap *= 2;
    if (cap > at_most) cap = (size_t)at_most;
    if (cap < len + n) cap = len + n;
    grown = r->body != NULL ? sl__buf_grow(r->body, cap) : sl_buf_new(0, cap);
    if (grown == NULL) return SL_E_NOMEM;
    r->body = grown;
    return 0;
}

static int append(sl_request *r, const uint8_t *bytes, size_t n, uint64_t at_most)
{
    bool in_place = r->body != NULL && bytes == sl__buf_data(r->body) + r->body->len;
    int rc;

    if (n == 0) return 0;
    if (!in_place) {
        rc = make_room(r, n, at_most);
        if (rc < 0) return rc;
        memcpy(sl__buf_data(r->body) + r->body->len, bytes, n);
    }
    r->body->len += n;
    return 0;
}

static int feed_sized(sl_request *r, const uint8_t *bytes, size_t n, size_t *used)
{
    int rc;

    *used = n < r->body_left ? n : (size_t)r->body_left;
    rc = append(r, bytes, *used, r->head->content_length);
    if (rc < 0) return rc;
    r->body_left -= *used;
    return r->body_left == 0 ? 0 : SL_E_PARTIAL;
}

static int feed_chunked(sl_request *r, const uint8_t *bytes, size_t n, size_t *used)
{
    int rc = SL_E_PARTIAL, no_room;
    size_t took;
    sl_str data;

    *used = 0;
    while (n > *used && rc == SL_E_PARTIAL) {
        rc =
            http1_chunks_feed(&r->chunks, (const char *)bytes + *used, n - *used, &took, &data);
        no_room = append(r, (const uint8_t *)data.ptr, data.len, r->body_max);
        if (no_room < 0) return no_room;
        *used += took;
    }
    return rc;
}

int body_feed(sl_request *r, const uint8_t *bytes, size_t n, size_t *used)
{
    return r->head->chunked ? feed_chunked(r, bytes, n, used) : feed_sized(r, bytes, n, used);
}

bool body_want(sl_request *r, uint8_t **into, size_t *room)
{
    if (r->head->chunked || r->body_left < WANT_AT_LEAST || r->body == NULL) return false;
    if (sl__buf_room(r->body) < WANT_AT_LEAST
        && make_room(r, WANT_AT_LEAST, r->head->content_length) < 0)
        return false; /* the next append will say it */
    *into = sl__buf_data(r->body) + r->body->len;
    *room = sl__buf_room(r->body);
    if (*room > r->body_left) *room = (size_t)r->body_left;
    return true;
}
