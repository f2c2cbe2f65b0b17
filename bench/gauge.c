/* SPDX-License-Identifier: MIT */
#include "gauge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LATENCY_MAX (1u << 22)

static float *latency_us;
static size_t latency_n;

_Noreturn void die(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
            errno != 0 ? strerror(errno) : "gone");
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double server_cpu_s(int pid)
{
    char path[64], line[1024] = "", *at;
    unsigned long long user, sys;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "re");
    if (f == NULL || fgets(line, sizeof line, f) == NULL) die(path);
    fclose(f);
    at = strrchr(line, ')');
    for (int field = 2; at != NULL && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL) die(path);
    user = strtoull(at, &at, 10);
    sys = strtoull(at, NULL, 10);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

int connect_server(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

char *find_body(char *answer, size_t have, size_t *len)
{
    char *end = strstr(answer, "\r\n\r\n");
    const char *line = end != NULL ? strcasestr(answer, "\r\ncontent-length:") : NULL;

    if (end == NULL) return NULL;
    errno = 0;
    if (line == NULL || line > end) die("an answer without Content-Length");
    *len = strtoul(line + strlen("\r\ncontent-length:"), NULL, 10);
    end += 4;
    return have - (size_t)(end - answer) >= *len ? end : NULL;
}

/* ---- latencies ---- */

void took(uint64_t ns)
{
    if (latency_us == NULL) latency_us = malloc(LATENCY_MAX * sizeof *latency_us);
    if (latency_us == NULL) die("memory");
    if (latency_n < LATENCY_MAX) latency_us[latency_n++] = (float)ns / 1000;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

void took_sort(void)
{
    if (latency_n > 0) qsort(latency_us, latency_n, sizeof *latency_us, by_size);
}

double took_quantile(double q)
{
    return latency_n > 0 ? (double)latency_us[(size_t)((double)(latency_n - 1) * q)] : 0;
}
