/* SPDX-License-Identifier: MIT */
/* A stream over a connected socket: it owns the descriptor, libuv only watches it. */
#ifndef NET_SOCKET_STREAM_H
#define NET_SOCKET_STREAM_H

#include "net/stream.h"
#include "net/tcp_facts.h"

#include <sys/socket.h>

/* An address as 16 bytes, IPv4 mapped into IPv6, and the port in host order. */
struct peer {
    uint8_t ip[16];
    uint16_t port;
};

struct socket_stream;
typedef void socket_closed_fn(const struct peer *peer, void *user);

/*
 * Take over a connected, non-blocking descriptor.
 *
 * fd        the stream's on success, still the caller's on an error
 * on_closed called after on_gone: for whoever counts connections
 */
int socket_stream_open(sl_loop *loop, int fd, const struct sockaddr *address,
                       const struct stream_options *o, socket_closed_fn *on_closed, void *user,
                       struct stream **out) SL_MUST_USE;

void peer_from_sockaddr(const struct sockaddr *a, struct peer *out);
bool peer_is_loopback(const struct peer *p);
/* As tcp_facts_get; false as well if the stream is no socket's. */
bool socket_stream_facts(const struct stream *s, struct tcp_facts *out);
/* NULL if the stream is no socket's */
const struct peer *socket_stream_peer(const struct stream *s);

#endif
