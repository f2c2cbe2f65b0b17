/* SPDX-License-Identifier: MIT */
#include "cli/setting.h"

#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#define KIB 1024LL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* clang-format off */
const struct setting settings[] = {
    [SET_CONFIG] = {
        .key = "config", .flag = "--config", .word = "FILE", .type = TYPE_PATH,
        .is_beginning = true, .example = "/etc/sluice/sluice.yaml",
        .help = "Settings in YAML; dist/sluice.yaml is one with comments."},
    [SET_ENV_FILE] = {
        .key = "env_file", .flag = "--env-file", .word = "FILE", .type = TYPE_PATH,
        .is_beginning = true, .example = "/etc/default/sluice",
        .help = "More environment, a line KEY=VALUE each; a .env in the data folder is read too."},
    [SET_LISTEN] = {
        .key = "listen", .flag = "--listen", .word = "HOST:PORT", .type = TYPE_ADDRESS,
        .is_list = true, .preset = "127.0.0.1:5000", .example = "127.0.0.1:5000",
        .help = "Where to listen; several are fine, and each serves everything."},
    [SET_DATA] = {
        .key = "data", .flag = "--data", .word = "DIR", .type = TYPE_PATH,
        .preset = "./sluice-data", .example = "/var/lib/sluice",
        .help = "The folder where records are kept; made if it is not there."},
    [SET_ACCESS] = {
        .key = "access", .flag = "--access", .word = "MODE", .type = TYPE_CHOICE,
        .words = "loopback|open", .preset = "loopback", .example = "open",
        .help = "Who may come in without a key: only this machine, or everyone who can reach it."},
    [SET_ORIGINS] = {
        .key = "origins", .flag = "--origins", .word = "any|LIST", .type = TYPE_ORIGIN,
        .is_list = true, .is_live = true, .example = "https://site.example",
        .help = "Websites that live elsewhere and may use this hub; any: all of them."},
    [SET_HOSTS] = {
        .key = "hosts", .flag = "--hosts", .word = "LIST", .type = TYPE_HOST,
        .is_list = true, .is_live = true, .example = "hub.example",
        .help = "More names this hub may be called by, as a proxy or a DNS entry gives it."},
    [SET_READY_FILE] = {
        .key = "ready_file", .flag = "--ready-file", .word = "FILE", .type = TYPE_PATH,
        .example = "/run/sluice/ready",
        .help = "Written when all listeners are up: a line HOST:PORT for each."},
    [SET_DELIVERY_BUDGET] = {
        .section = "delivery", .key = "budget", .flag = "--budget", .word = "TIME",
        .type = TYPE_DURATION, .max = 1000000, .preset = "2ms", .example = "2ms",
        .help = "How long an event may be held to leave together with others; 0: never."},
    [SET_DELIVERY_QUEUE] = {
        .section = "delivery", .key = "queue", .flag = "--queue", .word = "SIZE",
        .type = TYPE_SIZE, .min = 64 * KIB, .max = GIB, .preset = "4MiB", .example = "4MiB",
        .help = "Bytes that may wait for one slow connection before it is closed."},
    /* Off: pictures are most of what leaves, and never compressed; a Pi has little CPU to spare
     * for the rest, and what strangers send would have to be inflated on the loop. */
    [SET_DELIVERY_DEFLATE] = {
        .section = "delivery", .key = "deflate", .flag = "--deflate", .word = "YES",
        .type = TYPE_BOOL, .preset = "false", .example = "true",
        .help = "Compress events for WebSocket clients that offer it; for slow or metered links."},
    /* Off, as in the originals: it changes the handshake, and handlers see one more argument. */
    [SET_DELIVERY_RECOVERY] = {
        .section = "delivery", .key = "recovery", .flag = "--recovery", .word = "TIME",
        .type = TYPE_DURATION, .max = 3600000000, .preset = "0", .example = "2min",
        .help = "How long a Socket.IO session that was cut off may come back to what it missed; 0: never."},
    [SET_LIMITS_BODY] = {
        .section = "limits", .key = "body", .flag = "--body", .word = "SIZE",
        .type = TYPE_SIZE, .min = KIB, .max = GIB, .preset = "10MiB", .example = "16MiB",
        .help = "The largest body of an HTTP request."},
    [SET_LIMITS_CONNECTIONS] = {
        .section = "limits", .key = "connections", .flag = "--connections", .word = "N",
        .type = TYPE_NUMBER, .min = 1, .max = 1000000, .preset = "60000", .example = "60000",
        .help = "Connections at the same time; the limit of open files is one more bound."},
    [SET_LIMITS_PER_ADDRESS] = {
        .section = "limits", .key = "per_address", .flag = "--per-address", .word = "N",
        .type = TYPE_NUMBER, .min = 1, .max = 1000000, .preset = "512", .example = "512",
        .help = "Connections from one address (IPv6: one /64) at the same time; this machine is exempt."},
    [SET_LIMITS_QUEUE_TOTAL] = {
        .section = "limits", .key = "queue_total", .flag = "--queue-total", .word = "SIZE",
        .type = TYPE_SIZE, .min = MIB, .max = 64 * GIB, .preset = "64MiB", .example = "256MiB",
        .help = "Bytes that may wait for all connections together; beyond, the longest queues are cut."},
    [SET_LIMITS_MIN_RATE] = {
        .section = "limits", .key = "min_rate", .flag = "--min-rate", .word = "SIZE",
        .type = TYPE_SIZE, .max = MIB, .preset = "500B", .example = "500B",
        .help = "Bytes a second below which who sends or reads is cut, over 20 s; 0: only silence counts."},
    [SET_LIMITS_DEVICE_RATE] = {
        .section = "limits", .key = "device_rate", .flag = "--device-rate", .word = "N",
        .type = TYPE_NUMBER, .max = 1000000, .preset = "50000", .example = "2000",
        .help = "Records a second from one device, five seconds' worth at once; 0: any number."},
    [SET_LIMITS_ADDRESS_RATE] = {
        .section = "limits", .key = "address_rate", .flag = "--address-rate", .word = "N",
        .type = TYPE_NUMBER, .max = 1000000, .preset = "20000", .example = "20000",
        .help = "The same of one address (IPv6: one /64); this machine is exempt; 0: any number."},
    [SET_LIMITS_ENROLMENTS] = {
        .section = "limits", .key = "enrolments", .flag = "--enrolments", .word = "N",
        .type = TYPE_NUMBER, .max = 1000000, .preset = "600", .example = "600",
        .help = "New devices a minute from one address; this machine is exempt; 0: any number."},
    [SET_LIMITS_DEVICES] = {
        .section = "limits", .key = "devices", .flag = "--devices", .word = "N",
        .type = TYPE_NUMBER, .min = 1, .max = 10000, .preset = "1024", .example = "64",
        .help = "Devices that are known since the start, connected or not; more are refused."},
    [SET_LOG_LEVEL] = {
        .section = "log", .key = "level", .flag = "--log-level", .word = "LEVEL",
        .type = TYPE_CHOICE, .words = "error|warn|info|debug", .is_live = true,
        .preset = "info", .example = "warn", .help = "How much the log tells."},
    [SET_LOG_FILE] = {
        .section = "log", .key = "file", .flag = "--log-file", .word = "FILE",
        .type = TYPE_PATH, .is_live = true, .example = "/var/log/sluice/sluice.log",
        .help = "Where the log goes instead of stderr; opened anew on SIGHUP."},
    [SET_DEBUG_FRAMES] = {
        .section = "debug", .key = "frames", .flag = "--debug-frames", .word = "YES",
        .also = "DEBUG_FRAMES", .type = TYPE_BOOL, .preset = "false", .example = "true",
        .help = "A line in the log for each frame that comes."},
};
/* clang-format on */

