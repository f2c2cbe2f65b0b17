/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "cli/commands.h"
#include "cli/doctor_out.h"
#include "cli/env_file.h"
#include "cli/options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#define PAIRS_MAX  64
#define PASTES_MAX 8

/* ---- what rows say ---- */

void found(struct finding *f, enum finding_state state, const char *fmt, ...)
{
    va_list args;

    f->state = state;
    va_start(args, fmt);
    vsnprintf(f->cause, sizeof f->cause, fmt, args);
    va_end(args);
    printable(f->cause);
}

void next_is(struct finding *f, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(f->next, sizeof f->next, fmt, args);
    va_end(args);
    printable(f->next);
}

void doctor_note(struct doctor *d, const char *sentence)
{
    if (d->notes < DOCTOR_NOTES) d->note[d->notes++] = sentence;
}

/* ---- what they ask ---- */

const char *doctor_setting(const struct doctor *d, const char *name)
{
    const char *set = getenv(name);

    if (set != NULL && *set != '\0') return set;
    for (size_t i = d->pairs; i-- > 0;) { /* the last line wins, as in a shell */
        if (strcmp(d->pair[i].name, name) == 0 && d->pair[i].value[0] != '\0')
            return d->pair[i].value;
    }
    return NULL;
}

int doctor_get(struct doctor *d, const struct dial_url *to, const char *path,
               struct reply *reply, sl_json *doc)
{
    const sl_json_limits limits = {.depth = 16, .nodes = 100000};
    struct dial dial = DIAL_NONE;
    struct rule_paths paths;
    char whole[DOCTOR_PATH_SIZE];
    int rc;

    rule_paths(to->path, &paths);
    snprintf(whole, sizeof whole, "%s%s", paths.prefix, path);
    dial_limit(&dial, d->timeout_ms);
    rc = dial_get(&dial, to, whole, reply);
    if (rc < 0) return rc;
    rc = sl_json_read(doc, reply->body, NULL, &limits, NULL);
    return rc == 0 || rc == SL_E_NOMEM ? rc : SL_E_JSON;
}

int64_t doctor_hub_now_us(const struct doctor *d)
{
    return wall_now().us + d->clock_ahead_us;
}

const char *doctor_ws_path(const struct doctor *d)
{
    return d->paths.ws;
}

const char *doctor_path(const struct doctor *d, const char *path, char buf[DOCTOR_PATH_SIZE])
{
    snprintf(buf, DOCTOR_PATH_SIZE, "%s%s", d->paths.prefix, path);
    return buf;
}

/* ---- what was asked for ---- */

struct wishes {
    const char *url, *device, *config_py, *python, *json, *mock, *backend, *all;
    struct option_list env_file;
    int64_t timeout_s, idle_s;
};

static void complain(const char *sentence, void *user)
{
    (void)user;
    fprintf(stderr, "sluice: %s\n", sentence);
}

static int keep_pair(const char *name, sl_str value, int line, void *user)
{
    struct doctor *d = user;
    struct doctor_pair *p = &d->pair[d->pairs];

    (void)line;
    if (d->pairs == PAIRS_MAX || strlen(name) >= sizeof p->name || value.len >= sizeof p->value)
        return 0; /* none of those that we look for */
    snprintf(p->name, sizeof p->name, "%s", name);
    memcpy(p->value, value.ptr, value.len);
    p->value[value.len] = '\0';
    d->pairs++;
    return 0;
}

static int read_env_file(struct doctor *d, const char *path)
{
    struct report r = {.say = complain};
    struct arena a = {0};
    char *text = sl__alloc(ENV_FILE_BYTES_MAX + 1);
    FILE *file = text != NULL ? fopen(path, "re") : NULL;
    size_t n = file != NULL ? fread(text, 1, ENV_FILE_BYTES_MAX + 1, file) : 0;
    int rc = EX_OK;

    if (file == NULL || ferror(file)) {
        fprintf(stderr, "sluice: %s cannot be read\n", path);
        rc = EX_NOINPUT;
    } else if (env_file_read(path, (sl_str){text, n}, &a, &r, keep_pair, d) < 0) {
        rc = EX_DATAERR;
    }
    if (file != NULL) fclose(file);
    arena_deinit(&a);
    sl__free(text);
    return rc;
}

static int read_env_files(struct doctor *d, const struct wishes *want)
{
    int rc = EX_OK;

    d->pair = sl__zalloc(PAIRS_MAX * sizeof *d->pair);
    if (d->pair == NULL) return EX_OSERR;
    for (int i = 0; i < want->env_file.n && rc == EX_OK; i++)
        rc = read_env_file(d, want->env_file.item[i]);
    return rc;
}

