/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 requests, bytes in, facts out: the head and the chunked body. No socket, no clock,
 * no allocation. Strict: what two readers could understand differently is refused.
 *
 *   | [CRLF] METHOD SP target SP HTTP/1.x CRLF | name ":" value CRLF ... | CRLF | body ...
 *     ^ base                                     ^ field[]                      ^ head_len
 *
 * The caller gathers bytes in one contiguous buffer and feeds it from its beginning each time
 * it has grown; every byte is looked at once. The head holds offsets, so the buffer may move
 * between feeds (http1_head_rebase tells it about a move after the last one).
 *
 * source   RFC 9112 (messages), RFC 9110 (fields)
 */
#ifndef PROTO_HTTP1_H
#define PROTO_HTTP1_H

#include "sluice/http.h"

#define HTTP1_FIELDS_MAX   100
#define HTTP1_HEAD_MAX     16384 /* default bytes of a head */
#define HTTP1_LINE_MAX     8192  /* bytes of the request line; RFC 9112 §3 asks for 8000 */
#define HTTP1_EXT_MAX      16384 /* bytes of chunk extensions in one body */
#define HTTP1_TRAILERS_MAX 8192  /* bytes of trailers */
#define HTTP1_WHY_SIZE     160

struct http1_span {
    uint32_t at, len; /* bytes from the beginning of what was fed */
};

struct http1_field {
    struct http1_span name, value; /* the value without the white space around it */
};

enum http1_form {
    HTTP1_ORIGIN,   /* "/path?query" */
    HTTP1_ABSOLUTE, /* "http://host/path?query" */
    HTTP1_ASTERISK, /* "*", of OPTIONS only */
};

/* Read-only for the caller. Facts are complete when http1_head_feed has returned 0. */
struct http1_head {
    const char *base; /* where the bytes were at the last feed */

    /* the request line */
    unsigned method; /* one of SL_GET … SL_OPTIONS */
    enum http1_form form;
    struct http1_span method_text;
    struct http1_span target; /* path and query; in the absolute form what follows the host,
                                 which may be empty: url_split makes "/" of it */
    uint8_t minor;            /* 1: HTTP/1.1, 0: HTTP/1.0 */

    /* what the fields mean */
    struct http1_span host;  /* with port; of the absolute form if there is one; len 0 only in
                                an HTTP/1.0 request without Host */
    uint64_t content_length; /* 0 if there is none, or if chunked */
    bool has_length;         /* there was a Content-Length */
    bool chunked;
    bool keep_alive;      /* the peer would send another request after this one */
    bool expect_continue; /* a body follows once "100 Continue" was sent */
    bool upgrade;         /* Connection: upgrade with an Upgrade field, HTTP/1.1 */
    bool websocket;       /* ... whose list names "websocket" */

    uint32_t head_len; /* bytes of the whole head, where the body begins */
    uint32_t n;        /* fields */

    /* after SL_E_HTTP: what to answer; then close, nothing behind it can be trusted */
    int status;
    char why[HTTP1_WHY_SIZE]; /* one sentence, cause and cure */

    /* private to http1.c */
    uint32_t head_max, line_max, fields_max;
    uint32_t line_at, scan; /* the current line, and how far it has been looked at */
    uint8_t state, seen;
    bool close, keep, connection_upgrade;

    struct http1_field field[HTTP1_FIELDS_MAX]; /* last: init does not clear it */
};

/*
 * Ready for a request; also for the next one on the same connection.
 *
 * head_max     bytes of request line, fields and empty line together; 0: HTTP1_HEAD_MAX
 */
void http1_head_init(struct http1_head *h, size_t head_max);

/*
 * Look at what has arrived.
 *
 * bytes    from the first byte of this request on, all of it each time
 * returns  0: the head is complete, `head_len` bytes; more bytes may follow it.
 *          SL_E_PARTIAL: feed again when there are more. It is never returned once head_max
 *          bytes are there, so a buffer of head_max bytes is large enough.
 *          SL_E_HTTP: `status` (400, 414, 417, 431, 501, 505) and `why`; http1_find works on
 *          the fields that came before the fault, so that the answer can carry CORS headers.
 *          After 0 or SL_E_HTTP every further feed returns the same.
 * source   RFC 9112 §2.2, §3, §5, §6
 */
int http1_head_feed(struct http1_head *h, const char *bytes, size_t len) SL_MUST_USE;

/* The bytes are somewhere else now. */
static inline void http1_head_rebase(struct http1_head *h, const char *bytes)
{
    h->base = bytes;
}

/* The bytes of a span. */
static inline sl_str http1_text(const struct http1_head *h, struct http1_span s)
{
    return (sl_str){h->base + s.at, s.len};
}

static inline sl_str http1_field_name(const struct http1_head *h, uint32_t i)
{
    return http1_text(h, h->field[i].name);
}

static inline sl_str http1_field_value(const struct http1_head *h, uint32_t i)
{
    return http1_text(h, h->field[i].value);
}

/* The value of the first field with this name, in any case; ptr NULL if there is none. */
sl_str http1_find(const struct http1_head *h, const char *name);

/* How many fields have this name. */
uint32_t http1_count(const struct http1_head *h, const char *name);

/* Whether any field of this name lists this token, in any case. */
bool http1_has_token(const struct http1_head *h, const char *name, const char *token);

/* Whether a comma-separated list has this token, in any case; parameters are not looked at. */
bool http1_list_has(sl_str value, const char *token);

/* ---- the chunked body, RFC 9112 §7.1 ---- */

struct http1_chunks {
    uint64_t left;     /* data bytes still to come in this chunk */
    uint64_t body;     /* data bytes promised by the chunks so far */
    uint64_t body_max; /* private, as are all below but status and why */
    uint32_t ext_bytes, trailer_bytes;
    uint8_t state, digits;
    int status;      /* after SL_E_HTTP: 400, 413 or 431 */
    const char *why; /* one sentence; static */
};

/* body_max     data bytes; decided on the announced chunk size, before the chunk arrives */
void http1_chunks_init(struct http1_chunks *c, uint64_t body_max);

/*
 * Take some of the bytes that follow the head: at most one piece of data per call.
 *
 *     while (n > 0 && rc == SL_E_PARTIAL) {
 *         rc = http1_chunks_feed(&c, in, n, &used, &data);
 *         append(data), in += used, n -= used;
 *     }
 *
 * used     how many bytes were taken, at least one if there were any; data included
 * data     a slice of `in`; len 0 if there is none
 * returns  SL_E_PARTIAL: go on with the rest, or wait for more; 0: the body is complete, what
 *          follows is the next request, and the reader is not to be fed again; SL_E_HTTP:
 *          `status` and `why`, then close
 */
int http1_chunks_feed(struct http1_chunks *c, const char *in, size_t n, size_t *used,
                      sl_str *data) SL_MUST_USE;

/* ---- words ---- */

/* "Not Found"; "" for a status that has no name here. */
const char *http1_status_text(int status);

/* A method's name; "" if `method` is not exactly one of SL_GET … SL_OPTIONS. */
const char *http1_method_text(unsigned method);

/* RFC 9110 §5.6.2: not empty, and nothing but token characters. */
bool http1_is_token(sl_str s);

/* RFC 9110 §5.5: no control bytes but HTAB. What is set as a header must be this. */
bool http1_is_value(sl_str s);

#endif
