/* SPDX-License-Identifier: MIT */
#include "cli/dial.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS_MAX 60000

/* ---- waiting ---- */

uint64_t dial_now_ms(void)
{
    return mono_now().us / 1000;
}

void dial_limit(struct dial *d, uint64_t ms)
{
    d->until_ms = dial_now_ms() + ms;
}

int dial_wait(const struct dial *d, int fd, short events)
{
    struct pollfd p[] = {
        {.fd = fd,         .events = events}, /* poll leaves out what is negative */
        {.fd = d->stop_fd, .events = POLLIN},
    };

    for (;;) {
        uint64_t now = dial_now_ms();
        uint64_t left = d->until_ms > now ? d->until_ms - now : 0;
        int n = poll(p, 2, left > POLL_MS_MAX ? POLL_MS_MAX : (int)left);

        if (n < 0 && errno != EINTR) return -errno;
        if (n > 0 && p[1].revents != 0) return -ECANCELED;
        if (n > 0) return 0;
        if (n == 0 && left <= POLL_MS_MAX) return SL_E_TIMEOUT;
    }
}

int dial_pause(const struct dial *d, uint64_t ms)
{
    struct dial wait = {.fd = -1, .stop_fd = d->stop_fd};
    int rc;

    dial_limit(&wait, ms);
    rc = dial_wait(&wait, -1, 0);
    return rc == SL_E_TIMEOUT ? 0 : rc;
}

/* ---- a connection ---- */

static int finish_connect(const struct dial *d)
{
    int rc = dial_wait(d, d->fd, POLLOUT), error = 0;
    socklen_t len = sizeof error;

    if (rc < 0) return rc;
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) return -errno;
    return -error;
}

static int connect_to(struct dial *d, const struct addrinfo *a)
{
    int on = 1, rc = 0;

    d->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (d->fd < 0) return -errno;
    setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(d->fd, a->ai_addr, a->ai_addrlen) < 0)
        rc = errno == EINPROGRESS || errno == EINTR ? finish_connect(d) : -errno;
    if (rc < 0) dial_close(d);
    return rc;
}

int dial_open(struct dial *d, const struct dial_url *to)
{
    uint64_t until = d->until_ms;
    struct addrinfo *found = NULL;
    uint64_t n = 0;
    int rc = dial_lookup(d, to->host, to->port, &found);

    if (rc < 0) return rc;
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
        n++;
    rc = SL_E_NOT_FOUND;
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next, n--) {
        uint64_t now = dial_now_ms();

        /* an address where nobody answers must leave time for the others */
        if (now < until) d->until_ms = now + (until - now) / n;
        rc = connect_to(d, a);
        if (rc == 0 || rc == -ECANCELED) break;
    }
    d->until_ms = until;
    freeaddrinfo(found);
    return rc;
}

int dial_send(struct dial *d, sl_str *rest)
{
    while (rest->len > 0) {
        ssize_t n = send(d->fd, rest->ptr, rest->len, MSG_NOSIGNAL);

        if (n >= 0) {
            *rest = str_part(*rest, (size_t)n, rest->len);
        } else if (errno == EAGAIN) {
            int rc = dial_wait(d, d->fd, POLLOUT);

            if (rc < 0) return rc;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int64_t dial_recv(struct dial *d, void *into, size_t size)
{
    for (;;) {
        ssize_t n = recv(d->fd, into, size, 0);
        int rc;

        if (n >= 0) return n;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return -errno;
        rc = dial_wait(d, d->fd, POLLIN);
        if (rc < 0) return rc;
    }
}

void dial_close(struct dial *d)
{
    if (d->fd >= 0) close(d->fd);
    d->fd = -1;
}
