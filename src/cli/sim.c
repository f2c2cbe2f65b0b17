/* SPDX-License-Identifier: MIT */
/* `sluice sim glass`: cameras to look at before there are any. */
#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/sim_glass.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MIN_PX 64
#define SIZE_MAX_PX 4096
#define CAMERAS_MAX 64
#define ID_SIZE     160
#define REPORT_MS   10000

struct wishes {
    const char *url, *device, *size, *wire;
    int64_t cameras, fps, seconds;
};

struct sim {
    const struct wishes *want;
    struct dial_url url;
    const struct wire *wire;
    int width, height, stop_fd;
    struct source *source;
    struct camera *camera; /* `n` of them */
    pthread_t *thread;
    char (*id)[ID_SIZE];
    int n; /* threads that run */
};

/* ---- what was asked for ---- */

static bool parse_size(const char *text, int *width, int *height)
{
    char rest;

    if (sscanf(text, "%5dx%5d%c", width, height, &rest) != 2) return false;
    return *width >= SIZE_MIN_PX && *width <= SIZE_MAX_PX && *height >= SIZE_MIN_PX
           && *height <= SIZE_MAX_PX;
}

static const struct wire *find_wire(const char *name)
{
    static const struct wire *const wires[] = {&wire_ws, &wire_socketio};

    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++)
        if (strcmp(wires[i]->name, name) == 0) return wires[i];
    return NULL;
}

static bool understand(struct sim *s)
{
    const char *why = dial_url_parse(s->want->url, &s->url), *size = s->want->size;

    s->wire = find_wire(s->want->wire);
    if (s->wire == NULL) {
        fprintf(stderr, "sluice: --wire takes ws or socketio, not '%s'\n", s->want->wire);
        return false;
    }
    if (size == NULL) size = s->wire->size;
    if (why == NULL && s->url.is_tls) why = "TLS is not spoken here yet";
    if (why != NULL) {
        fprintf(stderr, "sluice: --url takes ws://HOST:PORT/ws, not '%s': %s\n", s->want->url,
                why);
        return false;
    }
    if (!parse_size(size, &s->width, &s->height)) {
        fprintf(stderr, "sluice: --size takes WxH, each from %d to %d, not '%s'\n", SIZE_MIN_PX,
                SIZE_MAX_PX, size);
        return false;
    }
    if (s->want->device != NULL
        && (*s->want->device == '\0' || strlen(s->want->device) > 128)) {
        fprintf(stderr, "sluice: --device takes a name of 1 to 128 bytes\n");
        return false;
    }
    return true;
}

/* One camera has the name that was given; several have it in front of a number. */
static void name_camera(const struct wishes *want, int i, char id[ID_SIZE])
{
    if (want->device != NULL && want->cameras == 1)
        snprintf(id, ID_SIZE, "%s", want->device);
    else
        snprintf(id, ID_SIZE, "%s-%d", want->device != NULL ? want->device : "cam", i + 1);
}

/* ---- life ---- */

static int set_up(struct sim *s)
{
    size_t n = (size_t)s->want->cameras;

    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (s->stop_fd < 0) return -errno;
    s->camera = sl__zalloc(n * sizeof *s->camera);
    s->thread = sl__zalloc(n * sizeof *s->thread);
    s->id = sl__zalloc(n * sizeof *s->id);
    if (s->camera == NULL || s->thread == NULL || s->id == NULL) return SL_E_NOMEM;
    return source_synthetic_new(s->width, s->height, (int)s->want->fps, &s->source);
}

/* What was asked for; but "/ws" is the newer wire's, and Socket.IO needs its query. */
static const char *path_of(const struct sim *s)
{
    const char *path = s->url.path;
    bool is_any = path[0] == '\0' || strcmp(path, "/") == 0;

    if (s->wire == &wire_socketio && strchr(path, '?') == NULL) is_any = true;
    return is_any ? s->wire->path : path;
}

static int start(struct sim *s)
{
    for (; s->n < s->want->cameras; s->n++) {
        struct camera *c = &s->camera[s->n];
        int rc;

        name_camera(s->want, s->n, s->id[s->n]);
        c->id = s->id[s->n];
        c->url = &s->url;
        c->wire = s->wire;
        c->path = path_of(s);
        c->source = s->source;
        c->fps = (int)s->want->fps;
        /* odd steps of the golden section: no two of them show the same, few or many */
        c->phase_ms = (uint64_t)s->n * 9888;
        c->stop_fd = s->stop_fd;
        rc = pthread_create(&s->thread[s->n], NULL, camera_run, c);
        if (rc != 0) return -rc;
    }
    return 0;
}

struct sums {
    uint64_t frames, bytes, detections;
    int connected, ever;
};

static struct sums add_up(const struct sim *s)
{
    struct sums sum = {0};

    for (int i = 0; i < s->n; i++) {
        sum.frames += atomic_load_explicit(&s->camera[i].frames, memory_order_relaxed);
        sum.bytes += atomic_load_explicit(&s->camera[i].bytes, memory_order_relaxed);
        sum.detections += atomic_load_explicit(&s->camera[i].detections, memory_order_relaxed);
        sum.connected += atomic_load(&s->camera[i].is_connected);
        sum.ever += atomic_load(&s->camera[i].was_connected);
    }
    return sum;
}

