/* SPDX-License-Identifier: MIT */
#include "sluice/log.h"
#include "sluice/loop.h"

#include "cli/commands.h"
#include "cli/options.h"
#include "hub/hub.h"
#include "systems/systems.h"
#include "web/web_assets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define DRAIN_MS 4000 /* the whole stop takes 5 s at most */

enum { ACCESS_LOOPBACK, ACCESS_OPEN };

struct serve {
    struct option_list listen;
    const char *data, *ready_file;
    int64_t budget_us;
    int log_level, access;
    char usual[64]; /* the address when none is given */

    sl_loop *loop;
    struct hub *hub;
    char ready[OPTION_LIST_MAX][96]; /* "HOST:PORT" as it was taken */
};

/* ---- addresses ---- */

/* "HOST:PORT" or "[HOST]:PORT". false: neither */
static bool split_host(const char *address, char *host, size_t size)
{
    const char *colon = strrchr(address, ':');
    size_t len;

    if (colon == NULL) return false;
    len = (size_t)(colon - address);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len == 0 || len >= size) return false;
    memcpy(host, address, len);
    host[len] = '\0';
    return true;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

static int check_addresses(const struct serve *s)
{
    char host[64];

    for (int i = 0; i < s->listen.n; i++) {
        const char *address = s->listen.item[i];

        if (!split_host(address, host, sizeof host)) {
            fprintf(stderr, "sluice: --listen takes HOST:PORT, not '%s'\n", address);
            return EX_USAGE;
        }
        if (is_loopback(host) || s->access == ACCESS_OPEN) continue;
        fprintf(stderr,
                "sluice: %s can be reached by others, and this hub knows no keys: anyone there "
                "could read and write.\n"
                "sluice: if that is what you want, add: --access open\n",
                address);
        return EX_CONFIG;
    }
    return EX_OK;
}

/* Hosts that set PORT mean all addresses, but they must also say that access is open. */
static bool choose_usual_address(struct serve *s)
{
    const char *port = getenv("PORT");
    char *end;
    long v;

    if (port == NULL || *port == '\0') port = "5000";
    v = strtol(port, &end, 10);
    if (*end != '\0' || v < 0 || v > 65535) {
        fprintf(stderr, "sluice: PORT must be a number from 0 to 65535, not '%s'\n", port);
        return false;
    }
    snprintf(s->usual, sizeof s->usual, "%s:%ld",
             getenv("PORT") != NULL && s->access == ACCESS_OPEN ? "0.0.0.0" : "127.0.0.1", v);
    s->listen.item[s->listen.n++] = s->usual;
    return true;
}

/* ---- start ---- */

static int listen_all(struct serve *s, sl_error *err)
{
    for (int i = 0; i < s->listen.n; i++) {
        const char *address = s->listen.item[i];
        int host_len = (int)(strrchr(address, ':') - address);
        uint16_t port = 0;
        int rc = hub_listen(s->hub, address, &port, err);

        if (rc < 0) return rc;
        snprintf(s->ready[i], sizeof s->ready[i], "%.*s:%u", host_len, address, port);
        SL_INFO("hub", "msg=\"listening on port %u\" address=%s", port, s->ready[i]);
    }
    return 0;
}

/* Written beside and renamed: whoever waits for the file never sees half of it. */
static int write_ready_file(const struct serve *s, sl_error *err)
{
    char path[PATH_MAX];
    bool is_written;
    FILE *f;

    if (s->ready_file == NULL) return 0;
    snprintf(path, sizeof path, "%s.%ld", s->ready_file, (long)getpid());
    f = fopen(path, "w");
    if (f == NULL) goto failed;
    for (int i = 0; i < s->listen.n; i++)
        fprintf(f, "%s\n", s->ready[i]);
    is_written = !ferror(f);
    if (fclose(f) != 0 || !is_written) goto failed;
    if (rename(path, s->ready_file) == 0) return 0;

failed:
    return sl_fail(err, -errno, s->ready_file, "cannot write the ready file: %s",
                   strerror(errno));
}

