/* SPDX-License-Identifier: MIT */
/* The rows about who stands between us and the hub, and what that one holds back. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/dial_http.h"
#include "cli/doctor.h"

#include <stdio.h>

#define LATE_MS         500
#define MIB             (1024 * 1024)
#define STATUS_LINE_LEN 12 /* "HTTP/1.1 200" */

void step_between(struct doctor *d, struct finding *f)
{
    if (d->between[0] == '\0')
        found(f, FOUND_PASS, "nobody, as far as the answers tell");
    else
        found(f, FOUND_PASS, "%s answers for the hub", d->between);
}

static const char *who(const struct doctor *d)
{
    return d->between[0] != '\0' ? d->between : "whoever is between";
}

/* Connect and say `method` on `path` with these fields, each with its line end. */
static int begin(struct doctor *d, struct dial *dial, const char *method, const char *path,
                 const char *fields)
{
    char text[1600], whole[DOCTOR_PATH_SIZE];
    sl_str ask;
    int n, rc;

    n = snprintf(text, sizeof text,
                 "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice-doctor\r\n%s\r\n", method,
                 doctor_path(d, path, whole), d->url.at, fields);
    if (n < 0 || (size_t)n >= sizeof text) return SL_E_TOO_BIG;
    dial_limit(dial, d->timeout_ms);
    rc = dial_open(dial, &d->url);
    ask = (sl_str){text, (size_t)n};
    return rc == 0 ? dial_send(dial, &ask) : rc;
}

/* Until the peer ends. returns 0 if it does, SL_E_TIMEOUT if not, or what dial_recv says */
static int read_away(struct dial *dial)
{
    char waste[2048];
    int64_t n;

    while ((n = dial_recv(dial, waste, sizeof waste)) > 0) {
    }
    return (int)n;
}

/* ---- buffering ---- */

/* Until a first byte of the body. returns 0, SL_E_CLOSED, or what dial_recv and reply_feed say
 */
static int await_body(struct dial *dial, struct reply *r)
{
    char piece[2048];

    while (r->body.len == 0) {
        int64_t n = dial_recv(dial, piece, sizeof piece);
        size_t used;
        int rc;

        if (n <= 0) return n < 0 ? (int)n : SL_E_CLOSED;
        rc = reply_feed(r, piece, (size_t)n, &used);
        if (rc != SL_E_PARTIAL) return rc;
    }
    return 0;
}

/*
 * A feed does not end by itself: if it ends late, without a first word or right behind it, that
 * word was kept until somebody lost patience with the hub.
 */
static bool was_kept(struct dial *dial, const struct reply *r, int rc, uint64_t took_ms)
{
    if (rc == SL_E_TIMEOUT) return true;
    if (took_ms < LATE_MS || r->status != 200) return false;
    dial_limit(dial, LATE_MS);
    return rc == SL_E_CLOSED || (rc == 0 && read_away(dial) != SL_E_TIMEOUT);
}

