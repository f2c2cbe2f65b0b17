/* SPDX-License-Identifier: MIT */
/* `sluice tail`: what a Socket.IO server says, as it comes. */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/doctor_out.h"
#include "cli/sio_words.h"

#include <stdio.h>
#include <sysexits.h>

struct tail {
    struct sio_want want;
    struct option_list events, hellos;
    const char *json;
    int64_t count; /* 0: no end */

    sl_loop *loop;
    sl_client *client;
    int64_t seen;
    bool was_joined;
    int exit_code;
};

/* ---- what comes ---- */

static bool is_wanted(const struct tail *t, const sl_sio_event *e)
{
    sl_value name = sl_value_first(e->args, NULL);

    if (t->events.n == 0) return true;
    for (int i = 0; i < t->events.n; i++)
        if (sl_value_is_str(name, sl_str_of(t->events.item[i]))
            || sl_str_eq(e->name, sl_str_of(t->events.item[i])))
            return true;
    return false;
}

static void print_json(const sl_client_socket *s, const sl_sio_event *e, const char *now)
{
    sl_json_out o = {0};
    sl_str text;

    sl_out_object(&o);
    sl_out_key(&o, "time");
    sl_out_str(&o, sl_str_of(now));
    sl_out_key(&o, "namespace");
    sl_out_str(&o, sl_str_of(sl_client_nsp(s)));
    sl_out_key(&o, "event");
    sl_out_raw(&o, sl_value_raw(sl_value_first(e->args, NULL)));
    sl_out_key(&o, "args");
    sio_put_args(&o, e);
    sl_out_end(&o);
    text = sl_out_text(&o);
    if (text.len > 0) printf("%.*s\n", (int)text.len, text.ptr);
    sl_out_deinit(&o);
}

static void on_event(sl_client_socket *s, const sl_sio_event *e, void *user)
{
    struct tail *t = user;
    char now[WALL_TEXT_SIZE], line[SIO_WORD_MAX];

    if (!is_wanted(t, e) || (t->count > 0 && t->seen >= t->count)) return;
    wall_format(wall_now(), now);
    if (t->json != NULL) {
        print_json(s, e, now);
    } else {
        sio_line(e, line);
        printf("%s %s %s\n", now, sl_client_nsp(s), line);
    }
    t->seen++;
    /* whoever reads us has gone, or has seen enough */
    if (fflush(stdout) != 0 || t->seen == t->count) sl_client_close(t->client, 0);
}

static void on_connect(sl_client_socket *s, bool recovered, void *user)
{
    struct tail *t = user;

    fprintf(stderr, "sluice: %s %s%s\n", t->was_joined ? "again at" : "listening at",
            t->want.url, recovered ? ", nothing was missed" : "");
    t->was_joined = true;
    for (int i = 0; i < t->hellos.n; i++) {
        sl_json doc = {0};
        sl_sio_packet *p;
        sl_value root, name, v;
        sl_str text;
        char event[256];

        if (sl_json_read(&doc, sl_str_of(t->hellos.item[i]), NULL, NULL, NULL) == 0) {
            root = sl_json_root(&doc);
            name = sl_value_first(root, NULL);
            (void)sl_value_str(name, &text);
            event[sl_json_unescape(text, event)] = '\0'; /* both were checked */
            p = sl_sio_packet_new(event);
            for (v = sl_value_next(root, name, NULL);
                 p != NULL && sl_value_type(v) != SL_JSON_NONE;
                 v = sl_value_next(root, v, NULL))
                sl_sio_put_slice(p, NULL, sl_value_raw(v));
            if (p == NULL || sl_client_emit(s, p) < 0)
                fprintf(stderr, "sluice: --hello %s could not be sent\n", event);
            sl_sio_packet_free(p);
        }
        sl_json_deinit(&doc);
    }
}

/* ---- how it ends ---- */

static void on_refused(sl_client_socket *s, sl_str message, sl_value data, void *user)
{
    struct tail *t = user;

    sio_tell_refused(sl_client_nsp(s), message, data);
    t->exit_code = EX_NOPERM;
    sl_client_close(t->client, 0);
}

static void on_disconnect(sl_client_socket *s, const char *reason, void *user)
{
    struct tail *t = user;

    (void)s;
    if (strcmp(reason, "io server disconnect") != 0) return;
    fprintf(stderr, "sluice: the server has sent us away\n");
    t->exit_code = EX_UNAVAILABLE;
    sl_client_close(t->client, 0);
}

static void on_trouble(sl_client *c, const sl_client_trouble *trouble, void *user)
{
    (void)c;
    (void)user;
    sio_tell_trouble(trouble);
}

