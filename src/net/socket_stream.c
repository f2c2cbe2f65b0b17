/* SPDX-License-Identifier: MIT */
#include "net/socket_stream.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

struct socket_stream {
    struct stream s;
    uv_poll_t poll;
    int fd;
    struct peer peer;
    socket_closed_fn *on_closed;
    void *user;
};

static struct socket_stream *socket_of(struct stream *s)
{
    return LIST_ENTRY(s, struct socket_stream, s);
}

static ssize_t result(ssize_t r)
{
    if (r >= 0) return r;
    return errno == EAGAIN || errno == EINTR ? UV_EAGAIN : -errno;
}

static ssize_t socket_recv(struct stream *s, struct iovec *iov, int n)
{
    struct socket_stream *k = socket_of(s);
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};

    if (n == 1) return result(recv(k->fd, iov->iov_base, iov->iov_len, 0));
    return result(recvmsg(k->fd, &m, 0));
}

static ssize_t socket_send(struct stream *s, const struct iovec *iov, int n)
{
    struct socket_stream *k = socket_of(s);
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};

    if (n == 1) return result(send(k->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL));
    return result(sendmsg(k->fd, &m, MSG_NOSIGNAL));
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    struct stream *s = p->data;

    if (status < 0) { /* libuv has stopped watching; the socket knows the reason */
        int err = 0;
        socklen_t len = sizeof err;
        getsockopt(socket_of(s)->fd, SOL_SOCKET, SO_ERROR, &err, &len);
        sl__loop_begin_turn(s->loop);
        sl__stream_close(s, err != 0 ? -err : status);
        return;
    }
    if (events & UV_WRITABLE) sl__stream_on_writable(s);
    if (events & UV_READABLE) sl__stream_on_readable(s);
}

static int socket_watch(struct stream *s, int wants)
{
    struct socket_stream *k = socket_of(s);
    int events = (wants & STREAM_WANT_READ ? UV_READABLE : 0)
                 | (wants & STREAM_WANT_WRITE ? UV_WRITABLE : 0);

    return events ? uv_poll_start(&k->poll, events, on_poll) : uv_poll_stop(&k->poll);
}

static void socket_shut(struct stream *s)
{
    shutdown(socket_of(s)->fd, SHUT_WR);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct stream *s = h->data;

    close(socket_of(s)->fd); /* after the loop has let go of it */
    sl__stream_finish(s);
}

static void socket_close(struct stream *s)
{
    uv_close((uv_handle_t *)&socket_of(s)->poll, on_poll_closed);
}

static void socket_free(struct stream *s)
{
    struct socket_stream *k = socket_of(s);

    if (k->on_closed != NULL) k->on_closed(&k->peer, k->user);
    sl__free(k);
}

static bool socket_has_ended(struct stream *s)
{
    char byte;
    ssize_t r = result(recv(socket_of(s)->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT));

    return r <= 0 && r != UV_EAGAIN;
}

static const struct stream_io socket_io = {
    .recv = socket_recv,
    .send = socket_send,
    .watch = socket_watch,
    .shut = socket_shut,
    .close = socket_close,
    .free = socket_free,
    .has_ended = socket_has_ended,
};

int socket_stream_open(sl_loop *loop, int fd, const struct sockaddr *address,
                       const struct stream_options *o, socket_closed_fn *on_closed, void *user,
                       struct stream **out)
{
    struct socket_stream *k;
    int rc;

    *out = NULL;
    k = sl__zalloc(sizeof *k);
    if (k == NULL) return SL_E_NOMEM;
    rc = uv_poll_init(loop->uv, &k->poll, fd);
    if (rc < 0) {
        sl__free(k);
        return rc;
    }
    k->fd = fd;
    k->on_closed = on_closed;
    k->user = user;
    k->poll.data = &k->s;
    peer_from_sockaddr(address, &k->peer);
    sl__stream_init(&k->s, loop, &socket_io, o);
    *out = &k->s;
    return 0;
}

void peer_from_sockaddr(const struct sockaddr *a, struct peer *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    *out = (struct peer){0};
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
        memcpy(out->ip, mapped, sizeof mapped);
        memcpy(out->ip + sizeof mapped, &v4->sin_addr, 4);
        out->port = ntohs(v4->sin_port);
    } else if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
        memcpy(out->ip, &v6->sin6_addr, 16);
        out->port = ntohs(v6->sin6_port);
    }
}

bool peer_is_loopback(const struct peer *p)
{
    struct in6_addr a;

    memcpy(&a, p->ip, sizeof a);
    return IN6_IS_ADDR_LOOPBACK(&a) || (IN6_IS_ADDR_V4MAPPED(&a) && p->ip[12] == 127);
}

const struct peer *socket_stream_peer(const struct stream *s)
{
    return s->io == &socket_io ? &LIST_ENTRY(s, struct socket_stream, s)->peer : NULL;
}

bool socket_stream_facts(const struct stream *s, struct tcp_facts *out)
{
    *out = (struct tcp_facts){0};
    if (s->io != &socket_io || s->closing) return false;
    return tcp_facts_get(LIST_ENTRY(s, struct socket_stream, s)->fd, out);
}
