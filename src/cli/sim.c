/* SPDX-License-Identifier: MIT */
/* A simulated glass camera: it says on the wire what the original script says, no more. */
#include "sluice/json.h"
#include "sluice/log.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/codec.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/sim_link.h"
#include "cli/sim_scene.h"

#include <turbojpeg.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define JPEG_QUALITY 80
#define COOLDOWN_MS  2000
#define PING_MS      30000
#define RECONNECT_MS 5000
#define SIZE_MIN     64
#define SIZE_MAX_PX  4096

static const char frame_head[] = "{\"type\":\"frame\",\"frame\":\"";
static const char frame_tail[] = "\"}";

struct sim {
    const char *url_text, *device, *size_text;
    int64_t fps;
    struct sim_url url;
    struct sim_link link;
    struct scene scene;
    tjhandle jpeg;
    unsigned char *picture;        /* room for one JPEG */
    char *message;                 /* and for it as a message */
    uint64_t detected_ms, ping_ms; /* when last */
};

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

/* Without SA_RESTART: whatever waits in the kernel returns at once. */
static void end_on_signals(void)
{
    struct sigaction a = {.sa_handler = on_signal};

    sigemptyset(&a.sa_mask);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGINT, &a, NULL);
}

static uint64_t now_ms(void)
{
    return mono_now().us / 1000;
}

static void wait_ms(uint64_t ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    if (!is_over) nanosleep(&t, NULL);
}

static bool parse_size(const char *text, int *width, int *height)
{
    char rest;

    if (sscanf(text, "%5dx%5d%c", width, height, &rest) != 2) return false;
    return *width >= SIZE_MIN && *width <= SIZE_MAX_PX && *height >= SIZE_MIN
           && *height <= SIZE_MAX_PX;
}

static int set_up(struct sim *s, int width, int height)
{
    unsigned long room = tjBufSize(width, height, TJSAMP_420);

    if (scene_init(&s->scene, width, height) < 0) return SL_E_NOMEM;
    s->jpeg = tjInitCompress();
    s->picture = sl__alloc(room);
    s->message = sl__alloc(sizeof frame_head + sl__base64_len(room) + sizeof frame_tail);
    return s->jpeg && s->picture && s->message ? 0 : SL_E_NOMEM;
}

static void clean_up(struct sim *s)
{
    sim_link_deinit(&s->link);
    scene_deinit(&s->scene);
    if (s->jpeg != NULL) tjDestroy(s->jpeg);
    sl__free(s->picture);
    sl__free(s->message);
}

/* ---- messages ---- */

static int send_object(struct sim *s, sl_json_out *out)
{
    int rc;

    sl_out_end(out);
    rc = out->rc < 0 ? out->rc : sim_link_send(&s->link, sl_out_text(out));
    sl_out_deinit(out);
    return rc;
}

static void begin(sl_json_out *out, const char *type)
{
    sl_out_object(out);
    sl_out_key(out, "type");
    sl_out_str(out, sl_str_of(type));
}

static int send_register(struct sim *s)
{
    sl_json_out out = {0};

    begin(&out, "device_register");
    sl_out_key(&out, "device_id");
    sl_out_str(&out, sl_str_of(s->device));
    return send_object(s, &out);
}

static int send_ping(struct sim *s)
{
    sl_json_out out = {0};

    begin(&out, "ping");
    return send_object(s, &out);
}

static int send_detection(struct sim *s, struct sighting seen)
{
    int64_t us = wall_now().us;
    time_t t = (time_t)(us / 1000000);
    char day[32], at[48];
    sl_json_out out = {0};
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(at, sizeof at, "%s.%06d+00:00", day, (int)(us % 1000000));
    begin(&out, "detection");
    sl_out_key(&out, "defect_type");
    sl_out_str(&out, sl_str_of(seen.type));
    sl_out_key(&out, "confidence");
    sl_out_f64(&out, seen.confidence);
    sl_out_key(&out, "timestamp");
    sl_out_str(&out, sl_str_of(at));
    SL_INFO("sim", "msg=\"detection\" device=%s type=%s", s->device, seen.type);
    return send_object(s, &out);
}