const char *setting_name(const struct setting *s, char buf[SETTING_NAME_SIZE])
{
    snprintf(buf, SETTING_NAME_SIZE, "%s%s%s", s->section ? s->section : "",
             s->section ? "." : "", s->key);
    return buf;
}

const char *setting_env_name(const struct setting *s, char buf[SETTING_NAME_SIZE])
{
    char name[SETTING_NAME_SIZE];

    snprintf(buf, SETTING_NAME_SIZE, "SLUICE_%.40s", setting_name(s, name));
    for (char *c = buf; *c != '\0'; c++) {
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
        if (*c == '.') *c = '_';
    }
    return buf;
}

static bool is_same(const char *a, const char *b)
{
    if (a == NULL || b == NULL) return a == b;
    return strcmp(a, b) == 0;
}

const struct setting *setting_find(const char *section, const char *key)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (is_same(settings[i].section, section) && strcmp(settings[i].key, key) == 0)
            return &settings[i];
    }
    return NULL;
}

bool setting_is_section(const char *name)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (settings[i].section != NULL && strcmp(settings[i].section, name) == 0) return true;
    }
    return false;
}

/* ---- the nearest name ---- */

struct candidates {
    const char *name[2 * SETTINGS];
    size_t n;
};

static const char *name_of(const void *rows, size_t i)
{
    return ((const struct candidates *)rows)->name[i];
}

/* Nearly a key of another section. */
static const char *guess_elsewhere(const char *key, char *buf, size_t size)
{
    struct candidates c = {0};
    char name[SETTING_NAME_SIZE];
    const char *near;

    for (size_t i = 0; i < SETTINGS; i++) {
        if (!settings[i].is_beginning) c.name[c.n++] = settings[i].key;
    }
    near = nearest(key, name_of, &c, c.n);
    for (size_t i = 0; i < SETTINGS && near != NULL; i++) {
        if (settings[i].key != near) continue; /* the very row */
        snprintf(buf, size, "; did you mean %s?", setting_name(&settings[i], name));
    }
    return buf;
}

const char *setting_guess(const char *section, const char *key, char *buf, size_t size)
{
    struct candidates c = {0};
    const char *near;

    *buf = '\0';
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];

        if (s->is_beginning) continue;
        if (strcmp(s->key, key) == 0 && !is_same(s->section, section)) { /* right, elsewhere */
            char name[SETTING_NAME_SIZE];

            snprintf(buf, size, "; did you mean %s?", setting_name(s, name));
            return buf;
        }
        if (is_same(s->section, section)) c.name[c.n++] = s->key;
        if (section == NULL && s->section != NULL) c.name[c.n++] = s->section;
    }
    near = nearest(key, name_of, &c, c.n);
    if (near != NULL) {
        snprintf(buf, size, "; did you mean %s?", near);
        return buf;
    }
    return guess_elsewhere(key, buf, size);
}
