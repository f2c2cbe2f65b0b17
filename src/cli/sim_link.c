/* SPDX-License-Identifier: MIT */
#include "cli/sim_link.h"

#include "base/alloc.h"
#include "base/codec.h"
#include "base/rand.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S 5  /* as the original devices */
#define HEAD_MAX  14 /* RFC 6455 §5.2: 2 bytes, 8 of length, 4 of mask */

bool sim_url_parse(const char *text, struct sim_url *out)
{
    static const char scheme[] = "ws://";
    const char *host = text + strlen(scheme), *slash, *colon;
    size_t n;

    if (strncmp(text, scheme, strlen(scheme)) != 0) return false;
    slash = host + strcspn(host, "/");
    colon = memchr(host, ':', (size_t)(slash - host));
    n = (size_t)((colon ? colon : slash) - host);
    if (n == 0 || n >= sizeof out->host) return false;
    snprintf(out->host, sizeof out->host, "%.*s", (int)n, host);
    if (colon == NULL) {
        snprintf(out->port, sizeof out->port, "80");
    } else {
        n = (size_t)(slash - colon - 1);
        if (n == 0 || n >= sizeof out->port) return false;
        snprintf(out->port, sizeof out->port, "%.*s", (int)n, colon + 1);
    }
    if (strlen(slash) >= sizeof out->path) return false;
    snprintf(out->path, sizeof out->path, "%s", *slash ? slash : "/");
    return true;
}

static int dial(const struct sim_url *url)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    struct timeval limit = {.tv_sec = TIMEOUT_S};
    int fd = -1, rc = -EHOSTUNREACH, on = 1;

    if (getaddrinfo(url->host, url->port, &want, &found) != 0) return -EHOSTUNREACH;
    for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0) continue;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* connect as well */
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) break;
        rc = -errno;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd >= 0 ? fd : rc;
}

static int send_all(int fd, const char *at, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

        if (sent < 0) return -errno;
        at += sent;
        n -= (size_t)sent;
    }
    return 0;
}

/* RFC 6455 §4.1. The key of the answer is not checked: nothing between us would forge it. */
static int shake_hands(int fd, const struct sim_url *url)
{
    char text[1024], key[25] = {0};
    uint8_t nonce[16];
    size_t n = 0;
    int len, rc;

    rand_bytes(nonce, sizeof nonce);
    sl__base64_encode(key, nonce, sizeof nonce);
    len = snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                   "Sec-WebSocket-Version: 13\r\nOrigin: http://%s:%s\r\n\r\n",
                   url->path, url->host, url->port, key, url->host, url->port);
    rc = send_all(fd, text, (size_t)len);
    if (rc < 0) return rc;
    while (n < sizeof text - 1) {
        ssize_t got = recv(fd, text + n, 1, 0); /* bytewise: what follows is no head */

        if (got <= 0) return got < 0 ? -errno : -ECONNRESET;
        text[++n] = '\0';
        if (n >= 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0) break;
    }
    return strncmp(text, "HTTP/1.1 101", 12) == 0 ? 0 : -EPROTO;
}

int sim_link_open(struct sim_link *l, const struct sim_url *url)
{
    int fd = dial(url), rc;

    if (fd < 0) return fd;
    rc = shake_hands(fd, url);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    l->fd = fd;
    return 0;
}

/* A single masked frame, RFC 6455 §5.2 and §5.3, into l->out. returns its length or an error */
static int64_t put_frame(struct sim_link *l, uint8_t first, sl_str payload)
{
    size_t need = HEAD_MAX + payload.len, n = 0;
    uint8_t mask[4], *p;

    if (need > l->cap) {
        char *grown = sl__realloc(l->out, need);

        if (grown == NULL) return SL_E_NOMEM;
        l->out = grown;
        l->cap = need;
    }
    p = (uint8_t *)l->out;
    p[n++] = first;
    if (payload.len < 126) {
        p[n++] = (uint8_t)(0x80 | payload.len);
    } else {
        int bytes = payload.len < 65536 ? 2 : 8;

        p[n++] = (uint8_t)(0x80 | (bytes == 2 ? 126 : 127));
        while (bytes-- > 0)
            p[n++] = (uint8_t)((uint64_t)payload.len >> (8 * bytes));
    }
    rand_bytes(mask, sizeof mask);
    memcpy(p + n, mask, sizeof mask);
    n += sizeof mask;
    for (size_t i = 0; i < payload.len; i++)
        p[n + i] = (uint8_t)payload.ptr[i] ^ mask[i & 3];
    return (int64_t)(n + payload.len);
}

/* What the hub says is thrown away, but a goodbye must be noticed. */
static int drain(int fd)
{
    char waste[4096];
    ssize_t n;

    while ((n = recv(fd, waste, sizeof waste, MSG_DONTWAIT)) > 0) {
    }
    if (n == 0) return -ECONNRESET;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
}

int sim_link_send(struct sim_link *l, sl_str text)
{
    int64_t n = put_frame(l, 0x81, text);
    int rc = n < 0 ? (int)n : drain(l->fd);

    if (rc == 0) rc = send_all(l->fd, l->out, (size_t)n);
    if (rc < 0) {
        close(l->fd);
        l->fd = -1;
    }
    return rc;
}

void sim_link_close(struct sim_link *l)
{
    static const char going[] = {0x03, (char)0xe8}; /* 1000, RFC 6455 §7.4.1 */
    int64_t n;

    if (l->fd < 0) return;
    n = put_frame(l, 0x88, (sl_str){going, sizeof going});
    if (n > 0) (void)!send(l->fd, l->out, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(l->fd);
    l->fd = -1;
}

void sim_link_deinit(struct sim_link *l)
{
    sim_link_close(l);
    sl__free(l->out);
    *l = (struct sim_link){.fd = -1};
}
