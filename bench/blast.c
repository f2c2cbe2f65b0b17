/* SPDX-License-Identifier: MIT */
/*
 * The generator: one producer, N subscribers, one thread; it measures the server's processor
 * time per delivered message.
 *
 *   blast --port P --pid S --subs N --size B --kind detection|frame --window W --secs T
 *         closed loop: at most W messages are on their way
 *   ... --rate R instead of --window
 *         open loop: R messages a second; latency counts from the planned time of sending
 *   blast --port P --pid S --idle N --secs T
 *         N connections that do nothing: the server's memory for each
 *
 * To cost little itself it looks at the head of each message only (the sequence number must
 * rise) and lets the kernel drop the rest. One JSON object goes to stdout.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX    10 /* of a server's frame */
#define LOOK        64 /* bytes of a payload that are looked at */
#define TICKS       (1u << 16)
#define LATENCY_MAX (1u << 20)
#define WARM_S      0.5

static struct {
    int port, pid, subs, idle;
    size_t size, window;
    double rate, secs;
    const char *kind;
} o = {.subs = 1, .size = 300, .window = 16, .secs = 2, .kind = "detection"};

struct sub {
    int fd;
    uint8_t buf[16 * 1024]; /* begins with the head of a frame */
    size_t have, skip;      /* bytes in buf; bytes of a payload still to drop */
    uint64_t seq;           /* of the newest message received */
};

static const uint8_t mask[4] = {0x5a, 0xa5, 0x3c, 0xc3};
static struct sub *subs;
static uint64_t sent, planned_ns[TICKS]; /* by sequence number */
static uint64_t delivered, bad, sum_seq; /* sum over the subscribers */
static float *latency_us;
static size_t latency_n;
static bool measuring;
static int producer, ep;

static void die(const char *what)
{
    fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the server's process ---- */

/* The number in column `skip` of a file's first line; 0 if it has gone. */
static uint64_t number_in(const char *path, int skip)
{
    FILE *f = fopen(path, "re");
    char line[256], *at = line;
    uint64_t n = 0;

    if (f == NULL) return 0;
    if (fgets(line, sizeof line, f) != NULL) {
        for (int i = 0; i <= skip; i++)
            n = strtoull(at, &at, 10);
    }
    fclose(f);
    return n;
}

/* Nanoseconds on a processor, over all threads (the first number in schedstat). */
static uint64_t server_cpu_ns(void)
{
    char path[300];
    uint64_t sum = 0;
    struct dirent *e;
    DIR *d;

    (void)snprintf(path, sizeof path, "/proc/%d/task", o.pid);
    if ((d = opendir(path)) == NULL) die(path);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.') continue;
        (void)snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", o.pid, e->d_name);
        sum += number_in(path, 0);
    }
    closedir(d);
    return sum;
}

static double server_rss_bytes(void)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/statm", o.pid);
    return (double)number_in(path, 1) * (double)sysconf(_SC_PAGESIZE);
}

/* ---- connections ---- */

/* Connect and shake hands; what follows the head of the answer would be an early message. */
static int connect_ws(void)
{
    static const char hello[] = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o.port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[1024] = "";
    size_t n = 0;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (send(fd, hello, sizeof hello - 1, 0) < 0) die("handshake");
    while (strstr(answer, "\r\n\r\n") == NULL && n < sizeof answer - 1) {
        ssize_t r = recv(fd, answer + n, 1, 0);

        if (r <= 0) die("handshake");
        n += (size_t)r;
    }
    if (strncmp(answer, "HTTP/1.1 101", 12) != 0) die(answer);
    return fd;
}

/* A client's frame in `out`, masked; returns its length. */
static size_t frame(uint8_t *out, const char *text, size_t n)
{
    size_t len_bytes = n < 126 ? 0 : n < 65536 ? 2 : 8, at = 2 + len_bytes;

    out[0] = 0x81;
    out[1] = (uint8_t)(0x80 | (len_bytes == 0 ? n : len_bytes == 2 ? 126 : 127));
    for (size_t i = 0; i < len_bytes; i++)
        out[2 + i] = (uint8_t)(n >> 8 * (len_bytes - 1 - i));
    memcpy(out + at, mask, 4);
    for (size_t i = 0; i < n; i++)
        out[at + 4 + i] = (uint8_t)text[i] ^ mask[i & 3];
    return at + 4 + n;
}

/* ---- sending ---- */

#define BATCH 64

/* The message, masked once and for all in BATCH copies; each time only numbers are patched. */
static uint8_t *framed;
static size_t frame_len, number_at, pending_at, pending_len;

