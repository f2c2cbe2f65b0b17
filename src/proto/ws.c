/* SPDX-License-Identifier: MIT */
#include "proto/ws.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "proto/ws_inside.h"

#include <sys/types.h>

/*
 * Three ways through, from the most to the least frequent:
 *
 *   frame with FIN, wholly inside the fed bytes      -> whole(): one buffer, one pass, out
 *   message that goes on behind the fed bytes,
 *   or has fragments                                 -> struct ws_partial, until it ends
 *   header or control frame cut by the fed bytes     -> p->head, ws_partial.control
 *
 * The steps return how many bytes they took, or the (negative) error.
 */

#define BUF_FIRST 65536 /* what a declared length alone is worth */
#define WANT_LEFT_MIN                                                                         \
    4096                    /* a shorter rest is cheaper copied than received by its own call \
                             */
#define WANT_ROOM_MIN 16384 /* nor is a call worth less room than this */

struct ws_partial {
    sl_buf *buf;   /* what has arrived; NULL before the first byte */
    uint64_t left; /* bytes of the current frame that have not arrived */
    struct scan scan;
    sl_json_index index;
    bool begun; /* a message is open, else only a control frame is */
    bool text, fin, json, deflated;
    bool inflating; /* has begun to; `buf` is what it is made of */
    struct ws_inflating out;
    uint8_t control_op; /* of a control frame that was cut, else 0 */
    uint8_t control_len, control_have;
    uint8_t control_mask[4];
    uint8_t control[WS_CONTROL_MAX];
};

static void partial_free(struct ws_partial *q)
{
    if (q == NULL) return;
    sl_buf_drop(q->buf);
    sl_buf_drop(q->out.buf);
    index_deinit(&q->index);
    sl__free(q);
}

static void leave_quota(const struct ws_parser *p)
{
    if (p->options->quota != NULL && p->options->quota->user == p)
        p->options->quota->user = NULL;
}

static void partial_end(struct ws_parser *p)
{
    struct ws_partial *q = p->partial;

    p->partial = NULL;
    p->waiting = false;
    leave_quota(p);
    partial_free(q);
}

static int fail(struct ws_parser *p, enum ws_fault f, uint64_t number)
{
    p->fault = (uint8_t)f;
    p->fault_number = number;
    p->close_code = ws_faults[f].close_code;
    p->head_len = 0;
    partial_end(p);
    return ws_faults[f].rc;
}

static int fail_scan(struct ws_parser *p, int rc)
{
    return fail(p, rc == SL_E_UTF8 ? FAULT_TEXT_UTF8 : FAULT_NOMEM, 0);
}

/* ---- control frames ---- */

static int check_close(struct ws_parser *p, sl_str payload)
{
    struct scan s;
    sl_str reason;

    if (payload.len == 0) return 0;
    if (payload.len == 1) return fail(p, FAULT_CLOSE_LEN, 0);
    int code = ws_close_read(payload, &reason);
    if (!ws_close_code_is_valid(code)) return fail(p, FAULT_CLOSE_CODE, (uint64_t)code);
    scan_init(&s, SCAN_UTF8, NULL, NULL);
    if (scan_feed(&s, NULL, (const uint8_t *)reason.ptr, reason.len) < 0 || scan_end(&s) < 0)
        return fail(p, FAULT_CLOSE_UTF8, 0);
    return 0;
}

static int deliver_control(struct ws_parser *p, enum ws_op op, sl_str payload)
{
    if (op == WS_CLOSE) {
        int rc = check_close(p, payload);
        if (rc < 0) return rc;
        ws_stop(p); /* §5.5.1: nothing that follows counts */
    }
    p->sink->on_control(p, op, payload);
    return 0;
}

