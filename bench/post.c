/* SPDX-License-Identifier: MIT */
/*
 * The generator for durable ingest: N connections, each posts a detection, waits for the
 * answer, posts the next.
 *
 *   post --port P --pid S --clients N --secs T
 *
 * A record counts when its answer is 200 or 201 and complete. One JSON object goes to stdout:
 * acks is all that was answered, warming up included, for who counts the rows afterwards.
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

#define WARM_S     0.5
#define DEVICES    16
#define ANSWER_MAX 4096

static struct {
    int port, pid, clients;
    double secs;
} o = {.clients = 1, .secs = 2};

struct client {
    int fd, number;
    uint64_t sent_ns;
    size_t have;
    char answer[ANSWER_MAX + 1];
};

static uint64_t posted, acks, bad, measured;
static bool measuring;
static int ep;

/* ---- one post ---- */

static void post(struct client *c)
{
    uint64_t n = posted++;
    char text[512], body[160];
    int len = snprintf(body, sizeof body,
                       "{\"type\":\"detection\",\"defect_type\":\"chip\",\"confidence\":0.%04u,"
                       "\"timestamp\":\"2026-03-01T%02u:%02u:%02u.%06u+00:00\"}",
                       (unsigned)(n % 10000), (unsigned)(n / 3600000 % 24),
                       (unsigned)(n / 60000 % 60), (unsigned)(n / 1000 % 60),
                       (unsigned)(n % 1000 * 1000));
    int all = snprintf(text, sizeof text,
                       "POST /api/device/detections HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       "Content-Type: application/json\r\nx-device-id: cam-%d\r\n"
                       "Content-Length: %d\r\n\r\n%s",
                       c->number % DEVICES, len, body);

    c->have = 0;
    c->sent_ns = now_ns();
    if (send(c->fd, text, (size_t)all, MSG_NOSIGNAL) != all) die("send");
}

static void on_answer(struct client *c)
{
    bool good = strncmp(c->answer, "HTTP/1.1 200", 12) == 0
                || strncmp(c->answer, "HTTP/1.1 201", 12) == 0;
    uint64_t now = now_ns();

    acks += good;
    bad += !good;
    if (!measuring || !good) return;
    measured++;
    took(now - c->sent_ns);
}

static void on_readable(struct client *c)
{
    ssize_t r = recv(c->fd, c->answer + c->have, ANSWER_MAX - c->have, MSG_DONTWAIT);
    size_t len;

    if (r < 0 && errno == EAGAIN) return;
    if (r <= 0) die("recv");
    c->have += (size_t)r;
    c->answer[c->have] = '\0';
    if (find_body(c->answer, c->have, &len) == NULL) {
        errno = 0;
        if (c->have == ANSWER_MAX) die("an answer that is too long");
        return;
    }
    on_answer(c);
    post(c);
}

/* ---- all of them ---- */

static void open_client(struct client *c, int number)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

    c->number = number;
    c->fd = connect_server(o.port);
    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e) < 0) die("epoll");
}

static void run_for(double secs)
{
    uint64_t until = now_ns() + (uint64_t)(secs * 1e9);
    struct epoll_event ev[64];

    while (now_ns() < until) {
        int n = epoll_wait(ep, ev, 64, 100);

        for (int i = 0; i < n; i++)
            on_readable(ev[i].data.ptr);
    }
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"port",             required_argument, NULL, 'p'},
        {"pid",              required_argument, NULL, 's'},
        {"clients",                  required_argument, NULL, 'n'},
        {"secs",required_argument, NULL, 't'},
        {0              }
    };

    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'p': o.port = (int)strtol(optarg, NULL, 10); break;
        case 's': o.pid = (int)strtol(optarg, NULL, 10); break;
        case 'n': o.clients = (int)strtol(optarg, NULL, 10); break;
        case 't': o.secs = strtod(optarg, NULL); break;
        default: exit(64);
        }
    }
    if (o.port <= 0 || o.pid <= 0 || o.clients <= 0 || o.secs <= 0) {
        fprintf(stderr, "usage: post --port P --pid S --clients N --secs T\n");
        exit(64);
    }
}

int main(int argc, char **argv)
{
    struct client *clients;
    uint64_t began;
    double cpu, secs;

    read_options(argc, argv);
    clients = calloc((size_t)o.clients, sizeof *clients);
    ep = epoll_create1(EPOLL_CLOEXEC);
    if (clients == NULL || ep < 0) die("start");
    for (int i = 0; i < o.clients; i++)
        open_client(&clients[i], i);
    for (int i = 0; i < o.clients; i++)
        post(&clients[i]);
    run_for(WARM_S);

    measuring = true;
    began = now_ns();
    cpu = server_cpu_s(o.pid);
    run_for(o.secs);
    cpu = server_cpu_s(o.pid) - cpu;
    secs = (double)(now_ns() - began) / 1e9;

    took_sort();
    printf("{\"per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"us\":%.3f,\"acks\":%llu,"
           "\"bad\":%llu}\n",
           (double)measured / secs, took_quantile(0.5), took_quantile(0.99),
           measured > 0 ? cpu * 1e6 / (double)measured : 0, (unsigned long long)acks,
           (unsigned long long)bad);
    free(clients);
    return 0;
}
