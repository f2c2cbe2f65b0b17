/* SPDX-License-Identifier: MIT */
/* What the server tells of attempts, in the hub's own causes. */
#include "base/str.h"
#include "hub/knock.h"

#include <stdio.h>

/* Where one code of the server is one cause; the others are looked at below. */
static const enum knock_cause plain[SL_TROUBLE_CODES] = {
    [SL_TROUBLE_TOO_MANY] = KNOCK_TOO_MANY,
    [SL_TROUBLE_TOO_MANY_HERE] = KNOCK_TOO_MANY_HERE,
    [SL_TROUBLE_SILENT] = KNOCK_SILENT,
    [SL_TROUBLE_CUT] = KNOCK_CUT_SHORT,
    [SL_TROUBLE_TLS] = KNOCK_TLS,
    [SL_TROUBLE_NOT_HTTP] = KNOCK_NOT_HTTP,
    [SL_TROUBLE_HTTP_VERSION] = KNOCK_HTTP_VERSION,
    [SL_TROUBLE_BAD_HEAD] = KNOCK_BROKEN_REQUEST,
    [SL_TROUBLE_LARGE_HEAD] = KNOCK_LARGE_HEAD,
    [SL_TROUBLE_SLOW_HEAD] = KNOCK_SLOW_HEAD,
    [SL_TROUBLE_NOT_FOUND] = KNOCK_PATH,
    [SL_TROUBLE_METHOD] = KNOCK_METHOD,
    [SL_TROUBLE_REFUSED] = KNOCK_FORBIDDEN,
    [SL_TROUBLE_LARGE_BODY] = KNOCK_LARGE_BODY,
    [SL_TROUBLE_SLOW_BODY] = KNOCK_SLOW_BODY,
    [SL_TROUBLE_BAD_BODY] = KNOCK_BROKEN_BODY,
    [SL_TROUBLE_SIO_VERSION] = KNOCK_SIO_VERSION,
    [SL_TROUBLE_SIO_TRANSPORT] = KNOCK_SIO_TRANSPORT,
    [SL_TROUBLE_SIO_SESSION] = KNOCK_SIO_SESSION,
    [SL_TROUBLE_SIO_METHOD] = KNOCK_SIO_METHOD,
    [SL_TROUBLE_SIO_REQUEST] = KNOCK_SIO_REQUEST,
    [SL_TROUBLE_NO_UPGRADE] = KNOCK_WS_PLAIN,
    [SL_TROUBLE_NO_WS_HERE] = KNOCK_WS_PATH,
    [SL_TROUBLE_WS_VERSION] = KNOCK_WS_VERSION,
    [SL_TROUBLE_WS_KEY] = KNOCK_WS_KEY,
    [SL_TROUBLE_WS_PROTOCOL] = KNOCK_WS_PROTOCOL,
    [SL_TROUBLE_WS_TEXT] = KNOCK_WS_TEXT,
    [SL_TROUBLE_WS_LARGE] = KNOCK_LARGE_MESSAGE,
};

/* What browsers and search engines ask of every server. */
static bool is_habit(sl_str path)
{
    static const sl_str habits[] = {
        {"/favicon.ico",      12},
        {"/robots.txt",       11},
        {"/apple-touch-icon", 17},
        {"/.well-known/",     13},
        {"/sitemap.xml",      12},
    };

    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++) {
        if (str_starts(path, habits[i])) return true;
    }
    return false;
}

/* Its first bytes are what tells protocols apart; they are not kept. */
static sl_str guess(sl_str said)
{
    static const struct {
        sl_str first;
        const char *text;
    } known[] = {
        {{"SSH-", 4},     "it looks like SSH"             },
        {{"{", 1},        "it looks like bare JSON"       },
        {{"[", 1},        "it looks like bare JSON"       },
        {{"\x10", 1},     "it looks like MQTT"            },
        {{"\x03\x00", 2}, "it looks like RDP"             },
        {{"*", 1},        "it looks like Redis"           },
        {{"\x81", 1},     "it looks like WebSocket frames"},
        {{"\x05\x01", 2}, "it looks like SOCKS"           },
        {{"EHLO", 4},     "it looks like SMTP"            },
        {{"HELO", 4},     "it looks like SMTP"            },
        {{"HTTP/", 5},    "it looks like an HTTP answer"  },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (str_starts(said, known[i].first)) return sl_str_of(known[i].text);
    }
    return (sl_str){0};
}

static bool has(const sl_request *r, const char *header)
{
    return sl_request_header(r, header).ptr != NULL;
}

/* Its name may stand anywhere in a path, as /api/socket.io/; and its clients say EIO. */
static bool wants_socketio(const sl_trouble *t)
{
    static const sl_str name = {"socket.io", 9};

    for (size_t i = 0; i + name.len <= t->path.len; i++)
        if (str_starts(str_part(t->path, i, t->path.len), name)) return true;
    return t->request != NULL && sl_request_query(t->request, "EIO").len > 0;
}

static void look_at_path(const sl_trouble *t, struct knock *what)
{
    if (wants_socketio(t)) {
        what->cause = KNOCK_SIO_PATH;
        return;
    }
    if (t->code == SL_TROUBLE_NOT_FOUND) what->cure = knock_path_cure(t->path);
}

static void look_at_handshake(const sl_request *r, struct knock *what)
{
    if (has(r, "Sec-WebSocket-Key") || has(r, "Sec-WebSocket-Version"))
        what->cause = KNOCK_WS_LOST;
}

static void look_at_method(const sl_request *r, struct knock *what)
{
    if (has(r, "Sec-WebSocket-Key") || has(r, "Upgrade")) what->cause = KNOCK_WS_METHOD;
}

/* The same rules, asked once more: which of them said no. */
static void look_at_refusal(const sl_request *r, const struct access *a, struct knock *what)
{
    sl_str host = sl_request_header(r, "Host"), origin = sl_request_header(r, "Origin");

    if (!access_takes_host(a, host)) {
        what->cause = KNOCK_HOST;
        what->detail = host;
    } else if (origin.ptr != NULL && !access_takes_origin(a, host, origin)) {
        what->cause = KNOCK_ORIGIN;
        what->detail = origin;
    }
}

void knock_trouble(struct knocks *k, const struct access *a, const sl_trouble *t)
{
    struct knock what = {
        .cause = plain[t->code], .peer = t->peer, .path = t->path, .detail = sl_str_of(t->why)};

    switch (t->code) {
    case SL_TROUBLE_NOT_HTTP: what.detail = guess(t->said); break;
    case SL_TROUBLE_NOT_FOUND:
        if (is_habit(t->path)) return;
        look_at_path(t, &what);
        break;
    case SL_TROUBLE_NO_WS_HERE: look_at_path(t, &what); break;
    case SL_TROUBLE_SIO_REQUEST:
        if (!has(t->request, "Upgrade")) look_at_handshake(t->request, &what);
        break;
    case SL_TROUBLE_NO_UPGRADE: look_at_handshake(t->request, &what); break;
    case SL_TROUBLE_METHOD: look_at_method(t->request, &what); break;
    case SL_TROUBLE_REFUSED: look_at_refusal(t->request, a, &what); break;
    default: break;
    }
    knock_note(k, &what);
}
