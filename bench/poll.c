/* SPDX-License-Identifier: MIT */
/*
 * The generator for Socket.IO by long polling: N sessions that poll, each on one connection
 * kept alive, and one sender on a WebSocket.
 *
 *   poll --port P --pid S --clients N --rate R --size B --secs T
 *
 * The sender says "sludge-data" R times a second; every session must get each as
 * "sludge-data-update", whole, once and in order. Nobody asks for gzip. One JSON object goes to
 * stdout: `us` is the server's processor time per delivery, `each` how many events a poll
 * brought.
 */
#include "gauge.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WARM_S   1.0
#define DRAIN_S  5.0
#define BODY_MAX (2u << 20) /* twice what a server may put in one answer */
#define SID_MAX  64
#define TICKS    (1u << 16)
#define EVENT    "42[\"sludge-data-update\",{\"n\":\""
#define NUMBER   16 /* digits */

static struct {
    int port, pid, clients;
    size_t size;
    double rate, secs;
} o = {.clients = 1000, .size = 300, .rate = 100, .secs = 4};

struct client {
    int fd;
    char sid[SID_MAX];
    char *answer; /* `cap` bytes and a terminator */
    size_t have, cap;
    uint64_t seq;
    bool posting; /* the answer that is due is that to a POST */
};

static struct client *clients;
static uint64_t sent, delivered, polls, bad, planned_ns[TICKS];
static size_t event_len;
static bool measuring;
static int ep, sender;

static void send_all(int fd, const void *bytes, size_t n)
{
    if (send(fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n) die("send");
}

/* ---- a session ---- */

static void ask(struct client *c)
{
    char text[256];
    int n = snprintf(text, sizeof text,
                     "GET /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\n"
                     "Host: 127.0.0.1\r\n\r\n",
                     c->sid[0] != '\0' ? "&sid=" : "", c->sid);

    c->have = 0;
    c->posting = false;
    send_all(c->fd, text, (size_t)n);
}

static void push(struct client *c, const char *packet)
{
    char text[256];
    int n = snprintf(text, sizeof text,
                     "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\n"
                     "Host: 127.0.0.1\r\nContent-Type: text/plain;charset=UTF-8\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     c->sid, strlen(packet), packet);

    c->have = 0;
    c->posting = true;
    send_all(c->fd, text, (size_t)n);
}

static void on_event(struct client *c, const char *packet, size_t n)
{
    uint64_t seq = strtoull(packet + strlen(EVENT), NULL, 16);

    bad += n != event_len || seq != c->seq + 1;
    c->seq = seq;
    delivered++;
    if (measuring) took(now_ns() - planned_ns[seq % TICKS]);
}

static void on_open(struct client *c, const char *packet)
{
    const char *at = strstr(packet, "\"sid\":\"");
    size_t n = at != NULL ? strcspn(at + 7, "\"") : 0;

    if (n == 0 || n >= SID_MAX) die("an open packet without sid");
    memcpy(c->sid, at + 7, n);
}

/* returns what is to be said before the next poll, or NULL */
static const char *on_packet(struct client *c, const char *packet, size_t n)
{
    if (strncmp(packet, EVENT, strlen(EVENT)) == 0)
        on_event(c, packet, n);
    else if (n == 1 && packet[0] == '2')
        return "3";
    else if (packet[0] == '0')
        return on_open(c, packet), "40";
    else if (strncmp(packet, "40", 2) != 0)
        bad++;
    return NULL;
}

static void on_poll(struct client *c, const char *body, size_t n)
{
    const char *end = body + n, *reply = NULL;

    polls++;
    while (body < end) {
        const char *stop = memchr(body, 0x1e, (size_t)(end - body)), *say;

        if (stop == NULL) stop = end;
        say = on_packet(c, body, (size_t)(stop - body));
        if (say != NULL) reply = say;
        body = stop + 1;
    }
    if (reply != NULL)
        push(c, reply);
    else
        ask(c);
}

/* ---- HTTP ---- */

static void make_room(struct client *c)
{
    if (c->answer != NULL && c->have < c->cap) return;
    c->cap = c->cap > 0 ? c->cap * 2 : 8192;
    errno = 0;
    c->answer = c->cap <= BODY_MAX ? realloc(c->answer, c->cap + 1) : NULL;
    if (c->answer == NULL) die("an answer that is too long");
}

static void on_readable(struct client *c)
{
    ssize_t r;
    size_t len;
    char *body;

    make_room(c);
    r = recv(c->fd, c->answer + c->have, c->cap - c->have, MSG_DONTWAIT);
    if (r < 0 && errno == EAGAIN) return;
    if (r <= 0) die("recv");
    c->have += (size_t)r;
    c->answer[c->have] = '\0';
    body = find_body(c->answer, c->have, &len);
    if (body == NULL) return;
    errno = 0;
    if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0) die("an answer that is not 200");
    body[len] = '\0';
    if (c->posting)
        ask(c);
    else
        on_poll(c, body, len);
}

/* ---- the sender ---- */

/* A client's frame under a mask of zeros, which changes nothing. */
static void say(const char *text, size_t n)
{
    char frame[8 + 65536] = {(char)0x81};
    size_t head = n < 126 ? 2 : 4;

    errno = 0;
    if (n > 65535) die("an event that is too long");
    frame[1] = (char)(0x80 | (n < 126 ? n : 126));
    if (head == 4) frame[2] = (char)(n >> 8), frame[3] = (char)n;
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, text, n);
    send_all(sender, frame, head + 4 + n);
}

