/* SPDX-License-Identifier: MIT */
/*
 * The floor: the least that a WebSocket fan-out can do, as a measure for everything above it.
 *
 *   read a chunk -> take the mask off in place -> one writev per subscriber and turn
 *
 * No UTF-8, no JSON, no timers, no limits worth the name; not a server for use. Whoever sends
 * "device_register" first is the producer, and what it sends goes to all others. A message is
 * a slice of the chunk it was received in: its new header takes the place of the mask.
 *
 *   in a chunk:   | header | mask | payload ... |     a client's frame
 *                     | header    | payload ... |     the same bytes, on their way out
 */
#include "proto/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define CHUNK_BYTES (512 * 1024)
#define FDS_MAX     65536
#define TURN_MAX    256 /* messages of one turn; also the bound of a subscriber's queue */

struct chunk {
    struct chunk *next; /* among the free ones */
    uint32_t refs;
    size_t start, len; /* what is not yet looked at; one past the last byte received */
    uint8_t bytes[CHUNK_BYTES];
};

struct msg {
    struct chunk *chunk;
    struct iovec io;
};

/* Of a subscriber that could not take all: what is left, the first of it perhaps cut. */
struct backlog {
    uint32_t n;
    struct msg msg[TURN_MAX];
};

struct conn {
    bool open, upgraded, producer;
    struct chunk *in; /* while a handshake or a frame is incomplete */
    struct backlog *backlog;
};

static struct conn conns[FDS_MAX];
static struct msg turn[TURN_MAX];
static uint32_t turn_n;
static struct chunk *spare;
static int top_fd, ep;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct chunk *chunk_get(void)
{
    struct chunk *c = spare;

    if (c != NULL)
        spare = c->next;
    else if ((c = malloc(sizeof *c)) == NULL)
        die("malloc");
    c->refs = 1;
    c->start = c->len = 0;
    return c;
}

static void chunk_drop(struct chunk *c)
{
    if (c == NULL || --c->refs > 0) return;
    c->next = spare;
    spare = c;
}

static void forget(int fd)
{
    struct conn *c = &conns[fd];

    for (uint32_t i = 0; c->backlog != NULL && i < c->backlog->n; i++)
        chunk_drop(c->backlog->msg[i].chunk);
    free(c->backlog);
    chunk_drop(c->in);
    *c = (struct conn){0};
    close(fd);
}

static void watch(int fd, int op, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};

    if (epoll_ctl(ep, op, fd, &e) < 0) die("epoll_ctl");
}

static void unmask(uint8_t *p, size_t n, const uint8_t mask[4])
{
    uint64_t wide, m;
    size_t i = 0;

    memcpy(&m, mask, 4);
    memcpy((uint8_t *)&m + 4, mask, 4);
    for (; i + 8 <= n; i += 8) {
        memcpy(&wide, p + i, 8);
        wide ^= m;
        memcpy(p + i, &wide, 8);
    }
    for (; i < n; i++)
        p[i] ^= mask[i & 3];
}

/* Put the frame at `p` into the turn. returns its length as it came, 0 if it is incomplete */
static size_t take_frame(struct conn *c, uint8_t *p, size_t have)
{
    size_t head = 2, n;

    if (have < 2) return 0;
    n = p[1] & 0x7f;
    if (n >= 126) {
        head += n == 126 ? 2 : 8;
        if (have < head) return 0;
        n = 0;
        for (size_t i = 2; i < head; i++)
            n = n << 8 | p[i];
    }
    if (n > CHUNK_BYTES / 2) die("a frame larger than the floor was made for");
    if (have < head + 4 + n) return 0;

    unmask(p + head + 4, n, p + head);
    if ((p[0] & 0xf) == 1 && !c->producer) {
        c->producer = memmem(p + head + 4, n, "device_register", 15) != NULL;
    } else if ((p[0] & 0xf) == 1 && turn_n < TURN_MAX) {
        p[1] &= 0x7f;
        memmove(p + 4, p, head);
        c->in->refs++;
        turn[turn_n++] = (struct msg){
            c->in, {p + 4, head + n}
        };
    }
    return head + 4 + n;
}

/* Go on behind what was used, in a new chunk when this one has no room for a whole frame. */
static void keep_rest(struct conn *c, size_t used)
{
    struct chunk *old = c->in;
    size_t rest = old->len - old->start - used;

    old->start += used;
    if (rest > 0 && CHUNK_BYTES - old->start >= CHUNK_BYTES / 2 + 16) return;
    c->in = NULL;
    if (rest > 0) {
        c->in = chunk_get();
        memcpy(c->in->bytes, old->bytes + old->start, rest);
        c->in->len = rest;
    }
    chunk_drop(old);
}

