/* SPDX-License-Identifier: MIT */
/*
 * For tests and fuzzing: a parser whose deliveries are written down, and the ways of feeding
 * one. Two tapes of the same bytes are equal however the bytes were cut.
 *
 *   T(text) B(binary) c(close) p(ping) q(pong)
 */
#ifndef PROTO_WS_TAPE_TEST_H
#define PROTO_WS_TAPE_TEST_H

#include "base/assert.h"
#include "proto/ws.h"

#include <stdlib.h>

struct tape {
    struct ws_parser parser; /* first: the sink gets nothing else */
    struct ws_options options;
    sl_json_index shared;
    bool note_index; /* write the index down as well */
    long stop_after; /* call ws_stop inside this delivery; 0: never */
    long count;
    sl_buf *last; /* the last message, held */
    char *text;
    size_t len, cap;
};

static inline void tape_write(struct tape *t, const void *bytes, size_t n)
{
    if (t->len + n + 1 > t->cap) {
        t->cap = (t->len + n + 1) * 2;
        t->text = realloc(t->text, t->cap); /* not ours: the failing allocator is not meant */
        SL_ASSERT(t->text != NULL);
    }
    if (n > 0) memcpy(t->text + t->len, bytes, n);
    t->len += n;
    t->text[t->len] = 0;
}

static inline void tape_note(struct tape *t, char kind, sl_str bytes)
{
    char head[2] = {kind, '('};

    tape_write(t, head, 2);
    tape_write(t, bytes.ptr, bytes.len);
    tape_write(t, ")", 1);
    if (++t->count == t->stop_after) ws_stop(&t->parser);
}

static inline void tape_on_message(struct ws_parser *p, bool text, sl_buf *buf, sl_str bytes,
                                   const sl_json_index *index)
{
    struct tape *t = (struct tape *)p;
    size_t room = buf->cap - buf->start;

    SL_ASSERT(bytes.ptr == sl_buf_str(buf).ptr && bytes.len == buf->len);
    SL_ASSERT(buf->start >= (bytes.len < WS_LARGE ? WS_HEADROOM_SMALL : WS_HEADROOM_LARGE));
    SL_ASSERT(room <= 2 * bytes.len); /* little is wasted */
    SL_ASSERT((index != NULL) == (text && t->options.json));
    SL_ASSERT(index == NULL || index->complete);
    if (index != NULL && t->note_index) {
        bool usable = !index->bad && !index->overflow; /* else the entries mean nothing */

        tape_write(t, index->overflow ? "+" : index->bad ? "!" : ".", 1);
        if (usable) tape_write(t, index->at, index->n * sizeof *index->at);
    }
    sl_buf_drop(t->last);
    t->last = sl_buf_hold(buf);
    tape_note(t, text ? 'T' : 'B', bytes);
}

static inline void tape_on_control(struct ws_parser *p, enum ws_op op, sl_str payload)
{
    SL_ASSERT(payload.len <= WS_CONTROL_MAX);
    tape_note((struct tape *)p, op == WS_CLOSE ? 'c' : op == WS_PING ? 'p' : 'q', payload);
}

static inline void tape_init(struct tape *t, size_t message_max, bool from_client, bool json)
{
    static const struct ws_sink sink = {tape_on_message, tape_on_control};

    *t = (struct tape){
        .options = {message_max, from_client, json}
    };
    index_init(&t->shared, 0);
    ws_init(&t->parser, &t->options, &sink, &t->shared);
    tape_write(t, "", 0);
}

static inline void tape_deinit(struct tape *t)
{
    ws_deinit(&t->parser);
    index_deinit(&t->shared);
    sl_buf_drop(t->last);
    free(t->text);
}

/* As if received into a buffer of exactly that size, which is gone after the call. */
static inline int tape_feed(struct tape *t, const uint8_t *in, size_t n)
{
    uint8_t *piece = malloc(n ? n : 1);

    SL_ASSERT(piece != NULL);
    memcpy(piece, in, n);
    int rc = ws_feed(&t->parser, piece, n);
    free(piece);
    return rc;
}

/* As a stream does it: where ws_want points if it does. `n` becomes what was taken. */
static inline int tape_feed_wanted(struct tape *t, const uint8_t *in, size_t *n)
{
    uint8_t *into;
    size_t room;

    if (!ws_want(&t->parser, &into, &room)) return tape_feed(t, in, *n);
    SL_ASSERT(room > 0);
    if (*n > room) *n = room;
    memcpy(into, in, *n);
    return ws_feed(&t->parser, into, *n);
}

static inline uint32_t tape_random(uint32_t *seed)
{
    *seed ^= *seed << 13; /* Marsaglia's xorshift: the same on every machine */
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/*
 * Feed all of `in`, in pieces of 1 to `most` bytes, with the share of `wanted` in 256 of them
 * received where ws_want points. returns what the last feed said
 */
static inline int tape_feed_cut(struct tape *t, const uint8_t *in, size_t len, size_t most,
                                unsigned wanted, uint32_t seed)
{
    int rc = 0;

    for (size_t at = 0, n; at < len && rc == 0; at += n) {
        n = 1 + tape_random(&seed) % most;
        if (n > len - at) n = len - at;
        if ((tape_random(&seed) & 255) < wanted) {
            rc = tape_feed_wanted(t, in + at, &n);
        } else {
            rc = tape_feed(t, in + at, n);
        }
    }
    return rc;
}

#endif
