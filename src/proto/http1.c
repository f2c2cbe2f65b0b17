/* SPDX-License-Identifier: MIT */
/*
 * The head, line by line. A line is looked at twice at most: once for its end (eight bytes at
 * a time, wherever it is cut), once for its parts when it is whole. So a verdict never
 * depends on how the bytes were cut.
 *
 *   START ──► LINE ──CRLF──► FIELDS ──empty line──► DONE
 *     one CRLF     │                │
 *     is skipped   └────────────────┴──► FAILED
 */
#include "proto/http1.h"

#include "base/assert.h"
#include "base/str.h"
#include "proto/chars.h"
#include "proto/http1_inner.h"
#include "proto/url.h"

#include <stdarg.h>
#include <stdio.h>

#define HEAD_LEAST 64                 /* less could not hold a request */
#define HEAD_MOST  (64 * 1024 * 1024) /* offsets have 32 bits */

int http1_refuse(struct http1_head *h, int status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(h->why, sizeof h->why, fmt, args);
    va_end(args);
    h->status = status;
    h->state = HTTP1_FAILED;
    return SL_E_HTTP;
}

/* ---- where a line ends ---- */

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/*
 * The first control byte (DEL included, HTAB not) in [from, to), or `to`.
 *
 * Eight at a time: in `hit` the high bit of a byte is set when the byte is below 0x20 or 0x7f.
 * A borrow can only forge hits above a true one, so the lowest is exact on a little-endian
 * machine; HTAB is sorted out byte by byte.
 */
static uint32_t find_control(const char *p, uint32_t from, uint32_t to)
{
    uint32_t i = from;

    while (i < to) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (to - i >= 8) {
            uint64_t x, del, hit;

            memcpy(&x, p + i, 8);
            del = x ^ (ONES * 0x7f);
            hit = (((x - ONES * 0x20) & ~x) | ((del - ONES) & ~del)) & HIGHS;
            if (hit == 0) {
                i += 8;
                continue;
            }
            i += (uint32_t)__builtin_ctzll(hit) / 8;
        }
#endif
        if (!chars_is(p[i], CH_VALUE)) return i;
        i++;
    }
    return to;
}

static int refuse_control(struct http1_head *h, unsigned byte)
{
    if (byte == '\n') {
        return http1_refuse(h, 400, "a line ends in LF alone: end every line with CR LF");
    }
    if (byte == '\r') {
        return http1_refuse(h, 400,
                            "a CR without LF: end every line with CR LF, send no CR elsewhere");
    }
    return http1_refuse(h, 400, "control byte 0x%02x in the head: send visible characters only",
                        byte);
}

static int refuse_length(struct http1_head *h)
{
    if (h->state == HTTP1_LINE) {
        return http1_refuse(h, 414,
                            "the request line is longer than %u bytes: shorten the address",
                            h->line_max < h->head_max ? h->line_max : h->head_max);
    }
    return http1_refuse(h, 431,
                        "the headers are longer than %u bytes: send fewer or shorter ones",
                        h->head_max);
}

/* Find the end of the current line. Never looks past a limit, however much has arrived. */
static int find_line(struct http1_head *h, const char *bytes, size_t len, uint32_t *end)
{
    uint32_t limit = h->head_max, have, at;

    if (h->state == HTTP1_LINE && limit - h->line_at > h->line_max)
        limit = h->line_at + h->line_max;
    have = len < limit ? (uint32_t)len : limit;
    at = find_control(bytes, h->scan, have);
    h->scan = at;
    if (at < have && bytes[at] != '\r') return refuse_control(h, (uint8_t)bytes[at]);
    if (at + 1 >= have) return have == limit ? refuse_length(h) : SL_E_PARTIAL;
    if (bytes[at + 1] != '\n') return refuse_control(h, '\r');
    h->scan = at + 2;
    *end = at;
    return 0;
}

/* ---- the request line, RFC 9112 §3 ---- */

static const struct {
    sl_str name;
    unsigned bit;
} methods[] = {
    {{"GET", 3},     SL_GET    },
    {{"POST", 4},    SL_POST   },
    {{"HEAD", 4},    SL_HEAD   },
    {{"OPTIONS", 7}, SL_OPTIONS},
    {{"PUT", 3},     SL_PUT    },
    {{"PATCH", 5},   SL_PATCH  },
    {{"DELETE", 6},  SL_DELETE },
};
#define METHODS (sizeof methods / sizeof *methods)

const char *http1_method_text(unsigned method)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (methods[i].bit == method) return methods[i].name.ptr;
    }
    return "";
}

static unsigned find_method(sl_str name)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (sl_str_eq(methods[i].name, name)) return methods[i].bit;
    }
    return 0;
}

/* Exactly "HTTP/1.1" or "HTTP/1.0", §2.3; the name is case-sensitive. */
static int read_version(struct http1_head *h, sl_str s)
{
    if (s.len != 8 || memcmp(s.ptr, "HTTP/", 5) != 0 || !chars_is(s.ptr[5], CH_DIGIT)
        || s.ptr[6] != '.' || !chars_is(s.ptr[7], CH_DIGIT)) {
        return http1_refuse(h, 400,
                            "the request line must be METHOD, target and HTTP/1.1, each"
                            " separated by one space");
    }
    if (s.ptr[5] != '1' || s.ptr[7] > '1') {
        return http1_refuse(h, 505, "HTTP version %c.%c is not spoken here: use HTTP/1.1",
                            s.ptr[5], s.ptr[7]);
    }
    h->minor = (uint8_t)(s.ptr[7] - '0');
    return 0;
}

