/* SPDX-License-Identifier: MIT */
/*
 * The in-memory twin of a socket stream: tests of the floors above run on it, with a window
 * that stands for the kernel's room and no kernel at all.
 */
#ifndef NET_MEM_STREAM_H
#define NET_MEM_STREAM_H

#include "net/stream.h"

struct mem_stream {
    struct stream s;
    char *sent; /* what "the peer" has received so far */
    size_t sent_len, sent_cap;
    size_t window;           /* bytes that can leave before sends say "would block" */
    uint32_t sends;          /* calls that moved bytes */
    bool shut, closed, gone; /* what our side did; gone: on_gone has been called */
    const uint8_t *feed;
    size_t feed_len;
    bool feed_end;
};

/* returns a stream that closes through the ordinary calls; NULL without memory */
struct mem_stream *mem_stream_open(sl_loop *loop, const struct stream_options *o);

/* The peer sends these bytes: they arrive now, through the stream's own read path. */
void mem_stream_feed(struct mem_stream *m, const void *bytes, size_t n);
void mem_stream_feed_end(struct mem_stream *m);

/* Let `bytes` more leave; a waiting writer is told. */
void mem_stream_open_window(struct mem_stream *m, size_t bytes);

/* Forget what was sent. */
void mem_stream_clear(struct mem_stream *m);

/* After on_gone, which leaves the record so that a test can look at it. */
void mem_stream_free(struct mem_stream *m);

#endif
