/* SPDX-License-Identifier: MIT */
#include "client/dial.h"

#include "net/connect.h"

#include <stdio.h>

/* What waits is bounded above; a stream must take what it is given: pongs, the last message. */
#define WAITING_MAX ((size_t)1 << 30)

static int begin(sl_loop *loop, const struct dial_url *to, uint32_t timeout_ms, dial_fn *fn,
                 void *user, void **call)
{
    const struct connect_options o = {
        .host = to->host,
        .port = to->port,
        .timeout_ms = timeout_ms,
        .stream = {.waiting_max = WAITING_MAX},
    };
    struct connect *c;
    int rc = connect_open(loop, &o, fn, user, &c);

    *call = c;
    return rc;
}

static void cancel(void *call)
{
    connect_cancel(call);
}

const struct dialer dial_tcp = {begin, cancel};

/* ---- streams that nobody listens to ---- */

static void on_nothing(struct stream *s, uint8_t *bytes, size_t n)
{
    (void)s;
    (void)bytes;
    (void)n;
}

static void on_nobody(struct stream *s, int why)
{
    (void)s;
    (void)why;
}

void dial_let_go(struct stream *s, bool now)
{
    static const struct stream_events nobody = {.on_bytes = on_nothing, .on_gone = on_nobody};

    sl__stream_set_events(s, &nobody, NULL);
    sl__stream_read_into(s, NULL, 0); /* that was its user's */
    if (now)
        sl__stream_close(s, 0);
    else
        sl__stream_end(s, 0);
}

const char *dial_why(int rc, const struct dial_url *to, char *buf, size_t size)
{
    char text[96];

    switch (rc) {
    case SL_E_NOT_FOUND:
        snprintf(buf, size, "the name %s means nothing here: is it written right?", to->host);
        break;
    case SL_E_TIMEOUT:
        snprintf(buf, size, "nobody answers at %s:%s", to->host, to->port);
        break;
    case UV_ECONNREFUSED:
        snprintf(buf, size, "nobody listens at %s:%s: does the server run?", to->host,
                 to->port);
        break;
    default:
        snprintf(buf, size, "%s:%s: %s", to->host, to->port,
                 sl_strerror(rc, text, sizeof text));
    }
    return buf;
}