/* §5.5: may come between fragments, up to 125 bytes. Almost always in one piece. */
static ssize_t begin_control(struct ws_parser *p, const struct ws_head *h, uint8_t *in,
                             size_t n)
{
    struct ws_partial *q = p->partial;

    if (h->len <= n) {
        for (size_t i = 0; i < h->len; i++)
            in[i] ^= h->mask[i & 3];
        int rc = deliver_control(p, h->op, (sl_str){(const char *)in, h->len});
        return rc < 0 ? rc : (ssize_t)h->len;
    }
    if (q == NULL) {
        q = p->partial = sl__zalloc(sizeof *q);
        if (q == NULL) return fail(p, FAULT_NOMEM, 0);
        index_init(&q->index, 0);
    }
    q->control_op = h->op;
    q->control_len = (uint8_t)h->len;
    q->control_have = 0;
    memcpy(q->control_mask, h->mask, 4);
    return 0;
}

static ssize_t take_control(struct ws_parser *p, const uint8_t *in, size_t n)
{
    struct ws_partial *q = p->partial;
    size_t missing = q->control_len - q->control_have;
    size_t take = n < missing ? n : missing;
    uint8_t payload[WS_CONTROL_MAX];

    for (size_t i = 0; i < take; i++, q->control_have++)
        q->control[q->control_have] = in[i] ^ q->control_mask[q->control_have & 3];
    if (take < missing) return (ssize_t)take;

    enum ws_op op = q->control_op;
    size_t len = q->control_len;

    memcpy(payload, q->control, len); /* at rest before anybody hears of it */
    q->control_op = 0;
    if (!q->begun) partial_end(p);
    int rc = deliver_control(p, op, (sl_str){(const char *)payload, len});
    return rc < 0 ? rc : (ssize_t)take;
}

/* ---- messages ---- */

/* What came over the wire: what a message inflates to says nothing about the next frame. */
static void note_size(struct ws_parser *p, size_t len)
{
    if (len < WS_LARGE) return;
    /* Pictures vary: forget slowly, so that the next one is not copied while it grows. */
    uint32_t decayed = p->last_large - p->last_large / 16;
    uint32_t size = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;

    p->last_large = size > decayed ? size : decayed;
}

static void deliver(struct ws_parser *p, bool text, sl_buf *buf, const sl_json_index *index)
{
    p->sink->on_message(p, text, buf, sl_buf_str(buf), index);
}

static unsigned scan_flags(const struct ws_parser *p, bool text)
{
    if (!text) return 0;
    return p->options->json ? SCAN_JSON : SCAN_UTF8;
}

static bool has_quota(const struct ws_parser *p)
{
    const struct ws_quota *q = p->options->quota;

    return q == NULL || (q->left > 0 && (q->user == NULL || q->user == p));
}

/* Inflated at once, so the loop's index will do. `later`: the quota was too small for that. */
static int deliver_inflated(struct ws_parser *p, bool text, sl_str in, bool *later)
{
    unsigned flags = scan_flags(p, text);
    sl_json_index *index = flags & SCAN_JSON ? p->shared : NULL;
    struct ws_inflating x = {.buf = NULL};
    enum ws_fault f = ws_inflate_begin(p->options, in, flags, index, &x);

    if (f == FAULT_NONE) f = ws_inflate_more(p->options, &x, later);
    if (f == FAULT_NONE && !*later) deliver(p, text, x.buf, index);
    sl_buf_drop(x.buf);
    return f != FAULT_NONE ? fail(p, f, p->options->message_max) : 0;
}

static int begin_message(struct ws_parser *p, const struct ws_head *h);

/* It is inflated from the beginning, slice by slice, when it is its turn. */
static int keep_deflated(struct ws_parser *p, const struct ws_head *h, sl_str in)
{
    int rc = begin_message(p, h);

    if (rc < 0) return rc;
    SL_ASSERT(p->partial != NULL); /* it has begun */
    p->partial->buf = sl_buf_copy(in);
    if (p->partial->buf == NULL) return fail(p, FAULT_NOMEM, 0);
    p->waiting = true;
    return 0;
}

