/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include "base/alloc.h"
#include "net/socket_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BACKLOG           4096
#define ACCEPTS_PER_TURN  256
#define REST_MS           100
#define NOTSENT_LOW_BYTES 131072 /* more unsent bytes in the kernel only make pictures old */

struct listener {
    sl_loop *loop;
    struct listener_options o;
    uv_poll_t poll;
    int fd;
    int spare;          /* given up for a moment when descriptors run out */
    struct timer again; /* set while accepting rests */
    uint16_t port;
    char name[PEER_TEXT_SIZE];
};

/* ---- addresses ---- */

static char *put_number(char *at, unsigned v)
{
    char digits[5];
    int n = 0;

    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

/* Each call of a device by HTTP asks for it: printf would be a tenth of that call. */
static void format_v4(const struct peer *p, char *at)
{
    for (int i = 12; i < 16; i++) {
        at = put_number(at, p->ip[i]);
        *at++ = i < 15 ? '.' : ':';
    }
    *put_number(at, p->port) = '\0';
}

static const char *format_peer(const struct peer *p, char buf[PEER_TEXT_SIZE])
{
    char ip[INET6_ADDRSTRLEN];
    struct in6_addr a;

    memcpy(&a, p->ip, sizeof a);
    if (IN6_IS_ADDR_V4MAPPED(&a)) {
        format_v4(p, buf);
    } else {
        inet_ntop(AF_INET6, &a, ip, sizeof ip);
        snprintf(buf, PEER_TEXT_SIZE, "[%s]:%u", ip, p->port);
    }
    return buf;
}

const char *stream_peer(const struct stream *s, char buf[PEER_TEXT_SIZE])
{
    const struct peer *p = socket_stream_peer(s);

    if (p == NULL) {
        snprintf(buf, PEER_TEXT_SIZE, "?");
        return buf;
    }
    return format_peer(p, buf);
}

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned v = 0;
    size_t n = strlen(text);

    if (n == 0 || n > 5 || strspn(text, "0123456789") != n) return false;
    for (; *text; text++)
        v = v * 10 + (unsigned)(*text - '0');
    *port = (uint16_t)v;
    return v <= 65535;
}

/* "HOST:PORT", "[v6]:PORT", ":PORT" */
static bool parse_address(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
    char host[INET6_ADDRSTRLEN + 1] = "";
    const char *colon = strrchr(text, ':');
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    uint16_t port;
    size_t n;

    *out = (struct sockaddr_storage){0};
    if (colon == NULL || !parse_port(colon + 1, &port)) return false;
    n = (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && colon[-1] == ']') text++, n -= 2;
    if (n >= sizeof host) return false;
    memcpy(host, text, n);

    if (strcmp(host, "localhost") == 0) snprintf(host, sizeof host, "127.0.0.1");
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *len = sizeof *v4;
        return true;
    }
    if (n > 0 && inet_pton(AF_INET6, host, &v6->sin6_addr) != 1) return false;
    v6->sin6_family = AF_INET6; /* no host: all addresses of both families */
    v6->sin6_port = htons(port);
    *len = sizeof *v6;
    return true;
}

/* ---- accepting ---- */

/* Whoever has one address of IPv6 has 2^64 of them: it is the network that is counted. */
sl_str peer_party(const struct peer *p)
{
    struct in6_addr a;

    memcpy(&a, p->ip, sizeof a);
    return (sl_str){(const char *)p->ip, IN6_IS_ADDR_V4MAPPED(&a) ? 16 : 8};
}

bool count_address(struct accept_limits *a, const struct peer *p)
{
    sl_str key = peer_party(p);
    uintptr_t n;

    if (a->per_address == NULL || peer_is_loopback(p)) return true;
    n = (uintptr_t)map_find(a->per_address, key);
    if (n >= a->per_address_max) return false;
    return map_put(a->per_address, key, (void *)(n + 1), NULL) == 0;
}

