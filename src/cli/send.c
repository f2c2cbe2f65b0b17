/* SPDX-License-Identifier: MIT */
/* `sluice send`: one event to a Socket.IO server, and its answer if it is asked for. */
#include "cli/commands.h"
#include "cli/sio_words.h"

#include <stdio.h>
#include <sysexits.h>

struct send {
    struct sio_want want;
    const char *event, *ack;
    char **arg; /* JSON, `arg_n` of them */
    int arg_n;
    int64_t timeout_s;

    sl_loop *loop;
    sl_client *client;
    bool was_joined;
    int exit_code;
};

static void end(struct send *s, int code)
{
    s->exit_code = code;
    sl_client_close(s->client, 0);
}

/* ---- what comes ---- */

static void on_answer(sl_client_socket *socket, int rc, const sl_sio_event *answer, void *user)
{
    struct send *s = user;
    sl_json_out o = {0};
    sl_str text;

    (void)socket;
    if (s->exit_code != EX_OK) return; /* said already */
    if (rc == 0) {
        sio_put_args(&o, answer);
        text = sl_out_text(&o);
        printf("%.*s\n", (int)text.len, text.ptr);
        sl_out_deinit(&o);
        end(s, EX_OK);
    } else if (rc == SL_E_TOO_BIG) {
        fprintf(stderr, "sluice: the server takes no event so large\n");
        end(s, EX_DATAERR);
    } else {
        fprintf(stderr, "sluice: no answer%s; the event may have arrived\n",
                rc == SL_E_TIMEOUT ? " within --timeout" : ": the connection was lost");
        end(s, EX_TEMPFAIL);
    }
}

static void on_connect(sl_client_socket *socket, bool recovered, void *user)
{
    (void)socket;
    (void)recovered;
    ((struct send *)user)->was_joined = true;
}

static void on_refused(sl_client_socket *socket, sl_str message, sl_value data, void *user)
{
    sio_tell_refused(sl_client_nsp(socket), message, data);
    end(user, EX_NOPERM);
}

static void on_trouble(sl_client *c, const sl_client_trouble *t, void *user)
{
    struct send *s = user;

    (void)c;
    sio_tell_trouble(t);
    end(s, s->was_joined ? EX_TEMPFAIL : EX_UNAVAILABLE);
}

static void on_gone(void *user)
{
    sl_loop_stop(((struct send *)user)->loop, 5000); /* what was sent leaves meanwhile */
}

/* ---- what goes ---- */

static int emit(struct send *s)
{
    sl_client_socket *to = sl_client_find(s->client, s->want.nsp);
    sl_sio_packet *p = sl_sio_packet_new(s->event);
    uint32_t wait_ms = (uint32_t)s->timeout_s * 1000;
    int rc;

    if (p == NULL) return SL_E_NOMEM;
    for (int i = 0; i < s->arg_n; i++)
        sl_sio_put_slice(p, NULL, sl_str_of(s->arg[i]));
    if (s->ack != NULL)
        rc = sl_client_emit_ack(to, p, wait_ms, on_answer, s);
    else
        rc = sl_client_emit(to, p);
    sl_sio_packet_free(p);
    if (rc == 0 && s->ack == NULL) sl_client_close(s->client, wait_ms); /* once it has left */
    return rc;
}

static int say_why_not(int rc)
{
    char text[96];

    fprintf(stderr, "sluice: the event cannot be sent: %s\n",
            sl_strerror(rc, text, sizeof text));
    return EX_OSERR;
}

static int run(struct send *s)
{
    const sl_client_namespace nsp = {
        .name = s->want.nsp,
        .auth = s->want.auth,
        .on_connect = on_connect,
        .on_refused = on_refused,
        .user = s,
    };
    sl_client_options o = {
        .namespaces = &nsp,
        .namespace_count = 1,
        .no_reconnect = true,
        .connect_timeout_ms = (uint32_t)s->timeout_s * 1000,
        .on_trouble = on_trouble,
        .on_gone = on_gone,
        .user = s,
    };
    int code, rc;

    if (!sio_understand(&s->want, &o)) return EX_USAGE;
    if (sl_loop_new(&s->loop) < 0) return EX_OSERR;
    code = sl_loop_stop_on_signals(s->loop, 1000) < 0 ? EX_OSERR
                                                      : sio_open(s->loop, &o, &s->client);
    if (code == EX_OK) {
        rc = emit(s);
        if (rc < 0) end(s, say_why_not(rc));
        sl_loop_run(s->loop);
        code = s->exit_code;
        if (code == EX_OK && !s->was_joined) {
            fprintf(stderr, "sluice: %s was not joined within --timeout\n", s->want.nsp);
            code = EX_UNAVAILABLE;
        }
    }
    sl_loop_free(s->loop);
    return code;
}

/* ---- what was asked for ---- */

static void help(const struct option *rows, size_t n)
{
    printf("sluice send: one event to a Socket.IO server\n\n"
           "examples:\n"
           "  sluice send ws://192.0.2.7:5000 pause\n"
           "  sluice send ws://hub:5000 set_rate 10 '{\"camera\":\"cam-1\"}' --ack\n"
           "  sluice send http://old:3000 chat '\"hello\"' --eio 3 --nsp /room\n\n"
           "usage: sluice send URL EVENT [JSON]... [OPTION VALUE]...\n\n");
    options_print(rows, n);
    printf(
        "\nEach JSON is one argument; a text wants quotes of its own. With --ack the answer\n"
        "is printed as a JSON array. exit code: 0; 69 no connection; 75 no answer, or the\n"
        "connection was lost; 77 not let in\n");
}

int cmd_send(int argc, char **argv)
{
    struct send s = {.want = {.nsp = "/"}, .timeout_s = 10};
    // clang-format off
    const struct option rows[] = {
        {"--ack",     "",        "wait for the answer and print it", OPTION_SWITCH, &s.ack,       0, 0,    NULL},
        {"--timeout", "SECONDS", "for all of it (10)",               OPTION_NUMBER, &s.timeout_s, 1, 3600, NULL},
        SIO_OPTIONS(&s.want),
    };
    // clang-format on
    const size_t n = sizeof rows / sizeof rows[0];
    int first = sio_positionals(argc, argv);

    if (sio_asks_for_help(argc, argv)) {
        help(rows, n);
        return EX_OK;
    }
    if (first < 2) {
        fprintf(stderr, "sluice: send takes a URL and the event's name: sluice send --help\n");
        return EX_USAGE;
    }
    if (!options_read("send", rows, n, argc - first, argv + first)) return EX_USAGE;
    s.want.url = argv[0];
    s.event = argv[1];
    s.arg = argv + 2;
    s.arg_n = first - 2;
    for (int i = 0; i < s.arg_n; i++) {
        char what[32];

        snprintf(what, sizeof what, "argument %d", i + 1);
        if (!sio_is_json(s.arg[i], what)) return EX_USAGE;
    }
    return run(&s);
}
