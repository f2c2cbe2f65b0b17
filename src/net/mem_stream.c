/* SPDX-License-Identifier: MIT */
#include "net/mem_stream.h"

#include "base/alloc.h"

static struct mem_stream *mem_of(struct stream *s)
{
    return LIST_ENTRY(s, struct mem_stream, s);
}

static ssize_t mem_recv(struct stream *s, struct iovec *iov, int n)
{
    struct mem_stream *m = mem_of(s);
    ssize_t got = 0;

    if (m->feed_len == 0) return m->feed_end ? 0 : UV_EAGAIN;
    for (int i = 0; i < n && m->feed_len > 0; i++) {
        size_t k = iov[i].iov_len < m->feed_len ? iov[i].iov_len : m->feed_len;
        memcpy(iov[i].iov_base, m->feed, k);
        m->feed += k;
        m->feed_len -= k;
        got += (ssize_t)k;
    }
    return got;
}

static int make_room(struct mem_stream *m, size_t more)
{
    size_t cap = m->sent_cap;
    char *p;

    while (cap - m->sent_len < more)
        cap = cap ? cap * 2 : 1024;
    if (cap == m->sent_cap) return 0;
    p = sl__realloc(m->sent, cap);
    if (p == NULL) return SL_E_NOMEM;
    m->sent = p;
    m->sent_cap = cap;
    return 0;
}

static ssize_t mem_send(struct stream *s, const struct iovec *iov, int n)
{
    struct mem_stream *m = mem_of(s);
    ssize_t gone = 0;

    if (m->window == 0) return UV_EAGAIN;
    for (int i = 0; i < n && m->window > 0; i++) {
        size_t k = iov[i].iov_len < m->window ? iov[i].iov_len : m->window;
        if (make_room(m, k) < 0) return SL_E_NOMEM;
        memcpy(m->sent + m->sent_len, iov[i].iov_base, k);
        m->sent_len += k;
        m->window -= k;
        gone += (ssize_t)k;
    }
    m->sends++;
    return gone;
}

static int mem_watch(struct stream *s, int wants)
{
    (void)s;
    (void)wants;
    return 0;
}

static void mem_shut(struct stream *s)
{
    mem_of(s)->shut = true;
}

static void mem_close(struct stream *s)
{
    mem_of(s)->closed = true;
    sl__stream_finish(s);
}

static void mem_gone(struct stream *s)
{
    mem_of(s)->gone = true;
}

static bool mem_has_ended(struct stream *s)
{
    return mem_of(s)->feed_end && mem_of(s)->feed_len == 0;
}

static const struct stream_io mem_io = {
    .recv = mem_recv,
    .send = mem_send,
    .watch = mem_watch,
    .shut = mem_shut,
    .close = mem_close,
    .free = mem_gone,
    .has_ended = mem_has_ended,
};

struct mem_stream *mem_stream_open(sl_loop *loop, const struct stream_options *o)
{
    struct mem_stream *m = sl__zalloc(sizeof *m);

    if (m == NULL) return NULL;
    m->window = SIZE_MAX / 2;
    sl__stream_init(&m->s, loop, &mem_io, o);
    return m;
}

void mem_stream_feed(struct mem_stream *m, const void *bytes, size_t n)
{
    m->feed = bytes;
    m->feed_len = n;
    while (m->feed_len > 0 && !m->s.closing && !m->s.paused && !m->s.peer_ended)
        sl__stream_on_readable(&m->s);
}

void mem_stream_feed_end(struct mem_stream *m)
{
    m->feed_end = true;
    if (!m->s.closing && !m->s.paused) sl__stream_on_readable(&m->s);
}

void mem_stream_open_window(struct mem_stream *m, size_t bytes)
{
    m->window += bytes;
    if (m->s.wants & STREAM_WANT_WRITE) sl__stream_on_writable(&m->s);
}

void mem_stream_clear(struct mem_stream *m)
{
    m->sent_len = 0;
    m->sends = 0;
}

void mem_stream_free(struct mem_stream *m)
{
    if (m == NULL) return;
    sl__free(m->sent);
    sl__free(m);
}