/* Without --url it is this machine's hub, on PORT if that is set. */
static int find_hub(struct doctor *d, const struct wishes *want)
{
    const char *port = doctor_setting(d, "PORT"), *why;
    char text[64];

    snprintf(text, sizeof text, "http://127.0.0.1:%.16s", port != NULL ? port : "5000");
    why = dial_url_parse(want->url != NULL ? want->url : text, &d->url);
    if (why == NULL && d->url.is_tls)
        why = "TLS is not spoken here yet, so give the hub's plain address behind the proxy";
    rule_paths(d->url.path, &d->paths);
    if (why == NULL) return EX_OK;
    fprintf(stderr, "sluice: %s takes http://HOST:PORT: %s\n",
            want->url != NULL ? "--url" : "PORT", why);
    return EX_USAGE;
}

static int understand(struct doctor *d, const struct wishes *want)
{
    int rc = read_env_files(d, want);

    if (rc == EX_OK) rc = find_hub(d, want);
    if (rc != EX_OK) return rc;
    if (want->device != NULL && (*want->device == '\0' || strlen(want->device) > 128)) {
        fprintf(stderr, "sluice: --device takes a name of 1 to 128 bytes\n");
        return EX_USAGE;
    }
    d->device = want->device;
    d->config_py = want->config_py;
    d->python = want->python;
    d->timeout_ms = (uint64_t)want->timeout_s * 1000;
    d->idle_s = want->idle_s;
    return EX_OK;
}

/* ---- a round ---- */

struct round {
    struct doctor *d;
    const char *json; /* "true" */
    sl_json_out out;
    bool colour;
    int count[FOUND_SKIP + 1];
    int first_code;                        /* of the first row that failed; 0: none */
    const struct paste *paste[PASTES_MAX]; /* that were shown */
    size_t pastes;
};

/* Once is enough for a reader. */
static bool is_news(struct round *r, const struct paste *p)
{
    for (size_t i = 0; i < r->pastes; i++) {
        if (r->paste[i] == p) return false;
    }
    if (r->pastes < PASTES_MAX) r->paste[r->pastes++] = p;
    return true;
}

static void take_step(struct round *r, const struct part *part, const struct step *s)
{
    struct finding f = {.state = FOUND_SKIP};
    uint64_t began = dial_now_ms();

    if ((s->needs & ~r->d->known) != 0)
        found(&f, FOUND_SKIP, "makes no sense before the rows above pass");
    else
        s->run(r->d, &f);
    f.took_ms = dial_now_ms() - began;
    if (f.state == FOUND_PASS || f.state == FOUND_SKIP) {
        f.next[0] = '\0';
        f.paste = NULL;
    }
    if (f.state != FOUND_PASS && f.state != FOUND_SKIP && f.next[0] == '\0')
        next_is(&f, "%s", s->cure);
    r->count[f.state]++;
    if (f.state == FOUND_FAIL && r->first_code == 0) r->first_code = s->code;
    if (r->json != NULL) {
        out_json_finding(&r->out, part->name, s, &f);
        return;
    }
    if (f.paste != NULL && !is_news(r, f.paste)) f.paste = NULL;
    out_finding(stdout, r->colour, s, &f);
}

static void take_part(struct round *r, const struct part *part)
{
    for (size_t i = 0; i < part->n; i++)
        take_step(r, part, &part->step[i]);
}

static void be_honest(struct doctor *d)
{
    if (!(d->known & KNOWN_HUB) || d->has_video) return;
    doctor_note(d, "Live video is optional: without it detections are still made, stored and "
                   "listed, here and on the website.");
}

static void examine(struct round *r, const struct wishes *want)
{
    bool is_whole = want->all != NULL
                    || (want->config_py == NULL && want->mock == NULL && want->backend == NULL);

    if (want->config_py != NULL) take_part(r, &part_config); /* its address is used below */
    if (want->backend != NULL) take_part(r, &part_backend);
    if (is_whole) take_part(r, &part_hub);
    if (is_whole) be_honest(r->d);
    if (want->mock != NULL) take_part(r, &part_mock);
    if (is_whole && r->first_code != 0) r->first_code = 1;
}

static int give_report(struct round *r)
{
    if (r->json == NULL) {
        out_end(stdout, r->d, r->count);
        return r->first_code;
    }
    out_json_end(&r->out, r->d, r->count, r->first_code);
    if (r->out.rc < 0) {
        fprintf(stderr, "sluice: out of memory\n");
        return EX_OSERR;
    }
    printf("%.*s\n", (int)sl_out_text(&r->out).len, sl_out_text(&r->out).ptr);
    return r->first_code;
}

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (no == NULL || *no == '\0') && term != NULL
           && strcmp(term, "dumb") != 0;
}

