/* SPDX-License-Identifier: MIT */
/*
 * A second opinion: http_parser 2.9 reads the same bytes. Whatever we accept, it must accept
 * and understand alike; where it accepts what we refuse, the row says so.
 */
#include "base/str.h"
#include "proto/http1.h"
#include "proto/http1_vectors.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <http_parser.h>

#include <stdio.h>
#include <stdlib.h>

#define FIELDS 32

/* What one reader understood. */
struct reading {
    bool accepted, done; /* done: the body's end was seen as well */
    const char *why;
    char method[16];
    char url[512];
    size_t url_len;
    char text[4096]; /* fields: name NUL value NUL ... */
    size_t text_len;
    uint32_t n;
    bool value_last, keep_alive, chunked;
    uint64_t content_length;
    char body[1024];
    size_t body_len;
    size_t end; /* bytes of the whole request, when done */
};

/* ---- theirs ---- */

static int on_url(http_parser *p, const char *at, size_t n)
{
    struct reading *r = p->data;

    assert_true(r->url_len + n <= sizeof r->url);
    memcpy(r->url + r->url_len, at, n);
    r->url_len += n;
    return 0;
}

static void add_text(struct reading *r, const char *at, size_t n)
{
    assert_true(r->text_len + n + 1 <= sizeof r->text);
    memcpy(r->text + r->text_len, at, n);
    r->text_len += n;
    r->text[r->text_len] = '\0';
}

static int on_field(http_parser *p, const char *at, size_t n)
{
    struct reading *r = p->data;

    if (r->accepted) return 0; /* a trailer */
    if (r->n == 0 || r->value_last) {
        r->text_len += r->n > 0;
        r->n++;
    }
    r->value_last = false;
    add_text(r, at, n);
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
    struct reading *r = p->data;

    if (r->accepted) return 0;
    if (!r->value_last) r->text_len++;
    r->value_last = true;
    add_text(r, at, n);
    return 0;
}

static int on_head(http_parser *p)
{
    struct reading *r = p->data;

    if (r->n > 0) r->text_len++;
    r->accepted = true;
    snprintf(r->method, sizeof r->method, "%s", http_method_str((enum http_method)p->method));
    r->chunked = (p->flags & F_CHUNKED) != 0;
    r->content_length = p->flags & F_CONTENTLENGTH ? p->content_length : 0;
    r->keep_alive = http_should_keep_alive(p);
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    struct reading *r = p->data;

    assert_true(r->body_len + n <= sizeof r->body);
    memcpy(r->body + r->body_len, at, n);
    r->body_len += n;
    return 0;
}

static int on_done(http_parser *p)
{
    struct reading *r = p->data;

    r->done = true;
    http_parser_pause(p, 1);
    return 0;
}

static void read_theirs(sl_str in, struct reading *r)
{
    static const http_parser_settings settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_head,
        .on_body = on_body,
        .on_message_complete = on_done,
    };
    http_parser p;

    memset(r, 0, offsetof(struct reading, body));
    r->body_len = r->end = 0;
    http_parser_init(&p, HTTP_REQUEST);
    p.data = r;
    r->end = http_parser_execute(&p, &settings, in.ptr, in.len);
    r->why = http_errno_description(HTTP_PARSER_ERRNO(&p));
}

/* ---- ours ---- */

static void read_chunks(sl_str in, struct reading *r)
{
    struct http1_chunks c;
    int rc = SL_E_PARTIAL;

    http1_chunks_init(&c, sizeof r->body);
    while (in.len > 0 && rc == SL_E_PARTIAL) {
        size_t used;
        sl_str data;

        rc = http1_chunks_feed(&c, in.ptr, in.len, &used, &data);
        if (data.len > 0) memcpy(r->body + r->body_len, data.ptr, data.len);
        r->body_len += data.len;
        r->end += used;
        in = str_part(in, used, in.len);
    }
    r->done = rc == 0;
    if (rc == SL_E_HTTP) r->why = c.why;
}

static void read_ours(sl_str in, struct http1_head *h, struct reading *r)
{
    sl_str rest;
    int rc;

    memset(r, 0, offsetof(struct reading, body));
    r->body_len = r->end = 0;
    http1_head_init(h, 0);
    rc = http1_head_feed(h, in.ptr, in.len);
    r->accepted = rc == 0;
    r->why = h->why;
    if (rc < 0) return;
    r->end = h->head_len;
    rest = str_part(in, h->head_len, in.len);
    if (h->chunked) {
        read_chunks(rest, r);
    } else if (rest.len >= h->content_length) {
        assert_true(h->content_length <= sizeof r->body);
        r->body_len = (size_t)h->content_length;
        memcpy(r->body, rest.ptr, r->body_len);
        r->end += r->body_len;
        r->done = true;
    }
}

