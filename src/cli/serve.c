/* SPDX-License-Identifier: MIT */
#include "cli/serve.h"

#include "sluice/log.h"

#include "base/str.h"
#include "cli/addresses.h"
#include "cli/commands.h"
#include "cli/log_file.h"
#include "serve/server.h"
#include "systems/systems.h"
#include "web/web_assets.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define DRAIN_MS  4000 /* the whole stop takes 5 s at most */
#define STATUS_MS 5000

/* ---- listening ---- */

static void add_ready(struct serve *s, const char *address, unsigned port)
{
    snprintf(s->ready[s->ready_count], sizeof s->ready[0], "%s", address);
    SL_INFO("hub", "msg=\"listening on port %u\" address=%s", port, address);
    s->ready_count++;
}

/* Hosts that set PORT mean both families, but not all of them have IPv6. */
static int listen_one(struct serve *s, const char *address, uint16_t *port, sl_error *err)
{
    char v4[VALUE_ADDRESS_SIZE];
    int rc = hub_listen(s->hub, address, port, err);

    if (rc != -EAFNOSUPPORT || address[0] != ':') return rc;
    snprintf(v4, sizeof v4, "0.0.0.0%s", address);
    return hub_listen(s->hub, v4, port, err);
}

static int take_inherited(struct serve *s, sl_error *err)
{
    int n = sl_server_listen_inherited(hub_server(s->hub), err);

    for (int i = 0; i < n; i++) {
        char name[READY_SIZE];
        uint16_t port;

        addresses_name_inherited(i, &port, name, sizeof name);
        add_ready(s, name, port);
    }
    return n;
}

/* With sockets from systemd, only what was asked for is bound besides. */
static int listen_all(struct serve *s, sl_error *err)
{
    const struct value *v = &s->first->value[SET_LISTEN];
    int n = take_inherited(s, err);

    if (n < 0) return n;
    if (n > 0 && s->first->origin[SET_LISTEN].from == FROM_PRESET) return 0;
    for (size_t i = 0; i < v->n; i++) {
        const char *address = v->item[i];
        int host_len = (int)(strrchr(address, ':') - address);
        char name[READY_SIZE];
        uint16_t port = 0;
        int rc = listen_one(s, address, &port, err);

        if (rc < 0) return rc;
        snprintf(name, sizeof name, "%.*s:%u", host_len, address, port);
        add_ready(s, name, port);
    }
    return 0;
}

/* Written beside and renamed: whoever waits for the file never sees half of it. */
static int write_ready_file(const struct serve *s, sl_error *err)
{
    const char *name = config_text(s->first, SET_READY_FILE);
    char path[PATH_MAX];
    bool is_written;
    FILE *f;

    if (name == NULL) return 0;
    snprintf(path, sizeof path, "%s.%ld", name, (long)getpid());
    f = fopen(path, "w");
    if (f == NULL) goto failed;
    for (int i = 0; i < s->ready_count; i++)
        fprintf(f, "%s\n", s->ready[i]);
    is_written = !ferror(f);
    if (fclose(f) != 0 || !is_written) goto failed;
    if (rename(path, name) == 0) return 0;

failed:
    return sl_fail(err, -errno, name, "cannot write the ready file: %s", strerror(errno));
}

/* ---- the service manager ---- */

static unsigned connections(const struct serve *s)
{
    return hub_server(s->hub)->limits.connections;
}

void serve_say_ready(struct serve *s)
{
    notify_ready(s->notify, "%u connections on %s%s", connections(s), s->ready[0],
                 s->ready_count > 1 ? " and others" : "");
}

static void on_status(struct timer *t)
{
    struct serve *s = LIST_ENTRY(t, struct serve, status);

    notify_status(s->notify, "%u connections on %s%s", connections(s), s->ready[0],
                  s->ready_count > 1 ? " and others" : "");
    sl__loop_set_timer(s->loop, t, STATUS_MS);
}

static void on_stop(struct stop_hook *h)
{
    struct serve *s = LIST_ENTRY(h, struct serve, stop);

    sl__loop_cancel_timer(s->loop, &s->status);
    notify_stopping(s->notify);
}

