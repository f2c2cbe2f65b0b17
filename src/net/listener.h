/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: bind, accept, connection limits, sockets passed by systemd. Each accepted
 * connection becomes a stream and is handed to `on_stream`.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/list.h"
#include "base/map.h"
#include "net/socket_stream.h"

#include <sys/socket.h>

#define PEER_TEXT_SIZE 64

enum accept_refusal {
    ACCEPT_MAX,     /* as many connections as there may be */
    ACCEPT_ADDRESS, /* ... from that address */
    ACCEPT_FILES,   /* no descriptor is free */
    ACCEPT_REFUSALS
};

/* Counts shared by all listeners of one server. */
struct accept_limits {
    uint32_t connections_max, per_address_max; /* loopback is exempt from the second */
    uint32_t connections;
    uint64_t accepted, refused_max, refused_address, refused_files;
    struct map *per_address; /* peer_party -> count; only those that are not loopback */
    /* Somebody was sent away. NULL: nobody is told */
    void (*on_refused)(enum accept_refusal why, const char *peer, void *user);
    void *user;
    const char *said[ACCEPT_REFUSALS]; /* to who is sent away, if it can be; NULL: nothing */
};

/* Who counts as one: an address of IPv4, the /64 of one of IPv6. Its bytes, inside `p`. */
sl_str peer_party(const struct peer *p);
/* One more, or one less, of this peer's; false: it has as many as it may, or no memory. */
bool count_address(struct accept_limits *a, const struct peer *p) SL_MUST_USE;
void uncount_address(struct accept_limits *a, const struct peer *p);

struct listener_options {
    struct stream_options stream;
    struct accept_limits *limits;                    /* borrowed for the listener's life */
    void (*on_stream)(struct stream *s, void *user); /* must set events before it returns */
    void *user;
};

struct listener;

/* address "HOST:PORT", "[v6]:PORT" or ":PORT" (all addresses); see sl_server_listen */
int listener_open(sl_loop *loop, const char *address, const struct listener_options *o,
                  struct listener **out, sl_error *err) SL_MUST_USE;
/* Take a listening socket that somebody else made: the listener's on success, to close it. */
int listener_open_fd(sl_loop *loop, int fd, const struct listener_options *o,
                     struct listener **out, sl_error *err) SL_MUST_USE;
uint16_t listener_port(const struct listener *l);
const char *listener_name(const struct listener *l); /* "127.0.0.1:5000" */
void listener_close(struct listener *l);             /* frees itself when the loop has let go */

/* How many sockets systemd passed, from LISTEN_PID and LISTEN_FDS (sd_listen_fds(3)); the first
 * is 3. */
int inherited_sockets(void);

/* "127.0.0.1:53211" of the other side; "?" when it can not be told (in-memory twin) */
const char *stream_peer(const struct stream *s, char buf[PEER_TEXT_SIZE]);

#endif
