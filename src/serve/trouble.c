/* SPDX-License-Identifier: MIT */
#include "serve/trouble.h"

#include "base/str.h"
#include "serve/request.h"
#include "serve/ws_internal.h"

void trouble_tell(const sl_server *s, const sl_trouble *t)
{
    if (s->options.on_trouble != NULL) s->options.on_trouble(t, s->options.user);
}

void trouble_request(const sl_request *r, sl_trouble_code code, const char *why)
{
    if (r->server->options.on_trouble == NULL) return;
    trouble_tell(r->server, &(sl_trouble){.code = code,
                                          .peer = sl_request_peer(r),
                                          .request = r,
                                          .path = r->path,
                                          .why = why != NULL ? why : ""});
}

static void tell_stream(const sl_server *s, const struct stream *stream, sl_trouble t)
{
    char peer[PEER_TEXT_SIZE];

    if (s->options.on_trouble == NULL) return;
    t.peer = stream_peer(stream, peer);
    if (t.why == NULL) t.why = "";
    t.said = str_part(t.said, 0, SL_TROUBLE_SAID_MAX);
    trouble_tell(s, &t);
}

/* ---- heads ---- */

/* What no request line begins with, before there is a line to look at. */
static bool is_binary(sl_str s)
{
    uint8_t c = s.len > 0 ? (uint8_t)s.ptr[0] : 'G';

    return (c < 0x20 && c != '\r' && c != '\n') || c >= 0x7f;
}

static bool begins_with_method(sl_str s)
{
    for (unsigned bit = SL_GET; bit <= SL_OPTIONS; bit <<= 1) {
        sl_str name = sl_str_of(http1_method_text(bit));

        if (str_starts(s, name) && s.len > name.len && s.ptr[name.len] == ' ') return true;
    }
    return false;
}

static bool is_tls(sl_str s)
{
    return s.len >= 2 && s.ptr[0] == 0x16 && s.ptr[1] == 0x03;
}

/* How far the reader came says what it was: see read_request_line in proto/http1.c. */
static sl_trouble_code code_of(const struct http1_head *h, sl_str said)
{
    if (is_tls(said)) return SL_TROUBLE_TLS;
    if (h->status == 414 || h->status == 431) return SL_TROUBLE_LARGE_HEAD;
    if (h->status == 505) return SL_TROUBLE_HTTP_VERSION;
    if (h->status == 400 && !begins_with_method(said)) return SL_TROUBLE_NOT_HTTP;
    if (h->method != 0 && h->target.at == 0)
        return SL_TROUBLE_HTTP_VERSION; /* 0.9: no version */
    return SL_TROUBLE_BAD_HEAD;
}

void trouble_head(const struct http_conn *c, const struct http1_head *h, const uint8_t *bytes,
                  size_t n)
{
    sl_str said = {(const char *)bytes, n};

    tell_stream(c->server, c->stream,
                (sl_trouble){.code = code_of(h, said), .why = h->why, .said = said});
}

void trouble_slow_head(const struct http_conn *c)
{
    sl_str said = c->partial != NULL ? sl_buf_str(c->partial->buf) : (sl_str){0};

    tell_stream(
        c->server, c->stream,
        (sl_trouble){.code = is_binary(said) ? SL_TROUBLE_NOT_HTTP : SL_TROUBLE_SLOW_HEAD,
                     .said = said});
}

/* ---- ends ---- */

void trouble_end(const struct http_conn *c, int why)
{
    const sl_request *r = c->request;
    sl_str said = {0};

    if (why == SL_E_STOPPING || why == SL_E_NOMEM) return; /* that was us */
    if (!c->heard) {
        tell_stream(c->server, c->stream, (sl_trouble){.code = SL_TROUBLE_SILENT});
    } else if (r != NULL && !r->whole && !r->answered) {
        trouble_request(r, SL_TROUBLE_CUT, NULL);
    } else if (r == NULL && http_read_has_begun(c)) {
        said = sl_buf_str(c->partial->buf);
        tell_stream(c->server, c->stream,
                    (sl_trouble){.code = is_binary(said) ? SL_TROUBLE_NOT_HTTP : SL_TROUBLE_CUT,
                                 .said = said});
    }
}

void trouble_ws(const sl_ws *ws, int close_code, const char *why)
{
    sl_trouble_code code = SL_TROUBLE_WS_PROTOCOL;

    if (close_code == WS_BAD_DATA) code = SL_TROUBLE_WS_TEXT;
    if (close_code == WS_TOO_BIG) code = SL_TROUBLE_WS_LARGE;
    if (close_code == WS_INTERNAL_ERROR) return; /* no memory: ours */
    tell_stream(ws->server, ws->stream,
                (sl_trouble){.code = code, .path = sl_str_of(sl__ws_path(ws)), .why = why});
}

/* Whatever it would have spoken: all that we speak begins as HTTP. Its end is the answer's. */
#define SENT_AWAY(sentence)                                                  \
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n" \
    "Retry-After: 5\r\nConnection: close\r\n\r\n{\"error\":\"" sentence "\"}"

const char *const trouble_said[ACCEPT_REFUSALS] = {
    [ACCEPT_MAX] = SENT_AWAY("there are as many connections as this server takes: "
                             "try again in 5 s"),
    [ACCEPT_ADDRESS] = SENT_AWAY("this address has as many connections as one may have: "
                                 "try again in 5 s"),
    [ACCEPT_FILES] = SENT_AWAY("this server has as many open files as it may: "
                               "try again in 5 s"),
};

void trouble_accept(enum accept_refusal refusal, const char *peer, void *user)
{
    trouble_tell(user,
                 &(sl_trouble){.code = refusal == ACCEPT_ADDRESS ? SL_TROUBLE_TOO_MANY_HERE
                                                                 : SL_TROUBLE_TOO_MANY,
                               .peer = peer,
                               .why = ""});
}