/* A compressed message in one piece; it is unmasked where it lies. */
static ssize_t whole_deflated(struct ws_parser *p, const struct ws_head *h, uint8_t *in)
{
    sl_str bytes = {(const char *)in, (size_t)h->len};
    bool later = !has_quota(p);
    struct scan s;
    int rc = 0;

    scan_init(&s, 0, p->options->from_client ? h->mask : NULL, NULL);
    (void)!scan_feed(&s, in, in, bytes.len); /* without flags it cannot fail */
    note_size(p, bytes.len);
    if (!later) rc = deliver_inflated(p, h->op == WS_TEXT, bytes, &later);
    if (rc == 0 && later) rc = keep_deflated(p, h, bytes);
    return rc < 0 ? rc : (ssize_t)bytes.len;
}

/*
 * A compressed message that came in pieces, or has to wait. Others use the loop's index before
 * it is whole, so it has its own.
 */
static int inflate_partial(struct ws_parser *p)
{
    struct ws_partial *q = p->partial;
    unsigned flags = scan_flags(p, q->text);
    sl_json_index *index = flags & SCAN_JSON ? &q->index : NULL;
    enum ws_fault f = FAULT_NONE;

    p->waiting = !has_quota(p);
    if (p->waiting) return 0;
    if (!q->inflating)
        f = ws_inflate_begin(p->options, sl_buf_str(q->buf), flags, index, &q->out);
    q->inflating = true;
    if (p->options->quota != NULL) p->options->quota->user = p;
    if (f == FAULT_NONE) f = ws_inflate_more(p->options, &q->out, &p->waiting);
    if (f != FAULT_NONE) return fail(p, f, p->options->message_max);
    if (p->waiting) return 0;
    p->partial = NULL; /* at rest before anybody hears of it */
    leave_quota(p);
    deliver(p, q->text, q->out.buf, index);
    partial_free(q);
    return 0;
}

/* The path of nearly every message: no state before it and none behind it. */
static ssize_t whole(struct ws_parser *p, const struct ws_head *h, const uint8_t *in)
{
    bool text = h->op == WS_TEXT;
    unsigned flags = scan_flags(p, text);
    sl_json_index *index = flags & SCAN_JSON ? p->shared : NULL;
    size_t len = (size_t)h->len;
    struct scan s;
    int rc;

    sl_buf *buf = sl_buf_new(len < WS_LARGE ? WS_HEADROOM_SMALL : WS_HEADROOM_LARGE, len);
    if (buf == NULL) return fail(p, FAULT_NOMEM, 0);
    if (index != NULL) index_reset(index);
    scan_init(&s, flags, p->options->from_client ? h->mask : NULL, index);
    rc = scan_feed(&s, sl__buf_data(buf), in, len);
    if (rc == 0) rc = scan_end(&s);
    if (rc < 0) {
        rc = fail_scan(p, rc);
        goto done;
    }
    buf->len = len;
    note_size(p, len);
    deliver(p, text, buf, index);
done:
    sl_buf_drop(buf);
    return rc < 0 ? rc : (ssize_t)len;
}

/*
 * Room for `arriving` more bytes behind what has arrived.
 *
 * A declared length is believed up to 64 KiB, or a bit above what this peer has sent lately;
 * beyond that the buffer doubles as bytes arrive, so that a header alone costs the peer's
 * promise and not our memory.
 */
static bool reserve(const struct ws_parser *p, struct ws_partial *q, size_t arriving)
{
    size_t have = q->buf != NULL ? q->buf->len : 0;
    size_t declared = have + (size_t)q->left; /* at most message_max */
    size_t believed = (size_t)p->last_large + p->last_large / 4;
    size_t need = have + arriving;
    size_t cap;

    if (q->buf != NULL && sl__buf_room(q->buf) >= arriving) return true;
    if (believed < BUF_FIRST) believed = BUF_FIRST;
    cap = declared <= believed ? declared : BUF_FIRST;
    if (cap < 2 * have) cap = 2 * have; /* many small fragments are not many copies */
    if (cap > declared && q->fin) cap = declared;
    if (cap < need) cap = need;

    if (q->buf == NULL) {
        /* more fragments may come: only a last frame's message is known to stay small */
        bool small = q->fin && declared < WS_LARGE;

        q->buf = sl_buf_new(small ? WS_HEADROOM_SMALL : WS_HEADROOM_LARGE, cap);
        return q->buf != NULL;
    }
    sl_buf *grown = sl__buf_grow(q->buf, cap);
    if (grown == NULL) return false;
    q->buf = grown;
    return true;
}

