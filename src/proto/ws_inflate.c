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

enum ws_fault ws_inflate(const struct ws_options *o, sl_str in, unsigned flags,
                         sl_json_index *index, sl_buf **out)
{
    enum ws_fault f = FAULT_NONE;
    sl_buf *buf = NULL;
    struct scan s;
    sl_str piece;
    int rc;

    *out = NULL;
    if (index != NULL) index_reset(index);
    scan_init(&s, flags, NULL, index);
    rc = inflate_begin(o->deflate, in);
    if (rc < 0) return fault_of(rc);
    do {
        rc = inflate_next(o->deflate, &piece);
        f = rc < 0 ? fault_of(rc) : keep(&s, piece, o->message_max, &buf);
    } while (rc == 1 && f == FAULT_NONE);
    if (f == FAULT_NONE && scan_end(&s) < 0) f = FAULT_TEXT_UTF8;
    if (f == FAULT_NONE)
        *out = buf;
    else
        sl_buf_drop(buf);
    return f;
}