void uncount_address(struct accept_limits *a, const struct peer *p)
{
    sl_str key = peer_party(p);
    uintptr_t n;

    if (a->per_address == NULL || peer_is_loopback(p)) return;
    n = (uintptr_t)map_find(a->per_address, key);
    if (n > 1)
        (void)!map_put(a->per_address, key, (void *)(n - 1), NULL); /* replacing can not fail */
    else
        map_remove(a->per_address, key);
}

static void on_closed(const struct peer *p, void *user)
{
    struct accept_limits *a = user;

    a->connections--;
    uncount_address(a, p);
}

static void tell_refused(const struct accept_limits *a, enum accept_refusal why,
                         const struct peer *p)
{
    char text[PEER_TEXT_SIZE];

    if (a->on_refused == NULL) return;
    a->on_refused(why, format_peer(p, text), a->user);
}

/*
 * What leaves at once, leaves. What was received is read first: closing a socket with unread
 * bytes is a reset, which may overtake what we say.
 */
static void send_away(const struct accept_limits *a, enum accept_refusal why, int fd)
{
    const char *text = a->said[why];
    char unread[4096];

    if (text != NULL) {
        (void)!recv(fd, unread, sizeof unread, MSG_DONTWAIT);
        (void)!send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)!shutdown(fd, SHUT_WR);
    }
    close(fd);
}

static void take(struct listener *l, int fd, const struct sockaddr *address)
{
    struct accept_limits *a = l->o.limits;
    enum accept_refusal why;
    struct stream *s;
    struct peer peer;

    peer_from_sockaddr(address, &peer);
    if (a->connections >= a->connections_max) {
        a->refused_max++;
        why = ACCEPT_MAX;
        goto refuse;
    }
    if (!count_address(a, &peer)) {
        a->refused_address++;
        why = ACCEPT_ADDRESS;
        goto refuse;
    }
    if (socket_stream_open(l->loop, fd, address, &l->o.stream, on_closed, a, &s) < 0) {
        uncount_address(a, &peer);
        close(fd);
        return;
    }
    a->connections++;
    a->accepted++;
    l->o.on_stream(s, l->o.user);
    return;
refuse:
    tell_refused(a, why, &peer);
    send_away(a, why, fd);
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * Out of descriptors: a connection left in the backlog would wake the loop for ever. The spare
 * makes room to accept it, so that it can be closed and its sender told.
 *
 * returns  0 or -errno; -EAGAIN: nobody waits (without room, accept says so before it looks)
 */
static int refuse_one(struct listener *l)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    struct peer peer;
    int fd, rc;

    if (l->spare >= 0) close(l->spare);
    fd = accept4(l->fd, (struct sockaddr *)&a, &len, SOCK_CLOEXEC);
    rc = fd < 0 ? -errno : 0;
    if (fd >= 0) send_away(l->o.limits, ACCEPT_FILES, fd);
    l->spare = open_spare();
    if (fd < 0) return rc;
    l->o.limits->refused_files++;
    peer_from_sockaddr((struct sockaddr *)&a, &peer);
    tell_refused(l->o.limits, ACCEPT_FILES, &peer);
    return rc;
}

static void on_acceptable(uv_poll_t *p, int status, int events);