static void on_gone(void *user)
{
    struct tail *t = user;

    t->client = NULL;
    sl_loop_stop(t->loop, 1000);
}

static int run(struct tail *t)
{
    static const sl_client_on rows[] = {
        {NULL, on_event}
    };
    const sl_client_namespace nsp = {
        .name = t->want.nsp,
        .auth = t->want.auth,
        .on_connect = on_connect,
        .on_refused = on_refused,
        .on_disconnect = on_disconnect,
        .events = rows,
        .event_count = 1,
        .user = t,
    };
    sl_client_options o = {
        .namespaces = &nsp,
        .namespace_count = 1,
        .on_trouble = on_trouble,
        .on_gone = on_gone,
        .user = t,
    };
    int code;

    if (!sio_understand(&t->want, &o)) return EX_USAGE;
    if (sl_loop_new(&t->loop) < 0) return EX_OSERR;
    code = sl_loop_stop_on_signals(t->loop, 1000) < 0 ? EX_OSERR
                                                      : sio_open(t->loop, &o, &t->client);
    if (code == EX_OK) {
        sl_loop_run(t->loop);
        code = t->exit_code != EX_OK ? t->exit_code : t->was_joined ? EX_OK : EX_UNAVAILABLE;
    }
    sl_loop_free(t->loop);
    return code;
}

/* ---- what was asked for ---- */

static bool is_hello(const char *text)
{
    sl_json doc = {0};
    sl_str name = {0};
    char event[256];
    bool is;

    if (!sio_is_json(text, "--hello")) return false;
    is = sl_json_read(&doc, sl_str_of(text), NULL, NULL, NULL) == 0
         && sl_value_type(sl_json_root(&doc)) == SL_JSON_ARRAY
         && sl_value_str(sl_value_first(sl_json_root(&doc), NULL), &name)
         && name.len < sizeof event && sl_json_unescape(name, event) >= 0;
    sl_json_deinit(&doc);
    if (!is)
        fprintf(stderr, "sluice: --hello takes an event as it is written: "
                        "'[\"client:hello\",{\"role\":\"dashboard\"}]'\n");
    return is;
}

static void help(const struct option *rows, size_t n)
{
    printf(
        "sluice tail: what a Socket.IO server says, as it comes, a line each\n\n"
        "examples:\n"
        "  sluice tail ws://192.0.2.7:5000 --event new_detection\n"
        "  sluice tail ws://hub:5000/socket.io/ --hello '[\"client:hello\",{\"role\":\"dashboard\"}]'\n"
        "  sluice tail http://old:3000 --eio 3 --json --count 10 | jq .args\n\n"
        "usage: sluice tail [URL] [OPTION VALUE]...\n\n");
    options_print(rows, n);
    printf(
        "\nWithout URL it is ws://127.0.0.1:5000. It goes on until Ctrl-C and comes back by\n"
        "itself; what is not an event is said on stderr. With --json binary values are\n"
        "{\"base64\":...}. exit code: 0; 69 never connected, or sent away; 77 not let in\n");
}

int cmd_tail(int argc, char **argv)
{
    struct tail t = {
        .want = {.url = "ws://127.0.0.1:5000", .nsp = "/"}
    };
    // clang-format off
    const struct option rows[] = {
        {"--event", "NAME", "only these; may be given several times",            OPTION_LIST,   &t.events, 0, 0, NULL},
        {"--hello", "JSON", "an event to send whenever it is connected",         OPTION_LIST,   &t.hellos, 0, 0, NULL},
        {"--json",  "",     "one JSON object a line",                            OPTION_SWITCH, &t.json,   0, 0, NULL},
        {"--count", "N",    "end after so many events (0: never)",               OPTION_NUMBER, &t.count,  0, INT64_MAX, NULL},
        SIO_OPTIONS(&t.want),
    };
    // clang-format on
    const size_t n = sizeof rows / sizeof rows[0];
    int first = sio_positionals(argc, argv);

    if (sio_asks_for_help(argc, argv)) {
        help(rows, n);
        return EX_OK;
    }
    if (first > 1) {
        fprintf(stderr, "sluice: tail takes one URL, not '%s' as well\n", argv[1]);
        return EX_USAGE;
    }
    if (first == 1) t.want.url = argv[0];
    if (!options_read("tail", rows, n, argc - first, argv + first)) return EX_USAGE;
    for (int i = 0; i < t.hellos.n; i++)
        if (!is_hello(t.hellos.item[i])) return EX_USAGE;
    return run(&t);
}