static void say_event(uint64_t seq, uint64_t planned)
{
    static char text[65536];
    int n =
        snprintf(text, sizeof text, "42[\"sludge-data\",{\"n\":\"%016llx\",\"x\":\"%0*d\"}]",
                 (unsigned long long)seq, (int)o.size, 0);

    planned_ns[seq % TICKS] = planned;
    say(text, (size_t)n);
}

/* It hears all it says: that is dropped, and a ping of this one connection is not awaited. */
static void drop_heard(void)
{
    static char bytes[1u << 16];

    while (recv(sender, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
}

static void await(const char *what)
{
    char text[4096];
    size_t have = 0;

    while (have < sizeof text - 1) {
        ssize_t r = recv(sender, text + have, sizeof text - 1 - have, 0);

        if (r <= 0) die(what);
        have += (size_t)r;
        if (memmem(text, have, what, strlen(what)) != NULL) return;
    }
    die(what);
}

static void open_sender(void)
{
    static const char hello[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                                "Host: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    sender = connect_server(o.port);
    send_all(sender, hello, sizeof hello - 1);
    await("\"sid\"");
    say("40", 2);
    await("40{");
}

/* ---- all of them ---- */

static void open_client(struct client *c)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

    c->fd = connect_server(o.port);
    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e) < 0) die("epoll");
    ask(c);
}

static void turn(int wait_ms)
{
    struct epoll_event ev[256];
    int n = epoll_wait(ep, ev, 256, wait_ms);

    for (int i = 0; i < n; i++)
        on_readable(ev[i].data.ptr);
    drop_heard();
}

static void run_for(double secs)
{
    static uint64_t next_ns;
    uint64_t until = now_ns() + (uint64_t)(secs * 1e9), step = (uint64_t)(1e9 / o.rate);

    if (next_ns == 0) next_ns = now_ns();
    for (uint64_t now; (now = now_ns()) < until;) {
        for (; next_ns <= now; next_ns += step)
            say_event(++sent, next_ns);
        turn(next_ns - now > 2000000 ? 1 : 0);
    }
}

/* Everybody is in, and holds a poll. */
static void open_all(void)
{
    uint64_t until;

    for (int i = 0; i < o.clients; i++) {
        open_client(&clients[i]);
        turn(0);
    }
    until = now_ns() + 10 * 1000000000ull;
    while (polls < 2 * (uint64_t)o.clients && now_ns() < until)
        turn(10);
    errno = 0;
    if (polls < 2 * (uint64_t)o.clients) die("not everybody was let in");
}

static void drain(void)
{
    uint64_t until = now_ns() + (uint64_t)(DRAIN_S * 1e9);

    while (delivered < sent * (uint64_t)o.clients && now_ns() < until)
        turn(10);
}

static void read_options(int argc, char **argv)
{
    // clang-format off
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},    {"pid", required_argument, NULL, 's'},
        {"clients", required_argument, NULL, 'n'}, {"rate", required_argument, NULL, 'r'},
        {"size", required_argument, NULL, 'b'},    {"secs", required_argument, NULL, 't'},
        {0},
    };
    // clang-format on

    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'p': o.port = (int)strtol(optarg, NULL, 10); break;
        case 's': o.pid = (int)strtol(optarg, NULL, 10); break;
        case 'n': o.clients = (int)strtol(optarg, NULL, 10); break;
        case 'r': o.rate = strtod(optarg, NULL); break;
        case 'b': o.size = strtoul(optarg, NULL, 10); break;
        case 't': o.secs = strtod(optarg, NULL); break;
        default: exit(64);
        }
    }
    if (o.port <= 0 || o.pid <= 0 || o.clients <= 0 || o.rate <= 0 || o.secs <= 0 || o.size < 64
        || o.size > 60000) {
        fprintf(stderr, "usage: poll --port P --pid S --clients N --rate R --size 64..60000 "
                        "--secs T\n");
        exit(64);
    }
}

int main(int argc, char **argv)
{
    uint64_t began, delivered_before, polls_before;
    double cpu, secs;

    read_options(argc, argv);
    o.size -= strlen("{\"n\":\"\",\"x\":\"\"}") + NUMBER; /* of the padding alone from now on */
    event_len = strlen(EVENT) + NUMBER + strlen("\",\"x\":\"\"}]") + o.size;
    clients = calloc((size_t)o.clients, sizeof *clients);
    ep = epoll_create1(EPOLL_CLOEXEC);
    if (clients == NULL || ep < 0) die("start");
    open_all();
    open_sender();
    run_for(WARM_S);

    measuring = true;
    began = now_ns();
    delivered_before = delivered;
    polls_before = polls;
    cpu = server_cpu_s(o.pid);
    run_for(o.secs);
    cpu = server_cpu_s(o.pid) - cpu;
    secs = (double)(now_ns() - began) / 1e9;
    delivered_before = delivered - delivered_before;
    polls_before = polls - polls_before;
    drain();

    took_sort();
    printf("{\"per_s\":%.0f,\"us\":%.3f,\"cpu\":%.3f,\"each\":%.2f,\"p50_us\":%.0f,"
           "\"p99_us\":%.0f,\"bad\":%llu,\"lost\":%llu}\n",
           (double)delivered_before / secs,
           delivered_before > 0 ? cpu * 1e6 / (double)delivered_before : 0, cpu / secs,
           polls_before > 0 ? (double)delivered_before / (double)polls_before : 0,
           took_quantile(0.5), took_quantile(0.99), (unsigned long long)bad,
           (unsigned long long)(sent * (uint64_t)o.clients - delivered));
    return 0;
}