/* The message is complete. The parser is at rest before anybody hears of it. */
static int finish(struct ws_parser *p)
{
    struct ws_partial *q = p->partial;
    int rc = scan_end(&q->scan);

    if (rc < 0) return fail_scan(p, rc);
    if (q->buf == NULL && !reserve(p, q, 0)) return fail(p, FAULT_NOMEM, 0);
    note_size(p, q->buf->len);
    if (q->deflated) return inflate_partial(p);
    p->partial = NULL;
    deliver(p, q->text, q->buf, q->json ? &q->index : NULL);
    partial_free(q);
    return 0;
}

/* Payload of the current frame; in place if it lies where ws_want pointed. */
static ssize_t take_payload(struct ws_parser *p, const uint8_t *in, size_t n)
{
    struct ws_partial *q = p->partial;
    size_t take = n < q->left ? n : (size_t)q->left;

    if (!reserve(p, q, take)) return fail(p, FAULT_NOMEM, 0);

    uint8_t *end = sl__buf_data(q->buf) + q->buf->len;

    SL_ASSERT(in != end || take == n); /* bytes behind the frame are received elsewhere */
    int rc = scan_feed(&q->scan, end, in, take);
    if (rc < 0) return fail_scan(p, rc);
    q->buf->len += take;
    q->left -= take;
    if (q->left == 0 && q->fin) rc = finish(p);
    return rc < 0 ? rc : (ssize_t)take;
}

static int begin_message(struct ws_parser *p, const struct ws_head *h)
{
    struct ws_partial *q = p->partial = sl__zalloc(sizeof *q);

    if (q == NULL) return fail(p, FAULT_NOMEM, 0);
    q->begun = true;
    q->text = h->op == WS_TEXT;
    q->deflated = h->deflated;
    unsigned flags = q->deflated ? 0 : scan_flags(p, q->text);
    q->json = flags & SCAN_JSON;
    index_init(&q->index, 0);
    scan_init(&q->scan, flags, NULL, q->json ? &q->index : NULL);
    return 0;
}

/* A text or binary frame, or one that continues it (§5.4). */
static ssize_t begin_data(struct ws_parser *p, const struct ws_head *h, uint8_t *in, size_t n)
{
    struct ws_partial *q = p->partial; /* a message if there is one: no control frame is open */
    uint64_t have = q != NULL && q->buf != NULL ? q->buf->len : 0;

    if (q == NULL && h->op == WS_CONT) return fail(p, FAULT_NO_START, 0);
    if (q != NULL && h->op != WS_CONT) return fail(p, FAULT_INTERLEAVED, 0);
    if (have + h->len > p->options->message_max) return fail(p, FAULT_TOO_BIG, have + h->len);
    if (q == NULL && h->fin && h->len <= n)
        return h->deflated ? whole_deflated(p, h, in) : whole(p, h, in);

    if (q == NULL) {
        int rc = begin_message(p, h);
        if (rc < 0) return rc;
        q = p->partial;
    }
    q->fin = h->fin;
    q->left = h->len;
    if (p->options->from_client) scan_set_mask(&q->scan, h->mask);
    if (q->left == 0) return q->fin ? finish(p) : 0;
    return n > 0 ? take_payload(p, in, n) : 0;
}

static ssize_t begin_frame(struct ws_parser *p, const struct ws_head *h, uint8_t *in, size_t n)
{
    return h->op & 8 ? begin_control(p, h, in, n) : begin_data(p, h, in, n);
}