static void shake_hands(int fd, struct conn *c)
{
    char *in = (char *)c->in->bytes, accept[WS_ACCEPT_SIZE], answer[256];
    char *end = memmem(in, c->in->len, "\r\n\r\n", 4), *key;
    int n;

    if (end == NULL) return;
    *end = '\0';
    key = strcasestr(in, "Sec-WebSocket-Key: ");
    if (key == NULL || !ws_accept((sl_str){key + 19, strcspn(key + 19, "\r")}, accept)) {
        forget(fd);
        return;
    }
    n = snprintf(answer, sizeof answer,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    if (send(fd, answer, (size_t)n, MSG_NOSIGNAL) != n) {
        forget(fd);
        return;
    }
    c->upgraded = true;
    keep_rest(c, (size_t)(end + 4 - in));
}

static void on_readable(int fd, struct conn *c)
{
    size_t used = 0, n;
    ssize_t r;

    if (c->in == NULL) c->in = chunk_get();
    r = recv(fd, c->in->bytes + c->in->len, CHUNK_BYTES - c->in->len, 0);
    if (r < 0 && errno == EAGAIN) return;
    if (r <= 0) {
        forget(fd);
        return;
    }
    c->in->len += (size_t)r;
    if (!c->upgraded) {
        shake_hands(fd, c);
        return;
    }
    while (turn_n < TURN_MAX
           && (n = take_frame(c, c->in->bytes + c->in->start + used,
                              c->in->len - c->in->start - used))
                  > 0)
        used += n;
    keep_rest(c, used);
}

/* Write messages; those that did not leave become the backlog. */
static void flush(int fd, struct conn *c, struct msg *m, uint32_t n)
{
    struct iovec io[TURN_MAX];
    uint32_t sent = 0;
    struct backlog *b;
    ssize_t r;

    for (uint32_t i = 0; i < n; i++)
        io[i] = m[i].io;
    r = writev(fd, io, (int)n);
    if (r < 0 && errno != EAGAIN) return; /* its end will be read */
    for (r = r < 0 ? 0 : r; sent < n && (size_t)r >= io[sent].iov_len; sent++)
        r -= (ssize_t)io[sent].iov_len;

    b = c->backlog;
    if (b == NULL && sent == n) return;
    if (b == NULL) {
        if ((b = malloc(sizeof *b)) == NULL) die("malloc");
        c->backlog = b;
        for (uint32_t i = sent; i < n; i++)
            m[i].chunk->refs++;
        watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    } else {
        for (uint32_t i = 0; i < sent; i++)
            chunk_drop(m[i].chunk);
    }
    b->n = n - sent;
    memmove(b->msg, m + sent, b->n * sizeof *m);
    if (b->n > 0) {
        b->msg[0].io.iov_base = (char *)b->msg[0].io.iov_base + r;
        b->msg[0].io.iov_len -= (size_t)r;
        return;
    }
    free(b);
    c->backlog = NULL;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

/* Behind a backlog the turn waits with the rest; what no longer fits is skipped. */
static void enqueue(struct backlog *b)
{
    for (uint32_t i = 0; i < turn_n && b->n < TURN_MAX; i++) {
        turn[i].chunk->refs++;
        b->msg[b->n++] = turn[i];
    }
}

static void end_turn(void)
{
    for (int fd = 0; turn_n > 0 && fd <= top_fd; fd++) {
        struct conn *c = &conns[fd];

        if (!c->upgraded || c->producer) continue;
        if (c->backlog != NULL)
            enqueue(c->backlog);
        else
            flush(fd, c, turn, turn_n);
    }
    while (turn_n > 0)
        chunk_drop(turn[--turn_n].chunk);
}

static void on_connection(int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) return;
    if (fd >= FDS_MAX) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conns[fd] = (struct conn){.open = true};
    if (fd > top_fd) top_fd = fd;
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0) die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event e[512];
    struct rlimit files;
    int listener;

    if (argc != 3 || strcmp(argv[1], "--port") != 0) {
        fprintf(stderr, "usage: floor --port N\n");
        return 64;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    ep = epoll_create1(EPOLL_CLOEXEC);
    listener = listen_on((uint16_t)strtoul(argv[2], NULL, 10));
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int n = epoll_wait(ep, e, sizeof e / sizeof *e, -1);

        for (int i = 0; i < n; i++) {
            int fd = e[i].data.fd;
            struct conn *c = &conns[fd];

            if (fd == listener) {
                on_connection(fd);
                continue;
            }
            if (c->open && c->backlog != NULL && e[i].events & EPOLLOUT)
                flush(fd, c, c->backlog->msg, c->backlog->n);
            if (c->open && e[i].events & ~(uint32_t)EPOLLOUT) on_readable(fd, c);
        }
        end_turn();
    }
}