static int send_frame(struct sim *s)
{
    unsigned long len = tjBufSize(s->scene.width, s->scene.height, TJSAMP_420);
    char *at = s->message;

    if (tjCompress2(s->jpeg, s->scene.rgb, s->scene.width, 0, s->scene.height, TJPF_RGB,
                    &s->picture, &len, TJSAMP_420, JPEG_QUALITY, TJFLAG_NOREALLOC)
        < 0) {
        SL_ERROR("sim", "msg=\"no picture\" cause=\"%s\"", tjGetErrorStr2(s->jpeg));
        return SL_E_INVAL;
    }
    memcpy(at, frame_head, sizeof frame_head - 1);
    at += sizeof frame_head - 1;
    at += sl__base64_encode(at, s->picture, len);
    memcpy(at, frame_tail, sizeof frame_tail - 1);
    at += sizeof frame_tail - 1;
    return sim_link_send(&s->link, (sl_str){s->message, (size_t)(at - s->message)});
}

/* ---- the loop of the original: picture, detections, heartbeat ---- */

static int take_turn(struct sim *s)
{
    uint64_t now = now_ms();
    struct sighting seen = scene_draw(&s->scene, now);
    int rc = send_frame(s);

    if (rc == 0 && seen.type != NULL && now - s->detected_ms >= COOLDOWN_MS) {
        s->detected_ms = now;
        rc = send_detection(s, seen);
    }
    if (rc == 0 && now - s->ping_ms >= PING_MS) {
        s->ping_ms = now;
        rc = send_ping(s);
    }
    return rc;
}

static int stay_connected(struct sim *s)
{
    int rc = sim_link_open(&s->link, &s->url);
    uint64_t period = 1000 / (uint64_t)s->fps, next;

    if (rc < 0) return rc;
    SL_INFO("sim", "msg=connected url=%s device=%s", s->url_text, s->device);
    s->ping_ms = next = now_ms();
    rc = send_register(s);
    while (rc == 0 && !is_over) {
        uint64_t now;

        rc = take_turn(s);
        now = now_ms();
        next += period;
        if (next > now) {
            wait_ms(next - now);
        } else {
            next = now; /* late: no burst to catch up */
        }
    }
    sim_link_close(&s->link);
    return is_over ? 0 : rc;
}

static void run(struct sim *s)
{
    char text[96];

    while (!is_over) {
        int rc = stay_connected(s);

        if (is_over) return;
        SL_WARN("sim", "msg=\"not connected; trying again in 5 s\" cause=\"%s\"",
                sl_strerror(rc, text, sizeof text));
        wait_ms(RECONNECT_MS);
    }
}

int cmd_sim(int argc, char **argv)
{
    struct sim s = {.url_text = "ws://127.0.0.1:5000/ws",
                    .device = "cam-1",
                    .size_text = "768x768",
                    .fps = 10,
                    .link = {.fd = -1}};
    const struct option rows[] = {
        {"--url",    "URL", "the hub (ws://127.0.0.1:5000/ws)",   OPTION_TEXT,   &s.url_text,  0, 0,
         NULL                                                                                             },
        {"--device", "ID",  "the name it registers with (cam-1)", OPTION_TEXT,   &s.device,    0, 0,
         NULL                                                                                             },
        {"--fps",    "N",   "pictures a second (10)",             OPTION_NUMBER, &s.fps,       1, 60, NULL},
        {"--size",   "WxH", "of the picture (768x768)",           OPTION_TEXT,   &s.size_text, 0, 0,  NULL},
    };
    const size_t n = sizeof rows / sizeof rows[0];
    int width, height, rc;

    if (argc == 0 || strcmp(argv[0], "glass") != 0
        || (argc > 1 && strcmp(argv[1], "--help") == 0)) {
        bool asked = argc > 0 && (strcmp(argv[argc - 1], "--help") == 0);

        printf("usage: sluice sim glass [OPTION VALUE]...\n\n");
        options_print(rows, n);
        return asked ? EX_OK : EX_USAGE;
    }
    if (!options_read("sim glass", rows, n, argc - 1, argv + 1)) return EX_USAGE;
    if (!sim_url_parse(s.url_text, &s.url)) {
        fprintf(stderr, "sluice: --url takes ws://HOST:PORT/PATH, not '%s'\n", s.url_text);
        return EX_USAGE;
    }
    if (!parse_size(s.size_text, &width, &height)) {
        fprintf(stderr, "sluice: --size takes WxH, each from %d to %d, not '%s'\n", SIZE_MIN,
                SIZE_MAX_PX, s.size_text);
        return EX_USAGE;
    }
    end_on_signals();
    rc = set_up(&s, width, height);
    if (rc == 0) run(&s);
    clean_up(&s);
    return rc == 0 ? EX_OK : EX_OSERR;
}