static void help(const struct option *rows, size_t n)
{
    printf(
        "sluice doctor: why is nothing to be seen?\n\n"
        "examples:\n"
        "  sluice doctor                                    the hub on this machine\n"
        "  sluice doctor --url http://192.0.2.7:5000        from the device's side\n"
        "  sluice doctor --url http://192.0.2.7/sluice/     through a proxy, behind its path\n"
        "  sluice doctor --device cam-1 --json              one device; for a program\n"
        "  sluice doctor --config-py modules/config.py      a device's configuration alone\n"
        "  sluice doctor --url http://192.0.2.7:5000 --mock play a device for four seconds\n"
        "  sluice doctor --backend-check                    TCP, HTTP, Socket.IO, by stage\n\n"
        "usage: sluice doctor [OPTION VALUE]...\n\n");
    options_print(rows, n);
    printf(
        "\nEach row says pass, warn or fail, why, and the one next step.\n\n"
        "exit codes:\n"
        "  0        no row failed (warnings may be there)\n"
        "  1        a row failed\n"
        "  64 ...   sysexits: 64 usage, 65 or 66 a file, 71 the system\n"
        "A part that runs alone has its own, of the first row that failed:\n"
        "  --config-py      1 config, 2 address, 3 URL, 4 messages, 5 FPS helper, 6 library\n"
        "  --backend-check  1 TCP, 2 HTTP, 3 Socket.IO\n"
        "  --mock           1\n"
        "Of several parts it is the first failed row's; with --all always 1.\n"
        "--mock leaves one detection, edge_defect 0.92, in the hub's list.\n"
        "Read from the environment and --env-file: PORT, SLUICE_LISTEN, BACKEND_URL,\n"
        "REACT_APP_WS_URL, REACT_APP_BACKEND_URL, DEVICE_ID, CHECK_PATH, NO_COLOR\n");
}

static int run(struct doctor *d, const struct wishes *want)
{
    struct round r = {.d = d, .json = want->json, .colour = wants_colour()};
    int rc = understand(d, want);

    if (rc == EX_OK) {
        if (r.json != NULL) out_json_begin(&r.out, d);
        examine(&r, want);
        rc = give_report(&r);
    }
    sl_out_deinit(&r.out);
    dial_ws_deinit(&d->link);
    sl__free(d->pair);
    return rc;
}

int cmd_doctor(int argc, char **argv)
{
    struct wishes want = {.timeout_s = 5, .idle_s = -1, .python = "python3"};
    // clang-format off
    const struct option rows[] = {
        {"--url",           "URL",     "the hub (http://127.0.0.1:5000, or PORT)",  OPTION_TEXT,   &want.url,       0, 0,   NULL},
        {"--device",        "ID",      "look for this one device",                  OPTION_TEXT,   &want.device,    0, 0,   NULL},
        {"--timeout",       "SECONDS", "for each answer (5)",                       OPTION_NUMBER, &want.timeout_s, 1, 120, NULL},
        {"--idle",          "SECONDS", "be silent so long, to see who hangs up (a little more than the heartbeat if somebody is between, else 0)", OPTION_NUMBER, &want.idle_s, 0, 3600, NULL},
        {"--env-file",      "FILE",    "settings of the website or the device, lines NAME=VALUE", OPTION_LIST, &want.env_file, 0, 0, NULL},
        {"--config-py",     "FILE",    "only test a device's config.py",            OPTION_TEXT,   &want.config_py, 0, 0,   NULL},
        {"--python",        "PROGRAM", "whose websocket library that test asks for (python3)", OPTION_TEXT, &want.python, 0, 0, NULL},
        {"--mock",          "",        "only play a device",                        OPTION_SWITCH, &want.mock,      0, 0,   NULL},
        {"--backend-check", "",        "only TCP, HTTP and Socket.IO",              OPTION_SWITCH, &want.backend,   0, 0,   NULL},
        {"--all",           "",        "the hub's rows as well as those parts",     OPTION_SWITCH, &want.all,       0, 0,   NULL},
        {"--json",          "",        "one JSON object instead of lines",          OPTION_SWITCH, &want.json,      0, 0,   NULL},
    };
    // clang-format on
    const size_t n = sizeof rows / sizeof rows[0];
    struct doctor *d;
    int rc;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(rows, n);
            return EX_OK;
        }
    }
    if (!options_read("doctor", rows, n, argc, argv)) return EX_USAGE;
    d = sl__zalloc(sizeof *d);
    if (d == NULL) return EX_OSERR;
    d->link = (struct dial_ws){.dial = DIAL_NONE};
    rc = run(d, &want);
    sl__free(d);
    return rc;
}