/* sysexits.h: what a service manager and a script can tell apart. */
static int exit_code(int rc)
{
    switch (rc) {
    case 0: return EX_OK;
    case SL_E_BUSY:
    case -EADDRINUSE:
    case -EADDRNOTAVAIL: return EX_UNAVAILABLE;
    case SL_E_DB_NEWER:
    case SL_E_INVAL:
    case -EACCES: return EX_CONFIG;
    case SL_E_NOMEM: return EX_OSERR;
    default: return EX_IOERR;
    }
}

static int run(struct serve *s)
{
    const struct access access = {.is_open = s->access == ACCESS_OPEN,
                                  .any_origin = s->access == ACCESS_OPEN};
    struct hub_options o = {
        .data_dir = s->data,
        .systems = systems,
        .system_count = system_count,
        .assets = web_assets,
        .asset_count = web_assets_count,
        .access = &access,
        .cork_us = s->budget_us == 0 ? SL_CORK_NONE : (uint32_t)s->budget_us,
    };
    sl_error err = {0};
    int rc = sl_loop_new(&s->loop);

    if (rc == 0) rc = sl_loop_stop_on_signals(s->loop, DRAIN_MS);
    if (rc < 0) {
        sl_strerror(rc, err.text, sizeof err.text);
        goto done;
    }
    rc = hub_new(s->loop, &o, &s->hub, &err);
    if (rc == 0) rc = listen_all(s, &err);
    if (rc == 0) rc = write_ready_file(s, &err);
    if (rc < 0) goto done;
    rc = sl_loop_run(s->loop);
    if (rc < 0) sl_strerror(rc, err.text, sizeof err.text);
done:
    if (rc < 0)
        fprintf(stderr, "sluice: %s%s%s\n", err.where, *err.where ? ": " : "", err.text);
    hub_free(s->hub);
    sl_loop_free(s->loop);
    if (rc == 0) SL_INFO("hub", "msg=stopped");
    return exit_code(rc);
}

int cmd_serve(int argc, char **argv)
{
    struct serve s = {.data = "./sluice-data", .budget_us = 2000, .log_level = SL_LOG_INFO};
    const char *access_wanted = getenv("SLUICE_ACCESS");
    const struct option rows[] = {
        {"--listen",     "HOST:PORT", "where to listen; several times is fine (127.0.0.1:5000)",
         OPTION_LIST,                                                                                                &s.listen,     0, 0,       NULL                   },
        {"--data",       "DIR",       "where records are kept (./sluice-data)",                       OPTION_TEXT,   &s.data,       0, 0,
         NULL                                                                                                                                                          },
        {"--access",     "MODE",      "loopback: only this machine; open: everyone who can reach it",
         OPTION_CHOICE,                                                                                              &s.access,     0, 0,       "loopback|open"        },
        {"--ready-file", "FILE",      "written when all listeners are up: a line HOST:PORT for each",
         OPTION_TEXT,                                                                                                &s.ready_file, 0, 0,       NULL                   },
        {"--budget-us",  "N",         "how long an event may be held to leave with others (2000)",
         OPTION_NUMBER,                                                                                              &s.budget_us,  0, 1000000, NULL                   },
        {"--log-level",  "LEVEL",     "error, warn, info or debug (info)",                            OPTION_CHOICE,
         &s.log_level,                                                                                                              0, 0,       "error|warn|info|debug"},
    };
    const size_t n = sizeof rows / sizeof rows[0];
    int code;

    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        printf("usage: sluice serve [OPTION VALUE]...\n\n");
        options_print(rows, n);
        return EX_OK;
    }
    if (access_wanted != NULL && strcmp(access_wanted, "open") == 0) s.access = ACCESS_OPEN;
    if (!options_read("serve", rows, n, argc, argv)) return EX_USAGE;
    if (s.listen.n == 0 && !choose_usual_address(&s)) return EX_CONFIG;
    code = check_addresses(&s);
    if (code != EX_OK) return code;
    sl_log_set_level((sl_log_level)s.log_level);
    return run(&s);
}