static ssize_t take_frame(struct ws_parser *p, uint8_t *in, size_t n)
{
    struct ws_head h;
    enum ws_fault f = ws_head_read(&h, p->options, in, n);

    if (f != FAULT_NONE) return fail(p, f, h.len);
    if (h.bytes == 0) {
        memcpy(p->head, in, n); /* at most 13 bytes: one more would be a whole header */
        p->head_len = (uint8_t)n;
        return (ssize_t)n;
    }
    ssize_t used = begin_frame(p, &h, in + h.bytes, n - h.bytes);
    return used < 0 ? used : h.bytes + used;
}

/* The rest of a header that was cut. */
static ssize_t take_cut_frame(struct ws_parser *p, uint8_t *in, size_t n)
{
    size_t had = p->head_len;
    size_t add = sizeof p->head - had < n ? sizeof p->head - had : n;
    struct ws_head h;

    memcpy(p->head + had, in, add);
    enum ws_fault f = ws_head_read(&h, p->options, p->head, had + add);
    if (f != FAULT_NONE) return fail(p, f, h.len);
    if (h.bytes == 0) {
        p->head_len = (uint8_t)(had + add);
        return (ssize_t)add;
    }
    p->head_len = 0;
    size_t rest = h.bytes - had; /* what was kept is always less than a header */
    ssize_t used = begin_frame(p, &h, in + rest, n - rest);
    return used < 0 ? used : (ssize_t)rest + used;
}

static ssize_t take(struct ws_parser *p, uint8_t *in, size_t n)
{
    const struct ws_partial *q = p->partial;

    if (p->head_len > 0) return take_cut_frame(p, in, n);
    if (q != NULL && q->control_op != 0) return take_control(p, in, n);
    if (q != NULL && q->left > 0) return take_payload(p, in, n);
    return take_frame(p, in, n);
}

/* ---- public ---- */

void ws_init(struct ws_parser *p, const struct ws_options *o, const struct ws_sink *sink,
             sl_json_index *shared)
{
    *p = (struct ws_parser){.sink = sink, .options = o, .shared = shared};
}

void ws_deinit(struct ws_parser *p)
{
    partial_end(p);
}

int ws_feed_some(struct ws_parser *p, uint8_t *in, size_t n, size_t *used)
{
    int rc = p->waiting ? inflate_partial(p) : 0;

    *used = n;
    while (rc == 0 && n > 0 && p->fault == FAULT_NONE && !p->stopped && !p->waiting) {
        ssize_t took = take(p, in, n);
        if (took < 0) return (int)took;
        in += took;
        n -= (size_t)took;
    }
    if (p->stopped) partial_end(p);
    if (p->waiting) *used -= n;
    return ws_faults[p->fault].rc;
}

int ws_feed(struct ws_parser *p, uint8_t *in, size_t n)
{
    size_t used;

    return ws_feed_some(p, in, n, &used);
}

bool ws_want(const struct ws_parser *p, uint8_t **into, size_t *room)
{
    struct ws_partial *q = p->partial;

    if (q == NULL || q->left < WANT_LEFT_MIN || p->stopped) return false;
    size_t least = q->left < WANT_ROOM_MIN ? (size_t)q->left : WANT_ROOM_MIN;
    bool grown = reserve(p, q, least);
    if (!grown && (q->buf == NULL || sl__buf_room(q->buf) == 0)) return false;
    size_t free_bytes = sl__buf_room(q->buf);

    *into = sl__buf_data(q->buf) + q->buf->len;
    *room = free_bytes < q->left ? free_bytes : (size_t)q->left;
    return true;
}

void ws_stop(struct ws_parser *p)
{
    p->stopped = true;
    if (p->waiting) partial_end(p); /* else it stays: a read may be under way into it */
}

bool ws_is_partial(const struct ws_parser *p)
{
    return !p->stopped && (p->partial != NULL || p->head_len > 0);
}
