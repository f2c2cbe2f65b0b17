/* SPDX-License-Identifier: MIT */
/* Compressed messages, RFC 7692 §7.2.2: as they come out, they are looked at as any other. */
#include "base/buf.h"
#include "proto/deflate.h"
#include "proto/ws_inside.h"

/* Memory is never above the limit and one chunk: a piece that would not fit is not kept. */
static enum ws_fault keep(struct scan *s, sl_str piece, size_t max, sl_buf **buf)
{
    size_t have = *buf != NULL ? (*buf)->len : 0;
    size_t need = have + piece.len, cap;

    if (need > max) return FAULT_INFLATED;
    if (*buf == NULL) {
        /* the first chunk is not full: it is all there is */
        *buf = sl_buf_new(need < WS_LARGE ? WS_HEADROOM_SMALL : WS_HEADROOM_LARGE, need);
        if (*buf == NULL) return FAULT_NOMEM;
    } else if (sl__buf_room(*buf) < piece.len) {
        cap = 2 * have > need ? 2 * have : need;
        sl_buf *grown = sl__buf_grow(*buf, cap < max ? cap : max);
        if (grown == NULL) return FAULT_NOMEM;
        *buf = grown;
    }
    int rc = scan_feed(s, sl__buf_data(*buf) + have, (const uint8_t *)piece.ptr, piece.len);
    if (rc < 0) return FAULT_TEXT_UTF8;
    (*buf)->len = need;
    return FAULT_NONE;
}

static enum ws_fault fault_of(int rc)
{
    return rc == SL_E_NOMEM ? FAULT_NOMEM : FAULT_DEFLATE;
}

enum ws_fault ws_inflate_begin(const struct ws_options *o, sl_str in, unsigned flags,
                               sl_json_index *index, struct ws_inflating *x)
{
    int rc;

    if (index != NULL) index_reset(index);
    scan_init(&x->scan, flags, NULL, index);
    rc = inflate_begin(o->deflate, in);
    return rc < 0 ? fault_of(rc) : FAULT_NONE;
}

static bool spend(struct ws_quota *q, size_t n)
{
    if (q == NULL) return true;
    q->left -= n < q->left ? n : q->left;
    return q->left > 0;
}

enum ws_fault ws_inflate_more(const struct ws_options *o, struct ws_inflating *x, bool *more)
{
    enum ws_fault f = FAULT_NONE;
    bool has_quota = true;
    sl_str piece;
    int rc;

    do {
        rc = inflate_next(o->deflate, &piece);
        f = rc < 0 ? fault_of(rc) : keep(&x->scan, piece, o->message_max, &x->buf);
        if (rc >= 0) has_quota = spend(o->quota, piece.len);
    } while (rc == 1 && f == FAULT_NONE && has_quota);
    *more = rc == 1 && f == FAULT_NONE;
    if (!*more && f == FAULT_NONE && scan_end(&x->scan) < 0) f = FAULT_TEXT_UTF8;
    return f;
}