/* ---- comparing ---- */

static void complain(sl_str in, const char *what)
{
    fprintf(stderr, "# ");
    for (size_t i = 0; i < in.len; i++) {
        int c = (uint8_t)in.ptr[i];
        fprintf(stderr, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    fprintf(stderr, "\n");
    fail_msg("the readers differ: %s", what);
}

static void compare_fields(sl_str in, const struct http1_head *h, const struct reading *theirs)
{
    const char *at = theirs->text;

    if (h->n != theirs->n) complain(in, "number of fields");
    for (uint32_t i = 0; i < h->n; i++) {
        sl_str name = sl_str_of(at), value = sl_str_of(at + name.len + 1);

        if (!sl_str_eq(name, http1_field_name(h, i))) complain(in, "a name");
        if (!sl_str_eq(str_trim_ows(value), http1_field_value(h, i))) complain(in, "a value");
        at = value.ptr + value.len + 1;
    }
}

static void compare(sl_str in, const struct http1_head *h, const struct reading *ours,
                    const struct reading *theirs)
{
    sl_str url = {theirs->url, theirs->url_len};

    if (!theirs->accepted) complain(in, theirs->why);
    if (strcmp(theirs->method, http1_method_text(h->method)) != 0) complain(in, "method");
    if (h->form == HTTP1_ABSOLUTE ? !str_ends(url, http1_text(h, h->target))
                                  : !sl_str_eq(url, http1_text(h, h->target))) {
        complain(in, "target");
    }
    compare_fields(in, h, theirs);
    if (h->chunked != theirs->chunked) complain(in, "chunked");
    if (!h->chunked && h->content_length != theirs->content_length) complain(in, "length");
    if (h->keep_alive && !theirs->keep_alive) complain(in, "keep-alive");
    if (ours->done != theirs->done) complain(in, ours->done ? theirs->why : "not the end yet");
    if (!ours->done) return;
    if (ours->end != theirs->end) complain(in, "where the request ends");
    if (!sl_str_eq((sl_str){ours->body, ours->body_len},
                   (sl_str){theirs->body, theirs->body_len})) {
        complain(in, "body");
    }
}

/* ---- the vectors ---- */

static void the_vectors(void **state)
{
    static struct reading ours, theirs;
    static struct http1_head h;
    uint32_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < HEAD_ROWS; i++) {
        const struct head_row *row = &head_rows[i];

        http1_head_init(&h, 0);
        read_theirs(row->in, &theirs);
        if (http1_head_feed(&h, row->in.ptr, row->in.len) == 0) {
            ours.done = theirs.done; /* only the head is there */
            ours.end = theirs.end;
            ours.body_len = theirs.body_len = 0;
            compare(row->in, &h, &ours, &theirs);
        } else if (theirs.accepted != row->stricter) {
            fprintf(stderr, "# %s: the second reader %s (%s)\n", row->name,
                    theirs.accepted ? "accepts" : "refuses", theirs.why);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* Bodies that we refuse and they take. */
static void stricter_chunks(void **state)
{
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    static const sl_str bodies[] = {
        B(CHUNKED "1 \r\nx\r\n0\r\n\r\n"),                /* white space behind the size */
        B(CHUNKED "1;\r\nx\r\n0\r\n\r\n"),                /* extension without a name */
        B(CHUNKED "1;a\nx\r\n0\r\n0\r\n\r\n"),            /* bare LF in an extension */
        B(CHUNKED "00000000000000001\r\nx\r\n0\r\n\r\n"), /* seventeen digits */
        B(CHUNKED "1\r\nx\r\n0\r\nA: b\r\n c\r\n\r\n"),   /* obs-fold in a trailer */
    };
#undef CHUNKED
    static struct reading ours, theirs;
    static struct http1_head h;

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        read_ours(bodies[i], &h, &ours);
        read_theirs(bodies[i], &theirs);
        assert_true(ours.accepted);
        if (ours.done) complain(bodies[i], "we accept it");
        if (!theirs.done) complain(bodies[i], theirs.why);
    }
}

/* ---- random requests ---- */

static uint32_t seed = 20240601;

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

#define PICK(list) (list)[below(sizeof(list) / sizeof *(list))]

static const char *const starts[] = {
    "GET / ",       "POST /a?b ", "HEAD /x ",   "OPTIONS * ",      "OPTIONS / ",
    "PUT /%41 ",    "DELETE // ", "PATCH /| ",  "GET http://b/c ", "GET  / ",
    "CONNECT a:1 ", "get / ",     "\r\nGET / ", "GET * ",          "POST https://[::1]:8?x ",
};
static const char *const versions[] = {"HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1",
                                       "HTTP/1.0", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 "};
static const char *const fields[] = {
    "Host: a",
    "Host: b:80",
    "host:\t[::1]:1 ",
    "X: y",
    "X:",
    "Long-Name-Of-A-Field: with some words, and more",
    "Cookie: a=b; c=d",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Content-Length: 5",
    "Content-Length: 0",
    "Content-Length: 05",
    "Content-Length: 5,5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked ",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Expect: 100-continue",
    "X : y",
    " folded",
    "X: \xff\x80",
};
static const char *const sizes[] = {
    "0",  "1",  "2", "5",  "0a",     "00", "1;a", "2;a=b", "5 ; x=\"y;\\\"z\"",
    "1 ", "1;", "g", "-1", "2;a = b"};
static const char *const trailers[] = {"A: b\r\n", "C:\r\n", "D: e, f\r\n", " g\r\n", "H\r\n"};

struct text {
    char ptr[2048];
    size_t len;
};

static void put(struct text *t, const char *z)
{
    size_t n = strlen(z);

    assert_true(t->len + n <= sizeof t->ptr);
    memcpy(t->ptr + t->len, z, n);
    t->len += n;
}

/* Mostly right: one wrong end and the rest of the request says nothing. */
static void put_end(struct text *t)
{
    uint32_t chance = below(80);

    put(t, chance == 0 ? "\n" : chance == 1 ? "\r" : "\r\n");
}

static void put_chunks(struct text *t)
{
    for (uint32_t n = below(4); n > 0; n--) {
        const char *size = PICK(sizes);
        unsigned long data = strtoul(size, NULL, 16);

        if (data == 0 || data > 10) continue;
        put(t, size);
        put_end(t);
        for (unsigned long i = below(40) == 0; i < data; i++)
            put(t, i & 1 ? "\n" : "x");
        put_end(t);
    }
    put(t, "0");
    put_end(t);
    for (uint32_t n = below(3); n > 0; n--)
        put(t, PICK(trailers));
    put_end(t);
}

static void put_request(struct text *t)
{
    bool chunked = below(2);

    t->len = 0;
    put(t, PICK(starts));
    put(t, PICK(versions));
    put_end(t);
    if (below(8) > 0) put(t, "Host: a\r\n");
    if (chunked && below(2)) put(t, "Transfer-Encoding: chunked\r\n");
    for (uint32_t n = below(4); n > 0; n--) {
        put(t, PICK(fields));
        put_end(t);
    }
    put_end(t);
    if (chunked) {
        put_chunks(t);
    } else {
        put(t, "hello");
    }
    put(t, "GET /");
    if (below(4) == 0) t->ptr[below((uint32_t)t->len)] = (char)below(256);
}

static void random_requests(void **state)
{
    static struct reading ours, theirs;
    static struct http1_head h;
    static struct text t;
    uint32_t accepted = 0, done = 0, chunked = 0;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        sl_str in = {t.ptr, 0};

        put_request(&t);
        in.len = t.len;
        read_ours(in, &h, &ours);
        if (!ours.accepted) continue;
        read_theirs(in, &theirs);
        if (!ours.done && h.chunked)
            theirs.done = false; /* refused or cut: theirs may be laxer */
        compare(in, &h, &ours, &theirs);
        accepted++;
        done += ours.done;
        chunked += ours.done && h.chunked;
    }
    fprintf(stderr, "# %u accepted, %u whole, %u of them chunked\n", accepted, done, chunked);
    /* the generator must not have drifted into producing nothing of worth */
    assert_true(accepted > 20000);
    assert_true(done > 10000);
    assert_true(chunked > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors),
        cmocka_unit_test(stricter_chunks),
        cmocka_unit_test(random_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
