/* SPDX-License-Identifier: MIT */
#include "serve/answer_gzip.h"

#include "base/str.h"
#include "proto/deflate.h"
#include "serve/represent.h"

#define VARY "Vary: Accept-Encoding\r\n"

static bool is_text(const char *type)
{
    static const char *const begins[] = {"text/", "application/json"};
    sl_str t = sl_str_of(type);

    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        sl_str b = sl_str_of(begins[i]);
        if (str_eq_nocase(str_part(t, 0, b.len), b)) return true;
    }
    return false;
}

/* The value of a header that the handler has set; ptr NULL if there is none. */
static sl_str find_line(const sl_request *r, sl_str name)
{
    sl_str rest = lines_text(&r->lines), line;

    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        size_t colon = str_find_byte(line, ':');

        if (!str_eq_nocase(str_part(line, 0, colon), name)) continue;
        line = str_part(line, colon + 1, line.len);
        if (str_ends(line, SL_STR("\r"))) line.len--;
        return str_trim_ows(line);
    }
    return (sl_str){0};
}

/* Whether the list in this header has the word. */
static bool line_has(const sl_request *r, sl_str name, sl_str word)
{
    sl_str list = find_line(r, name), one;

    while (str_split(&list, ',', &one)) {
        if (str_eq_nocase(str_trim_ows(one), word)) return true;
    }
    return false;
}

/* Put W/ in front of the handler's ETag. returns false without memory */
static bool weaken_etag(sl_request *r)
{
    sl_str etag = find_line(r, SL_STR("ETag"));
    struct lines *l = &r->lines;

    if (etag.len == 0 || str_starts(etag, SL_STR("W/"))) return true;
    size_t at = (size_t)(etag.ptr - l->ptr), before = l->len;

    lines_add(l, SL_STR("W/"));
    if (l->failed) {
        l->failed = false; /* nothing was added: the answer goes on without */
        return false;
    }
    memmove(l->ptr + at + 2, l->ptr + at, before - at);
    memcpy(l->ptr + at, "W/", 2);
    return true;
}

/* 304: the client has one of the two forms, and asks for it by that form's tag. */
static void repeat_etag(sl_request *r, struct answer *a)
{
    sl_str list = sl_request_header(r, "If-None-Match"), etag = find_line(r, SL_STR("ETag")),
           one;

    if (etag.len == 0) return;
    a->lines = SL_STR(VARY);
    if (str_starts(etag, SL_STR("W/"))) return;
    while (str_split(&list, ',', &one)) {
        one = str_trim_ows(one);
        if (!str_starts(one, SL_STR("W/")) || !sl_str_eq(str_part(one, 2, one.len), etag))
            continue;
        (void)!weaken_etag(r); /* else it says the strong one: the content is the same */
        return;
    }
}

/* Whether some client gets this answer as gzip. */
static bool is_packable(const sl_request *r, const struct answer *a, size_t len)
{
    if (a->status == 204 || a->status == 206 || a->type == NULL || !is_text(a->type))
        return false;
    if (len < r->server->options.gzip_min || len > DEFLATE_MAX) return false;
    return find_line(r, SL_STR("Content-Encoding")).ptr == NULL
           && !line_has(r, SL_STR("Cache-Control"), SL_STR("no-transform"));
}

sl_buf *answer_gzip(sl_request *r, struct answer *a)
{
    sl_str body = a->ref.bytes.len > 0 ? a->ref.bytes : a->copy;
    sl_buf *packed = NULL;

    /* without a connection the server may be gone as well */
    if (r->conn == NULL || r->server->options.gzip_min == SL_GZIP_NONE) return NULL;
    if (a->status == 304) repeat_etag(r, a);
    if (a->status == 304 || !is_packable(r, a, body.len)) return NULL;
    a->lines = SL_STR(VARY);
    if (!represent_takes_gzip(r) || gzip_pack(body, &packed) != 1) return NULL;
    if (!weaken_etag(r)) {
        sl_buf_drop(packed);
        return NULL;
    }
    a->lines = SL_STR("Content-Encoding: gzip\r\n" VARY);
    a->copy = (sl_str){0};
    a->ref = (sl_slice){packed, sl_buf_str(packed)};
    return packed;
}
