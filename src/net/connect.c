/* SPDX-License-Identifier: MIT */
#include "net/connect.h"

#include "base/alloc.h"
#include "net/resolve.h"
#include "net/socket_stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

struct connect {
    sl_loop *loop;
    connect_fn *fn; /* NULL: nobody waits any more */
    void *user;
    struct stream_options stream;
    uint64_t until_ms;
    struct timer timer; /* the beginning; the lookup's end; an address's end */
    struct resolve *lookup;
    struct addrinfo *found, *at;
    uv_poll_t poll; /* open while fd is not -1 */
    int fd, rc;     /* rc: of the address that was tried */
    char host[256], port[6];
};

static void try_next(struct connect *c);

static void finish(struct connect *c, struct stream *s, int rc)
{
    connect_fn *fn = c->fn;
    void *user = c->user;

    sl__loop_cancel_timer(c->loop, &c->timer);
    if (c->found != NULL) freeaddrinfo(c->found);
    sl__free(c);
    if (fn != NULL)
        fn(s, rc, user);
    else if (s != NULL)
        sl__stream_close(s, UV_ECANCELED);
}

/* ---- one address ---- */

/* libuv has let go of the descriptor: it may be watched anew, or closed. */
static void on_poll_closed(uv_handle_t *h)
{
    struct connect *c = h->data;
    struct stream *s = NULL;
    int fd = c->fd;

    sl__loop_begin_turn(c->loop);
    c->loop->pending--;
    c->fd = -1;
    if (c->rc == 0 && c->fn != NULL)
        c->rc = socket_stream_open(c->loop, fd, c->at->ai_addr, &c->stream, NULL, NULL, &s);
    if (s == NULL) close(fd);
    if (s != NULL || c->fn == NULL) {
        finish(c, s, 0);
        return;
    }
    c->at = c->at->ai_next;
    try_next(c);
}

static void end_try(struct connect *c, int rc)
{
    c->rc = rc;
    sl__loop_cancel_timer(c->loop, &c->timer);
    if (!uv_is_closing((uv_handle_t *)&c->poll))
        uv_close((uv_handle_t *)&c->poll, on_poll_closed);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    struct connect *c = p->data;
    int error = 0;
    socklen_t len = sizeof error;

    (void)events;
    sl__loop_begin_turn(c->loop);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) error = errno;
    end_try(c, error != 0 ? -error : status);
}

static uint64_t share_of(const struct connect *c)
{
    uint64_t now = sl__loop_now_ms(c->loop), n = 0;

    for (const struct addrinfo *a = c->at; a != NULL; a = a->ai_next)
        n++;
    return c->until_ms > now && n > 0 ? (c->until_ms - now) / n : 0;
}

static int begin_try(struct connect *c)
{
    const struct addrinfo *a = c->at;
    int on = 1, rc = 0;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS && errno != EINTR)
        rc = -errno;
    if (rc == 0) rc = uv_poll_init(c->loop->uv, &c->poll, fd);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    c->fd = fd;
    c->poll.data = c;
    c->loop->pending++;
    sl__loop_set_timer(c->loop, &c->timer, share_of(c));
    rc = uv_poll_start(&c->poll, UV_WRITABLE, on_poll);
    if (rc < 0) end_try(c, rc);
    return 0;
}

static void try_next(struct connect *c)
{
    for (; c->at != NULL; c->at = c->at->ai_next) {
        if (sl__loop_now_ms(c->loop) >= c->until_ms)
            c->rc = SL_E_TIMEOUT;
        else
            c->rc = begin_try(c);
        if (c->fd >= 0) return;
    }
    finish(c, NULL, c->rc < 0 ? c->rc : SL_E_NOT_FOUND);
}

/* ---- names ---- */

static void on_found(int rc, struct addrinfo *found, void *user)
{
    struct connect *c = user;

    c->lookup = NULL;
    sl__loop_cancel_timer(c->loop, &c->timer);
    c->found = c->at = found;
    if (rc < 0)
        finish(c, NULL, rc);
    else
        try_next(c);
}

static void begin(struct connect *c)
{
    uint64_t now = sl__loop_now_ms(c->loop);
    int rc;

    c->found = c->at = resolve_number(c->host, c->port);
    if (c->found != NULL) {
        try_next(c);
        return;
    }
    rc = resolve_open(c->loop, c->host, c->port, on_found, c, &c->lookup);
    if (rc < 0)
        finish(c, NULL, rc);
    else
        sl__loop_set_timer(c->loop, &c->timer, c->until_ms > now ? c->until_ms - now : 0);
}

static void on_timer(struct timer *t)
{
    struct connect *c = LIST_ENTRY(t, struct connect, timer);

    if (c->fd >= 0) {
        end_try(c, SL_E_TIMEOUT);
    } else if (c->lookup != NULL) {
        resolve_cancel(c->lookup);
        finish(c, NULL, SL_E_TIMEOUT);
    } else {
        begin(c);
    }
}

/* ---- lives ---- */

int connect_open(sl_loop *loop, const struct connect_options *o, connect_fn *fn, void *user,
                 struct connect **out)
{
    struct connect *c = sl__zalloc(sizeof *c);

    *out = NULL;
    if (c == NULL) return SL_E_NOMEM;
    c->loop = loop;
    c->fn = fn;
    c->user = user;
    c->stream = o->stream;
    c->fd = -1;
    snprintf(c->host, sizeof c->host, "%s", o->host);
    snprintf(c->port, sizeof c->port, "%s", o->port);
    timer_init(&c->timer, on_timer);
    sl__loop_set_timer(loop, &c->timer, 0);
    c->until_ms = sl__loop_now_ms(loop) + o->timeout_ms;
    *out = c;
    return 0;
}

void connect_cancel(struct connect *c)
{
    if (c == NULL) return;
    c->fn = NULL;
    if (c->fd >= 0) {
        end_try(c, UV_ECANCELED);
        return; /* its poll holds the rest */
    }
    resolve_cancel(c->lookup);
    finish(c, NULL, UV_ECANCELED);
}