static void on_hangup(void *user)
{
    serve_reload(user);
}

/* ---- start ---- */

/* sysexits.h: what a service manager and a script can tell apart. */
static int exit_code(int rc)
{
    switch (rc) {
    case 0: return EX_OK;
    case SL_E_BUSY:
    case -EADDRINUSE:
    case -EADDRNOTAVAIL: return EX_UNAVAILABLE;
    case SL_E_DB_NEWER:
    case SL_E_INVAL: return EX_CONFIG;
    case -EACCES:
    case -EPERM: return EX_NOPERM;
    case SL_E_NOMEM: return EX_OSERR;
    default: return EX_IOERR;
    }
}

/* Unasked, a bound is the server's own: it knows the limit of open files. */
static uint32_t bound(const struct config *c, enum setting_id id)
{
    return c->origin[id].from == FROM_PRESET ? 0 : (uint32_t)config_number(c, id);
}

static int open_hub(struct serve *s, sl_error *err)
{
    const struct config *c = s->first;
    const int64_t rate = config_number(c, SET_LIMITS_MIN_RATE);
    const int64_t budget_us = config_number(c, SET_DELIVERY_BUDGET);
    const struct hub_options o = {
        .version = SLUICE_VERSION,
        .data_dir = config_text(c, SET_DATA),
        .systems = systems,
        .system_count = system_count,
        .assets = web_assets,
        .asset_count = web_assets_count,
        .access = &s->access,
        .cork_us = budget_us == 0 ? SL_CORK_NONE : (uint32_t)budget_us,
        .body_max = (size_t)config_number(c, SET_LIMITS_BODY),
        .queue_max = (size_t)config_number(c, SET_DELIVERY_QUEUE),
        .recovery_ms = (uint32_t)(config_number(c, SET_DELIVERY_RECOVERY) / 1000),
        .rate_min = rate == 0 ? SL_RATE_NONE : (uint32_t)rate,
        .limits = {.device_rate = (uint32_t)config_number(c, SET_LIMITS_DEVICE_RATE),
                   .address_rate = (uint32_t)config_number(c, SET_LIMITS_ADDRESS_RATE),
                   .enrolments = (uint32_t)config_number(c, SET_LIMITS_ENROLMENTS),
                   .devices = (uint32_t)config_number(c, SET_LIMITS_DEVICES)},
        .queue_total_max = (size_t)config_number(c, SET_LIMITS_QUEUE_TOTAL),
        .connections_max = bound(c, SET_LIMITS_CONNECTIONS),
        .connections_per_address_max = bound(c, SET_LIMITS_PER_ADDRESS),
        .deflate = config_number(c, SET_DELIVERY_DEFLATE) != 0,
        .debug_frames = config_number(c, SET_DEBUG_FRAMES) != 0,
    };

    return hub_new(s->loop, &o, &s->hub, err);
}

static int open_loop(struct serve *s, sl_error *err)
{
    int rc = sl_loop_new(&s->loop);

    if (rc == 0) rc = sl_loop_stop_on_signals(s->loop, DRAIN_MS);
    /* from here on SIGHUP no longer kills, though it is heard only once the loop runs */
    if (rc == 0) rc = signal_watch_open(s->loop, SIGHUP, on_hangup, s, &s->hangup);
    if (rc < 0) {
        sl_strerror(rc, err->text, sizeof err->text);
        return rc;
    }
    rc = notify_open(s->loop, &s->notify);
    if (rc < 0) {
        char why[96];

        SL_WARN("hub", "msg=\"NOTIFY_SOCKET cannot be used: %s\"",
                sl_strerror(rc, why, sizeof why));
    }
    return 0;
}

static void be_ready(struct serve *s)
{
    s->stop.on_stop = on_stop;
    sl__loop_add_stop_hook(s->loop, &s->stop);
    serve_say_ready(s);
    if (s->notify != NULL) sl__loop_set_timer(s->loop, &s->status, STATUS_MS);
}