/* "http://host:port/path?query", §3.2.2; its host counts, whatever Host says. */
static int read_absolute(struct http1_head *h, sl_str s)
{
    static const sl_str schemes[] = {
        {"http://",  7},
        {"https://", 8}
    };
    struct url_authority ignored;
    size_t skip = 0, end;

    for (size_t i = 0; i < 2 && skip == 0; i++) {
        sl_str scheme = {s.ptr, s.len < schemes[i].len ? s.len : schemes[i].len};
        if (str_eq_nocase(scheme, schemes[i])) skip = schemes[i].len;
    }
    if (skip == 0) {
        return http1_refuse(h, 400, "the request target must begin with '/' or with http://");
    }
    for (end = skip; end < s.len && s.ptr[end] != '/' && s.ptr[end] != '?';)
        end++;
    if (url_authority_parse((sl_str){s.ptr + skip, end - skip}, &ignored) < 0) {
        return http1_refuse(h, 400,
                            "the host in the request target is not a valid host or host:port");
    }
    h->form = HTTP1_ABSOLUTE;
    h->host = (struct http1_span){h->target.at + (uint32_t)skip, (uint32_t)(end - skip)};
    h->target.at += (uint32_t)end;
    h->target.len -= (uint32_t)end;
    return 0;
}

static int read_target(struct http1_head *h, sl_str s)
{
    if (s.len == 0)
        return http1_refuse(h, 400, "more than one space in a row in the request line");
    if (chars_span(s, CH_TARGET) != s.len) {
        return http1_refuse(h, 400,
                            "the request target holds a fragment, a tab or a byte that is not"
                            " ASCII: percent-encode it");
    }
    if (h->method == 0 || s.ptr[0] == '/') return 0;
    if (s.ptr[0] != '*' || s.len != 1) return read_absolute(h, s);
    if (h->method != SL_OPTIONS) {
        return http1_refuse(h, 400, "the request target * is for OPTIONS only");
    }
    h->form = HTTP1_ASTERISK;
    return 0;
}

static int read_request_line(struct http1_head *h, uint32_t at, uint32_t end)
{
    const char *p = h->base + at, *sp;
    sl_str line = {p, end - at}, target;
    uint32_t m = (uint32_t)chars_span(line, CH_TOKEN);
    int rc;

    if (line.len == 0) {
        return http1_refuse(h, 400,
                            "an empty line where the request line belongs: send one CR LF at"
                            " most between requests");
    }
    if (m == 0 || m == line.len || p[m] != ' ') {
        return http1_refuse(h, 400, "the request line must begin with a method and one space");
    }
    h->method_text = (struct http1_span){at, m};
    h->method = find_method((sl_str){p, m});
    sp = memchr(p + m + 1, ' ', line.len - m - 1);
    if (sp == NULL) {
        return http1_refuse(h, 400,
                            "the request line names no version (HTTP/0.9): end it with"
                            " HTTP/1.1");
    }
    target = (sl_str){p + m + 1, (size_t)(sp - p) - m - 1};
    h->target = (struct http1_span){at + m + 1, (uint32_t)target.len};
    rc = read_version(h, (sl_str){sp + 1, line.len - (size_t)(sp + 1 - p)});
    return rc < 0 ? rc : read_target(h, target);
}

/* ---- the whole ---- */

void http1_head_init(struct http1_head *h, size_t head_max)
{
    memset(h, 0, offsetof(struct http1_head, field));
    if (head_max == 0) head_max = HTTP1_HEAD_MAX;
    if (head_max < HEAD_LEAST) head_max = HEAD_LEAST;
    if (head_max > HEAD_MOST) head_max = HEAD_MOST;
    h->head_max = (uint32_t)head_max;
    h->line_max = HTTP1_LINE_MAX;
    h->fields_max = HTTP1_FIELDS_MAX;
}

/* What can be said before there is a line: a TLS client, and one CRLF too many, §2.2. */
static int start(struct http1_head *h, const char *bytes, size_t len)
{
    bool maybe_tls, maybe_crlf;

    if (len == 0) return SL_E_PARTIAL;
    maybe_tls = bytes[0] == 0x16;
    maybe_crlf = bytes[0] == '\r';
    if (len == 1 && (maybe_tls || maybe_crlf)) return SL_E_PARTIAL;
    if (maybe_tls && bytes[1] == 0x03) {
        return http1_refuse(h, 400,
                            "this port speaks plain HTTP, not TLS: use http:// or ws://");
    }
    if (maybe_crlf && bytes[1] == '\n') h->line_at = h->scan = 2;
    h->state = HTTP1_LINE;
    return 0;
}

int http1_head_feed(struct http1_head *h, const char *bytes, size_t len)
{
    int rc = 0;

    SL_ASSERT(len >= h->scan);
    if (h->state == HTTP1_FAILED) return SL_E_HTTP;
    h->base = bytes;
    if (h->state == HTTP1_START) rc = start(h, bytes, len);
    while (rc == 0 && h->state != HTTP1_DONE) {
        uint32_t at = h->line_at, end = at;

        rc = find_line(h, bytes, len, &end);
        if (rc < 0) break;
        h->line_at = h->scan;
        if (h->state == HTTP1_LINE) {
            rc = read_request_line(h, at, end);
            if (rc == 0) h->state = HTTP1_FIELDS;
        } else {
            rc = at == end ? http1_read_end(h) : http1_read_field(h, at, end);
        }
    }
    return rc;
}
