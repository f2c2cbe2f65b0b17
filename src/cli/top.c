/* SPDX-License-Identifier: MIT */
/* `sluice top`: the command line, and one reading after the other. */
#include "cli/top.h"

#include "base/str.h"
#include "cli/commands.h"
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define SCREEN_BYTES 65536
#define COLUMNS_MAX  10000

struct wishes {
    const char *url, *once, *json;
    int64_t interval_s, n;
    int sort;
};

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR");

    return no == NULL || *no == '\0';
}

static bool understand(const struct wishes *want, struct dial_url *url)
{
    const char *why = dial_url_parse(want->url, url);

    if (why == NULL && url->is_tls) why = "TLS is not spoken here yet";
    if (why == NULL) return true;
    fprintf(stderr, "sluice: --url takes http://HOST:PORT, not '%s': %s\n", want->url, why);
    return false;
}

/* ---- lines ---- */

static int show_lines(const struct top_view *v, const struct wishes *want)
{
    struct top_look look = {.where = want->url, .sort = (enum top_sort)want->sort};
    const char *columns = getenv("COLUMNS");
    uint64_t n;

    if (v->error[0] != '\0') {
        fprintf(stderr, "sluice: %s: %s\n", want->url, v->error);
        return EX_UNAVAILABLE;
    }
    top_screen_size(&look.columns, &look.lines);
    look.lines = 0;
    if (columns != NULL && str_to_u64(sl_str_of(columns), &n) && n > 0 && n < COLUMNS_MAX)
        look.columns = (int)n;
    if (want->json == NULL)
        top_show(stdout, v, &look, want->n);
    else if (top_show_json(stdout, v, want->n) < 0)
        return EX_OSERR;
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR; /* whoever reads has gone */
}

/* Rates take two readings. */
static int once(struct top_view *v, const struct wishes *want, const struct dial_url *hub,
                int stop_fd)
{
    int rc = top_read(v, hub, stop_fd, (enum top_sort)want->sort);

    if (rc == 0 && top_wait(stop_fd, want->interval_s * 1000, false) == 0)
        (void)top_read(v, hub, stop_fd, (enum top_sort)want->sort);
    return show_lines(v, want);
}

static int go_on_in_lines(struct top_view *v, const struct wishes *want,
                          const struct dial_url *hub, int stop_fd)
{
    int code;

    do {
        (void)top_read(v, hub, stop_fd, (enum top_sort)want->sort);
        code = show_lines(v, want);
        if (code == EX_OK && want->json == NULL) putchar('\n');
    } while ((code == EX_OK || code == EX_UNAVAILABLE)
             && top_wait(stop_fd, want->interval_s * 1000, false) >= 0);
    return code == EX_UNAVAILABLE ? code : EX_OK;
}

/* ---- in place ---- */

/* It leaves as one piece: stdout is buffered then. */
static void draw(const struct top_view *v, const struct wishes *want)
{
    struct top_look look = {
        .where = want->url, .sort = (enum top_sort)want->sort, .colour = wants_colour()};

    top_resized = 0;
    top_screen_size(&look.columns, &look.lines);
    fputs("\x1b[H\x1b[J", stdout);
    top_show(stdout, v, &look, want->n);
    fflush(stdout);
}

static int go_on_in_place(struct top_view *v, struct wishes *want, const struct dial_url *hub,
                          int stop_fd)
{
    int key = 0;

    (void)setvbuf(stdout, NULL, _IOFBF, SCREEN_BYTES);
    top_screen_open();
    while (key >= 0 && key != 'q') {
        (void)top_read(v, hub, stop_fd, (enum top_sort)want->sort);
        do {
            draw(v, want);
            key = top_wait(stop_fd, want->interval_s * 1000, isatty(STDIN_FILENO));
            if (key != 's') continue;
            want->sort = (want->sort + 1) % (TOP_OUT + 1);
            top_sort_rows(v, (enum top_sort)want->sort);
        } while (key == 's' || (key == 0 && top_resized));
    }
    top_screen_close();
    return EX_OK;
}

/* ---- the command ---- */

static void help(const struct option *rows, size_t n)
{
    printf(
        "sluice top: who is connected to the hub, and what waits for them\n\n"
        "examples:\n"
        "  sluice top                                       the hub on this machine, until q\n"
        "  sluice top --url http://192.0.2.7:5000 --sort queue\n"
        "  sluice top --once -n 10 --sort out               ten lines, for a log\n"
        "  sluice top --once --json | jq '.connections[].device'\n\n"
        "usage: sluice top [OPTION VALUE]...\n\n");
    options_print(rows, n);
    printf(
        "\nOn a terminal it draws in place: q ends it, s sorts by the next column. Elsewhere,\n"
        "and with --json, each reading is written behind the last. RTT is that of a ping;\n"
        "'-' is not known. NO_COLOR is honoured.\n"
        "exit code: 0; 64 usage; 69 if the hub did not answer\n");
}

static int run(struct wishes *want)
{
    struct dial_url hub;
    struct top_view v;
    int stop_fd, code;

    if (!understand(want, &hub)) return EX_USAGE;
    stop_fd = top_catch_signals();
    if (stop_fd < 0) {
        perror("sluice");
        return EX_OSERR;
    }
    top_init(&v);
    if (want->once != NULL)
        code = once(&v, want, &hub, stop_fd);
    else if (want->json != NULL || !top_screen_is_there())
        code = go_on_in_lines(&v, want, &hub, stop_fd);
    else
        code = go_on_in_place(&v, want, &hub, stop_fd);
    top_deinit(&v);
    close(stop_fd);
    return code;
}

int cmd_top(int argc, char **argv)
{
    struct wishes want = {.url = "http://127.0.0.1:5000", .interval_s = 1, .sort = TOP_QUEUE};
    // clang-format off
    const struct option rows[] = {
        {"--url",      "URL",     "the hub (http://127.0.0.1:5000)",            OPTION_TEXT,   &want.url,        0, 0,       NULL},
        {"--sort",     "KEY",     "queue (usual), rtt, since, in or out: the largest first", OPTION_CHOICE, &want.sort, 0, 0, TOP_SORTS},
        {"-n",         "N",       "so many connections at most (0: as fit)",    OPTION_NUMBER, &want.n,          0, 1000000, NULL},
        {"--interval", "SECONDS", "between two readings (1)",                   OPTION_NUMBER, &want.interval_s, 1, 3600,    NULL},
        {"--once",     "",        "one reading, then end",                      OPTION_SWITCH, &want.once,       0, 0,       NULL},
        {"--json",     "",        "one JSON object for each reading",           OPTION_SWITCH, &want.json,       0, 0,       NULL},
    };
    // clang-format on
    const size_t n = sizeof rows / sizeof rows[0];

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(rows, n);
            return EX_OK;
        }
    }
    if (!options_read("top", rows, n, argc, argv)) return EX_USAGE;
    return run(&want);
}