static void report(const struct sim *s, struct sums before, struct sums now, uint64_t ms)
{
    double seconds = ms > 0 ? (double)ms / 1000 : 1;

    fprintf(stderr, "%d of %d connected: %.1f pictures/s, %.2f MB/s, %llu detections\n",
            now.connected, s->n, (double)(now.frames - before.frames) / seconds,
            (double)(now.bytes - before.bytes) / seconds / 1e6,
            (unsigned long long)now.detections);
}

/* Until a signal or the time that was given; signals are blocked and taken here alone. */
static void wait_until_over(const struct sim *s, const sigset_t *ends)
{
    uint64_t began = dial_now_ms(), told = began;
    uint64_t limit = (uint64_t)s->want->seconds * 1000;
    struct sums before = {0};

    for (;;) {
        uint64_t now = dial_now_ms(), wait = REPORT_MS;
        struct timespec t;

        if (limit > 0 && now - began >= limit) return;
        if (limit > 0 && limit - (now - began) < wait) wait = limit - (now - began);
        t = (struct timespec){.tv_sec = (time_t)(wait / 1000),
                              .tv_nsec = (long)(wait % 1000) * 1000000};
        if (sigtimedwait(ends, NULL, &t) > 0) return;
        now = dial_now_ms();
        if (now - told < REPORT_MS) continue;
        report(s, before, add_up(s), now - told);
        before = add_up(s);
        told = now;
    }
}

static void stop(struct sim *s)
{
    uint64_t one = 1;

    if (s->n > 0) (void)!write(s->stop_fd, &one, sizeof one);
    for (int i = 0; i < s->n; i++)
        pthread_join(s->thread[i], NULL);
}

static void clean_up(struct sim *s)
{
    if (s->source != NULL) s->source->free(s->source);
    if (s->stop_fd >= 0) close(s->stop_fd);
    sl__free(s->camera);
    sl__free(s->thread);
    sl__free(s->id);
}

static int run(struct sim *s)
{
    sigset_t ends;
    struct sums sum;
    char text[96];
    int rc;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* the threads inherit it */
    rc = set_up(s);
    if (rc == 0) rc = start(s);
    if (rc == 0) wait_until_over(s, &ends);
    sum = add_up(s);
    stop(s);
    if (rc == 0)
        fprintf(stderr, "end: %llu pictures, %llu detections\n", (unsigned long long)sum.frames,
                (unsigned long long)sum.detections);
    else
        fprintf(stderr, "sluice: the cameras do not start: %s\n",
                sl_strerror(rc, text, sizeof text));
    clean_up(s);
    if (rc < 0) return EX_OSERR;
    return sum.ever > 0 ? EX_OK : EX_UNAVAILABLE;
}

static void help(const struct option *rows, size_t n)
{
    printf(
        "sluice sim glass: cameras that see panes of glass on a belt, some with defects\n\n"
        "examples:\n"
        "  sluice sim glass                                one camera, cam-1, for the hub here\n"
        "  sluice sim glass --cameras 4 --fps 30           cam-1 to cam-4, out of phase\n"
        "  sluice sim glass --url ws://192.0.2.7:5000/ws --device line-a --seconds 60\n"
        "  sluice sim glass --wire socketio                an older camera, which speaks Socket.IO\n\n"
        "usage: sluice sim glass [OPTION VALUE]...\n\n");
    options_print(rows, n);
    printf("\nIt goes on until Ctrl-C, or for --seconds, and reconnects by itself.\n"
           "exit code: 0; 69 if no camera was ever connected\n");
}

int cmd_sim(int argc, char **argv)
{
    struct wishes want = {
        .url = "ws://127.0.0.1:5000/ws", .wire = "ws", .cameras = 1, .fps = 10};
    // clang-format off
    const struct option rows[] = {
        {"--url",     "URL", "the hub (ws://127.0.0.1:5000/ws)",             OPTION_TEXT,   &want.url,     0, 0,           NULL},
        {"--device",  "ID",  "its name (cam-1); of several, what is before the number (cam)", OPTION_TEXT, &want.device, 0, 0, NULL},
        {"--cameras", "N",   "how many (1)",                                 OPTION_NUMBER, &want.cameras, 1, CAMERAS_MAX, NULL},
        {"--fps",     "N",   "pictures a second of each (10)",               OPTION_NUMBER, &want.fps,     1, 60,          NULL},
        {"--wire",    "WIRE", "ws, or socketio: an older camera (ws)",      OPTION_TEXT,   &want.wire,    0, 0,           NULL},
        {"--size",    "WxH", "of a picture (768x768; socketio: 640x480)",    OPTION_TEXT,   &want.size,    0, 0,           NULL},
        {"--seconds", "N",   "end after so long (0: never)",                 OPTION_NUMBER, &want.seconds, 0, 1000000,     NULL},
    };
    // clang-format on
    const size_t n = sizeof rows / sizeof rows[0];
    struct sim s = {.want = &want, .stop_fd = -1};

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(rows, n);
            return EX_OK;
        }
    }
    if (argc == 0 || strcmp(argv[0], "glass") != 0) {
        fprintf(stderr,
                "sluice: sim plays one kind of device so far: sluice sim glass --help\n");
        return EX_USAGE;
    }
    if (!options_read("sim glass", rows, n, argc - 1, argv + 1)) return EX_USAGE;
    if (!understand(&s)) return EX_USAGE;
    return run(&s);
}