/* The feed of events says hello at once, and then nothing for long. */
void step_buffering(struct doctor *d, struct finding *f)
{
    static const char path[] = "/api/events";
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial dial = DIAL_NONE;
    uint64_t began = dial_now_ms();
    char text[96];
    int rc = SL_E_NOMEM;
    bool is_kept;

    if (r != NULL) rc = begin(d, &dial, "GET", path, "Accept: text/event-stream\r\n");
    if (rc == 0) rc = await_body(&dial, r);
    is_kept = r != NULL && was_kept(&dial, r, rc, dial_now_ms() - began);
    dial_close(&dial);
    if (is_kept) {
        found(f, FOUND_WARN,
              "the hub's first word on %s is not here after %.1f s: %s keeps it back, and so "
              "live pictures and events",
              path, (double)(dial_now_ms() - began) / 1000, who(d));
        next_is(f, "switch the proxy's buffering off for the hub");
        f->paste = &paste_buffering;
    } else if (rc < 0) {
        found(f, FOUND_WARN, "%s: %s", path, sl_strerror(rc, text, sizeof text));
    } else if (r->status != 200) {
        found(f, FOUND_SKIP, "%s answers %d: nothing to see it by", path, r->status);
    } else {
        found(f, FOUND_PASS, "a first word came at once");
    }
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

/* ---- bodies ---- */

/*
 * What is said to the head of such a request alone: RFC 9110 §10.1.1 lets us ask before the
 * body goes out, so none ever does, and nothing is stored.
 *
 * returns  a status, 100 if the body is wanted; or an error
 */
static int ask_for_room(struct doctor *d, uint64_t bytes)
{
    struct dial dial = DIAL_NONE;
    char fields[160], got[STATUS_LINE_LEN];
    size_t len = 0;
    uint64_t status = 0;
    int rc;

    snprintf(fields, sizeof fields,
             "Content-Type: application/json\r\nContent-Length: %llu\r\n"
             "Expect: 100-continue\r\nConnection: close\r\n",
             (unsigned long long)bytes);
    rc = begin(d, &dial, "POST", "/api/device/frames", fields);
    while (rc == 0 && len < sizeof got) {
        int64_t n = dial_recv(&dial, got + len, sizeof got - len);

        if (n <= 0)
            rc = n < 0 ? (int)n : SL_E_CLOSED;
        else
            len += (size_t)n;
    }
    if (rc == 0
        && (!str_starts((sl_str){got, len}, SL_STR("HTTP/1."))
            || !str_to_u64((sl_str){got + 9, 3}, &status)))
        rc = SL_E_HTTP;
    dial_limit(&dial, LATE_MS);
    if (status > 413) (void)read_away(&dial); /* who is no proxy gets to say why */
    dial_close(&dial);
    return rc < 0 ? rc : (int)status;
}

/* The largest first: what the hub takes, and what proxies are set to out of the box. */
static const struct {
    uint64_t bytes;
    const char *text;
} sizes[] = {
    {16 * MIB,   "16 MiB" },
    {10 * MIB,   "10 MiB" },
    {4 * MIB,    "4 MiB"  },
    {MIB,        "1 MiB"  },
    {256 * 1024, "256 KiB"},
    {64 * 1024,  "64 KiB" },
    {8 * 1024,   "8 KiB"  },
};

void step_body(struct doctor *d, struct finding *f)
{
    const size_t n = sizeof sizes / sizeof *sizes;
    int status = 413;
    size_t i = 0;
    char text[96];

    while (i < n && (status = ask_for_room(d, sizes[i].bytes)) == 413)
        i++;
    if (i == 0 && status == 100) {
        found(f, FOUND_PASS, "one of %s is taken", sizes[0].text);
    } else if (i == 0) {
        found(f, FOUND_SKIP, "it is not told: %s",
              status < 0 ? sl_strerror(status, text, sizeof text) : "no 100 Continue");
    } else {
        found(f, FOUND_WARN, "%s refuses bodies of %s (413), and takes %s%s", who(d),
              sizes[i - 1].text, i < n ? sizes[i].text : "less than ",
              i < n ? "" : sizes[n - 1].text);
        next_is(f, "let it take 16 MiB, as the hub does");
        f->paste = &paste_body;
    }
}

/* ---- sessions ---- */

void doctor_end_session(const struct doctor *d, const char *sid, int revision)
{
    char text[1600], path[DOCTOR_PATH_SIZE];
    const char *body = revision == 3 ? "1:1" : "1"; /* close, as one packet */
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial dial = DIAL_NONE;
    size_t rest;
    sl_str ask;
    int n;

    if (r == NULL) return;
    n = snprintf(text, sizeof text,
                 "POST %s?EIO=%d&transport=polling&sid=%s HTTP/1.1\r\nHost: %s\r\n"
                 "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n\r\n%s",
                 doctor_path(d, "/socket.io/", path), revision, sid, d->url.at, strlen(body),
                 body);
    ask = (sl_str){text, (size_t)n};
    dial_limit(&dial, d->timeout_ms);
    if (n > 0 && (size_t)n < sizeof text && dial_open(&dial, &d->url) == 0
        && dial_send(&dial, &ask) == 0 && dial_read_reply(&dial, r, NULL, 0, &rest) < 0) {
        /* it is forgotten there by itself, a little later */
    }
    dial_close(&dial);
    reply_deinit(r);
    sl__free(r);
}