static void make_frames(void)
{
    char *text = malloc(o.size + 1);
    int n;

    framed = malloc(BATCH * (o.size + 16));
    if (text == NULL || framed == NULL || o.size < 2 * LOOK) die("size");
    memset(text, 'a', o.size);
    n = snprintf(text, o.size,
                 "{\"n\":\"%016x\",\"type\":\"%s\",\"device_id\":\"d1\",\"data\":\"", 0,
                 o.kind);
    text[n] = 'a';
    memcpy(text + o.size - 2, "\"}", 2);
    frame_len = frame(framed, text, o.size);
    number_at = frame_len - o.size + 6;
    for (int i = 1; i < BATCH; i++)
        memcpy(framed + (size_t)i * frame_len, framed, frame_len);
    free(text);
}

/* One more message behind those that are to be sent. */
static void add_message(uint64_t when_ns)
{
    uint8_t *at = framed + pending_len + number_at;
    char number[17];

    (void)snprintf(number, sizeof number, "%016llx", (unsigned long long)++sent);
    for (size_t i = 0; i < 16; i++)
        at[i] = (uint8_t)number[i] ^ mask[(6 + i) & 3];
    pending_len += frame_len;
    planned_ns[sent % TICKS] = when_ns;
}

/* returns false if the producer's socket is full */
static bool push(void)
{
    while (pending_at < pending_len) {
        ssize_t r = send(producer, framed + pending_at, pending_len - pending_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (r < 0 && errno == EAGAIN) return false;
        if (r < 0) die("the producer's connection");
        pending_at += (size_t)r;
    }
    pending_at = pending_len = 0;
    return true;
}

/* Is another message due? `wait_ms` becomes how long it has time. */
static bool is_due(uint64_t start_ns, uint64_t *when_ns, int *wait_ms)
{
    uint64_t now = now_ns();

    *when_ns = now;
    if (o.rate > 0) {
        *when_ns = start_ns + (uint64_t)((double)sent / o.rate * 1e9);
        *wait_ms = *when_ns > now ? (int)((*when_ns - now) / 1000000) : 0;
        return *when_ns <= now;
    }
    /* by the newest each has seen: a frame that gave way to a newer one is no loss */
    *wait_ms = 100;
    return (double)sent - (double)sum_seq / o.subs < (double)o.window;
}

/* Send what the window or the clock allows. returns milliseconds to wait at most */
static int produce(uint64_t start_ns)
{
    uint64_t when_ns;
    int wait_ms = 1;

    if (!push()) return wait_ms;
    while (pending_len < BATCH * frame_len && is_due(start_ns, &when_ns, &wait_ms))
        add_message(when_ns);
    return push() ? wait_ms : 1;
}

/* ---- receiving ---- */

static void on_message(struct sub *s, const uint8_t *payload, size_t n)
{
    char number[17] = "";
    uint64_t seq;

    if (n < 24 || memcmp(payload, "{\"n\":\"", 6) != 0) {
        bad++;
        return;
    }
    memcpy(number, payload + 6, 16);
    seq = strtoull(number, NULL, 16);
    if (seq <= s->seq || seq > sent) {
        bad++;
        return;
    }
    sum_seq += seq - s->seq;
    s->seq = seq;
    delivered++;
    if (measuring && o.rate > 0 && latency_n < LATENCY_MAX)
        latency_us[latency_n++] = (float)((double)(now_ns() - planned_ns[seq % TICKS]) / 1e3);
}

/* Take whole heads out of the buffer; returns bytes used. */
static size_t take_frames(struct sub *s)
{
    size_t at = 0;

    for (;;) {
        const uint8_t *p = s->buf + at;
        size_t have = s->have - at, head = 2, n, look;

        if (have < 2) return at;
        n = p[1] & 0x7f;
        head += n == 126 ? 2 : n == 127 ? 8 : 0;
        if (have < head) return at;
        if (head > 2) n = 0;
        for (size_t i = 2; i < head; i++)
            n = n << 8 | p[i];
        look = n < LOOK ? n : LOOK;
        if (have < head + look) return at;
        if ((p[0] & 0xf) == 1) on_message(s, p + head, n);
        if (have < head + n) {
            s->skip = head + n - have;
            return s->have;
        }
        at += head + n;
    }
}

static void on_readable(struct sub *s)
{
    /* small reads where payloads are large: the kernel drops what nobody looks at */
    size_t room = o.size > 8192 ? HEAD_MAX + LOOK : sizeof s->buf, used;
    ssize_t r;

    while (s->skip > 0) {
        r = recv(s->fd, NULL, s->skip, MSG_TRUNC | MSG_DONTWAIT);
        if (r < 0 && errno == EAGAIN) return;
        if (r <= 0) die("a subscriber's connection");
        s->skip -= (size_t)r;
    }
    r = recv(s->fd, s->buf + s->have, room - s->have, MSG_DONTWAIT);
    if (r < 0 && errno == EAGAIN) return;
    if (r <= 0) die("a subscriber's connection");
    s->have += (size_t)r;
    used = take_frames(s);
    s->have -= used;
    memmove(s->buf, s->buf + used, s->have);
}

static void run_until(uint64_t end_ns, uint64_t start_ns)
{
    struct epoll_event e[256];

    while (now_ns() < end_ns) {
        int wait_ms = produce(start_ns), n = epoll_wait(ep, e, 256, wait_ms);

        for (int i = 0; i < n; i++)
            on_readable(e[i].data.ptr);
    }
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void fan_out(void)
{
    static const char hello[] = "{\"type\":\"device_register\",\"device_id\":\"d1\"}";
    uint8_t first[128];
    uint64_t cpu, count, start, end, from;

    subs = calloc((size_t)o.subs, sizeof *subs);
    latency_us = calloc(LATENCY_MAX, sizeof *latency_us);
    if (subs == NULL || latency_us == NULL) die("memory");
    make_frames();
    for (int i = 0; i < o.subs; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &subs[i]};

        subs[i].fd = connect_ws();
        if (epoll_ctl(ep, EPOLL_CTL_ADD, subs[i].fd, &e) < 0) die("epoll_ctl");
    }
    producer = connect_ws();
    if (send(producer, first, frame(first, hello, sizeof hello - 1), 0) < 0) die("register");

    start = now_ns();
    run_until(start + (uint64_t)(WARM_S * 1e9), start);
    measuring = true;
    cpu = server_cpu_ns();
    count = delivered;
    from = sent;
    end = now_ns();
    run_until(end + (uint64_t)(o.secs * 1e9), start);
    cpu = server_cpu_ns() - cpu;
    count = delivered - count;
    end = now_ns() - end;
    qsort(latency_us, latency_n, sizeof *latency_us, by_value);
    printf(
        "{\"us\": %.4f, \"per_s\": %.0f, \"p99_us\": %.0f, \"bad\": %llu, \"share\": %.3f}\n",
        count > 0 ? (double)cpu / 1e3 / (double)count : 0, (double)count / ((double)end / 1e9),
        latency_n > 0 ? (double)latency_us[latency_n * 99 / 100] : 0, (unsigned long long)bad,
        sent > from ? (double)count / (double)(sent - from) / o.subs : 0);
}

static void idle(void)
{
    double before = server_rss_bytes();

    for (int i = 0; i < o.idle; i++)
        (void)connect_ws();
    sleep((unsigned)o.secs);
    printf("{\"bytes\": %.0f, \"n\": %d}\n", (server_rss_bytes() - before) / o.idle, o.idle);
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"port",   1, NULL, 'p'},
        {"pid",    1, NULL, 's'},
        {"subs",   1, NULL, 'n'},
        {"size",   1, NULL, 'b'},
        {"kind",   1, NULL, 'k'},
        {"window", 1, NULL, 'w'},
        {"rate",   1, NULL, 'r'},
        {"secs",   1, NULL, 't'},
        {"idle",   1, NULL, 'i'},
        {NULL,     0, NULL, 0  },
    };
    struct rlimit files;
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'p': o.port = (int)strtol(optarg, NULL, 10); break;
        case 's': o.pid = (int)strtol(optarg, NULL, 10); break;
        case 'n': o.subs = (int)strtol(optarg, NULL, 10); break;
        case 'b': o.size = strtoul(optarg, NULL, 10); break;
        case 'k': o.kind = optarg; break;
        case 'w': o.window = strtoul(optarg, NULL, 10); break;
        case 'r': o.rate = strtod(optarg, NULL); break;
        case 't': o.secs = strtod(optarg, NULL); break;
        case 'i': o.idle = (int)strtol(optarg, NULL, 10); break;
        default: return 64;
        }
    }
    if (o.port == 0 || o.pid == 0 || o.subs < 1) die("--port, --pid and --subs are needed");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    ep = epoll_create1(EPOLL_CLOEXEC);
    if (o.idle > 0)
        idle();
    else
        fan_out();
    return 0;
}