static int run(struct serve *s)
{
    sl_error err = {0};
    int rc = open_loop(s, &err);

    if (rc == 0) rc = open_hub(s, &err);
    if (rc == 0) rc = listen_all(s, &err);
    if (rc == 0) rc = write_ready_file(s, &err);
    if (rc < 0) goto done;
    be_ready(s);
    rc = sl_loop_run(s->loop);
    if (rc < 0) sl_strerror(rc, err.text, sizeof err.text);
done:
    if (rc < 0)
        fprintf(stderr, "sluice: %s%s%s\n", err.where, *err.where ? ": " : "", err.text);
    sl__loop_remove_stop_hook(&s->stop);
    hub_free(s->hub);
    notify_close(s->notify);
    signal_watch_close(s->hangup);
    sl_loop_free(s->loop);
    if (rc == 0) SL_INFO("hub", "msg=stopped");
    return exit_code(rc);
}

/* ---- the command ---- */

static void say(const char *sentence, void *user)
{
    (void)user;
    fprintf(stderr, "sluice: %s\n", sentence);
}

static int open_log(const struct config *c)
{
    const char *path = config_text(c, SET_LOG_FILE);
    int rc = log_file_open(path);

    sl_log_set_level((sl_log_level)config_number(c, SET_LOG_LEVEL));
    if (rc < 0) fprintf(stderr, "sluice: %s: cannot open the log: %s\n", path, strerror(-rc));
    return exit_code(rc);
}

/* The names alone: a value may be a secret. */
static void tell_environment(const struct config *c)
{
    char names[800] = "";
    size_t n = 0;

    for (int id = 0; id < SETTINGS; id++) {
        const struct origin *o = &c->origin[id];

        if (o->from != FROM_ENV && o->from != FROM_ENV_FILE && o->from != FROM_DATA_ENV)
            continue;
        if (n + strlen(o->name) + 2 > sizeof names) break;
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n > 0 ? "," : "", o->name);
    }
    if (n > 0) SL_INFO("config", "msg=\"taken from the environment\" names=%s", names);
}

static void print_help(void)
{
    printf(
        "examples:\n"
        "  sluice serve                                     the hub on http://127.0.0.1:5000/\n"
        "  sluice serve --listen 127.0.0.1:5000 --listen 127.0.0.1:4000\n"
        "  sluice serve --listen 0.0.0.0:5000 --access open\n"
        "                                                   for everyone on the network\n"
        "  sluice serve --config /etc/sluice/sluice.yaml    with a file of settings\n\n"
        "usage: sluice serve [OPTION VALUE]...\n\n");
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        char left[64];

        snprintf(left, sizeof left, "%s %s", s->flag, s->type == TYPE_BOOL ? "" : s->word);
        printf("  %-24s %s%s%s%s\n", left, s->help, s->preset ? " (" : "",
               s->preset ? s->preset : "", s->preset ? ")" : "");
    }
    printf("\nEach is a line of the file and a variable of the environment as well:\n"
           "  sluice config explain KEY       what it takes, and its names\n"
           "  sluice config print             what is in force, and where it comes from\n");
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    }
    return false;
}

int cmd_serve(int argc, char **argv)
{
    struct serve s = {.argc = argc, .argv = argv};
    struct report r = {.say = say};
    int code;

    if (wants_help(argc, argv)) {
        print_help();
        return EX_OK;
    }
    list_init(&s.stop.node);
    timer_init(&s.status, on_status);
    code = config_load("serve", argc, argv, &r, &s.first);
    if (code == EX_OK) code = addresses_check(s.first, &r);
    if (code == EX_OK) code = addresses_check_inherited(s.first, inherited_sockets(), &r);
    if (code == EX_OK) code = open_log(s.first);
    if (code == EX_OK) {
        s.now = s.first;
        config_report_doubts(s.first, &r);
        serve_apply(&s, s.first);
        tell_environment(s.first);
        code = run(&s);
    }
    if (s.now != s.first) config_free(s.now);
    config_free(s.first);
    return code;
}