static void on_again(struct timer *t)
{
    struct listener *l = LIST_ENTRY(t, struct listener, again);

    uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

/* Who waits can neither be taken nor sent away: do not look at them in every turn. */
static void rest(struct listener *l)
{
    uv_poll_stop(&l->poll);
    sl__loop_set_timer(l->loop, &l->again, REST_MS);
}

static void on_acceptable(uv_poll_t *p, int status, int events)
{
    struct listener *l = p->data;

    (void)events;
    sl__loop_begin_turn(l->loop);
    if (status < 0) return;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage a;
        socklen_t len = sizeof a;
        int fd = accept4(l->fd, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int rc = fd < 0 ? -errno : 0;
        if (rc == 0)
            take(l, fd, (struct sockaddr *)&a);
        else if (rc == -EMFILE || rc == -ENFILE)
            rc = refuse_one(l);
        if (rc == -EAGAIN) return;
        if (rc < 0 && rc != -EINTR && rc != -ECONNABORTED) {
            rest(l);
            return;
        }
    }
}

/* ---- the life of a listener ---- */

static void on_listener_closed(uv_handle_t *h)
{
    struct listener *l = h->data;

    close(l->fd);
    if (l->spare >= 0) close(l->spare);
    l->loop->pending--;
    sl__free(l);
}

void listener_close(struct listener *l)
{
    if (l == NULL || uv_is_closing((uv_handle_t *)&l->poll)) return;
    sl__loop_cancel_timer(l->loop, &l->again);
    uv_close((uv_handle_t *)&l->poll, on_listener_closed);
}

int listener_open_fd(sl_loop *loop, int fd, const struct listener_options *o,
                     struct listener **out, sl_error *err)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    struct listener *l;
    struct peer own;
    int one = 1, low = NOTSENT_LOW_BYTES, rc;

    *out = NULL;
    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return sl_fail(err, -errno, "listen", "the descriptor %d is no socket", fd);
    l = sl__zalloc(sizeof *l);
    if (l == NULL) return sl_fail(err, SL_E_NOMEM, "listen", "out of memory");
    rc = uv_poll_init(loop->uv, &l->poll, fd); /* makes it non-blocking */
    if (rc < 0) {
        sl__free(l);
        return sl_fail(err, rc, "listen", "the socket can not be watched");
    }
    /* accepted sockets inherit both */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low);
    l->loop = loop;
    l->o = *o;
    l->fd = fd;
    l->spare = open_spare();
    l->poll.data = l;
    timer_init(&l->again, on_again);
    peer_from_sockaddr((struct sockaddr *)&a, &own);
    l->port = own.port;
    format_peer(&own, l->name);
    loop->pending++;
    uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
    *out = l;
    return 0;
}

static int bind_error(sl_error *err, int code, const char *address)
{
    static const struct {
        int code;
        const char *text;
    } cures[] = {
        {-EADDRINUSE,    "another program listens there already: stop it, or choose another port"},
        {-EACCES,        "ports below 1024 need the right to bind them (CAP_NET_BIND_SERVICE)"   },
        {-EADDRNOTAVAIL, "this machine has no such address: use one of its own, or 127.0.0.1"    },
    };
    char text[96];

    for (size_t i = 0; i < sizeof cures / sizeof *cures; i++) {
        if (cures[i].code == code)
            return sl_fail(err, code, address, "cannot listen on %s: %s", address,
                           cures[i].text);
    }
    return sl_fail(err, code, address, "cannot listen on %s: %s", address,
                   sl_strerror(code, text, sizeof text));
}

int listener_open(sl_loop *loop, const char *address, const struct listener_options *o,
                  struct listener **out, sl_error *err)
{
    struct sockaddr_storage a;
    socklen_t len;
    int one = 1, fd, rc;

    *out = NULL;
    if (!parse_address(address, &a, &len))
        return sl_fail(err, SL_E_INVAL, address,
                       "%s is no address to listen on: write HOST:PORT, for example "
                       "127.0.0.1:5000 or [::1]:5000",
                       address);
    fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return bind_error(err, -errno, address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* restart at once */
    if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, BACKLOG) < 0) {
        rc = bind_error(err, -errno, address);
        goto failed;
    }
    rc = listener_open_fd(loop, fd, o, out, err);
    if (rc == 0) return 0;
failed:
    close(fd);
    return rc;
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

const char *listener_name(const struct listener *l)
{
    return l->name;
}

int inherited_sockets(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    char own[16];
    uint16_t n;

    snprintf(own, sizeof own, "%d", (int)getpid());
    if (pid == NULL || fds == NULL || strcmp(pid, own) != 0) return 0; /* meant for a parent */
    if (!parse_port(fds, &n) || n > 64) return 0;
    for (int fd = 3; fd < 3 + n; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return n;
}
