/* SPDX-License-Identifier: MIT */
#include "serve/represent.h"

#include "base/str.h"
#include "serve/answer.h"

/* ---- conditions, RFC 9110 §13 ---- */

static bool is_weak(sl_str etag)
{
    return str_starts(etag, SL_STR("W/"));
}

/* The quoted part, which is what a weak comparison looks at. */
static sl_str opaque(sl_str etag)
{
    return is_weak(etag) ? str_part(etag, 2, etag.len) : etag;
}

/*
 * Take the next entity-tag off a list. A comma may stand inside the quotes, so the list is
 * read by quotes and not cut at commas.
 */
static bool next_etag(sl_str *rest, sl_str *etag)
{
    size_t at = 0, end;

    while (at < rest->len
           && (rest->ptr[at] == ',' || rest->ptr[at] == ' ' || rest->ptr[at] == '\t'))
        at++;
    size_t from = at;
    if (str_starts(str_part(*rest, at, rest->len), SL_STR("W/"))) at += 2;
    if (at >= rest->len || rest->ptr[at] != '"') return false;
    end = str_find_byte(str_part(*rest, at + 1, rest->len), '"') + at + 1;
    if (end >= rest->len) return false;
    *etag = str_part(*rest, from, end + 1 - from);
    *rest = str_part(*rest, end + 1, rest->len);
    return true;
}

static bool list_has_etag(sl_str list, sl_str etag, bool strong)
{
    sl_str one;

    if (sl_str_eq(str_trim_ows(list), SL_STR("*"))) return true;
    if (etag.len == 0 || (strong && is_weak(etag))) return false;
    while (next_etag(&list, &one)) {
        if (strong && is_weak(one)) continue;
        if (sl_str_eq(opaque(one), opaque(etag))) return true;
    }
    return false;
}

static bool is_modified_since(sl_str date, const struct representation *p)
{
    int64_t since;

    if (p->modified_s < 0 || !http_date_read(str_trim_ows(date), &since)) return true;
    return p->modified_s > since;
}

/* 0: go on. In the order of §13.2.2. */
static int check_conditions(const sl_request *r, const struct representation *p)
{
    sl_str match = sl_request_header(r, "If-Match"), since;

    if (match.ptr != NULL) {
        if (!list_has_etag(match, p->etag, true)) return 412;
    } else {
        int64_t unmodified;
        since = sl_request_header(r, "If-Unmodified-Since");
        if (since.ptr != NULL && http_date_read(since, &unmodified)
            && p->modified_s > unmodified)
            return 412;
    }

    match = sl_request_header(r, "If-None-Match");
    if (match.ptr != NULL) return list_has_etag(match, p->etag, false) ? 304 : 0;
    since = sl_request_header(r, "If-Modified-Since");
    if (since.ptr != NULL && !is_modified_since(since, p)) return 304;
    return 0;
}

/* §13.1.5: a range of what the client has part of, else all of the new one */
static bool is_range_wanted(const sl_request *r, const struct representation *p)
{
    sl_str condition = sl_request_header(r, "If-Range");
    int64_t date;

    if (condition.ptr == NULL) return true;
    condition = str_trim_ows(condition);
    if (condition.len > 0 && (condition.ptr[0] == '"' || is_weak(condition)))
        return !is_weak(condition) && p->etag.len > 0 && sl_str_eq(condition, p->etag);
    return http_date_read(condition, &date) && date == p->modified_s;
}

/* ---- one range, RFC 9110 §14.1.2 ---- */

/* Digits that are too many for 64 bits mean "far beyond the end". */
static bool read_position(sl_str s, uint64_t *out)
{
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
    if (!str_to_u64(s, out)) *out = UINT64_MAX;
    return true;
}

enum range { RANGE_NONE, RANGE_GOOD, RANGE_BEYOND };

/* What cannot be read, and several ranges at once, are ignored: the client gets all (§14.2). */
static enum range read_range(sl_str value, uint64_t len, struct selection *out)
{
    uint64_t first, last;
    sl_str set, from, to;

    value = str_trim_ows(value);
    if (value.len < 6 || !str_eq_nocase(str_part(value, 0, 6), SL_STR("bytes=")))
        return RANGE_NONE;
    set = str_trim_ows(str_part(value, 6, value.len));
    if (str_find_byte(set, ',') < set.len) return RANGE_NONE;
    size_t dash = str_find_byte(set, '-');
    if (dash == set.len) return RANGE_NONE;
    from = str_part(set, 0, dash);
    to = str_part(set, dash + 1, set.len);

    if (from.len == 0) { /* the last so many bytes */
        if (!read_position(to, &last)) return RANGE_NONE;
        if (last == 0 || len == 0) return RANGE_BEYOND;
        out->len = last < len ? last : len;
        out->at = len - out->len;
        return RANGE_GOOD;
    }
    if (!read_position(from, &first)) return RANGE_NONE;
    last = UINT64_MAX;
    if (to.len > 0 && !read_position(to, &last)) return RANGE_NONE;
    if (last < first) return RANGE_NONE;
    if (first >= len) return RANGE_BEYOND;
    out->at = first;
    out->len = (last < len - 1 ? last : len - 1) - first + 1;
    return RANGE_GOOD;
}

void represent(const sl_request *r, const struct representation *p, struct selection *out)
{
    sl_str range = sl_request_header(r, "Range");

    *out = (struct selection){.status = check_conditions(r, p)};
    if (out->status != 0) return;
    out->status = 200;
    out->len = p->len;
    /* §14.2: only GET knows ranges */
    if (range.ptr == NULL || sl_request_method(r) != SL_GET || !is_range_wanted(r, p)) return;
    switch (read_range(range, p->len, out)) {
    case RANGE_NONE: break;
    case RANGE_GOOD: out->status = 206; break;
    case RANGE_BEYOND: *out = (struct selection){.status = 416}; break;
    }
}

/* ---- Accept-Encoding ---- */

/* "0.5" in thousandths; what cannot be read counts as 0: then the plain bytes are right anyway
 */
static unsigned read_weight(sl_str s)
{
    unsigned value = 0, scale = 1000;

    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1')) return 0;
    if (s.len > 1 && s.ptr[1] != '.') return 0;
    for (size_t i = 0; i < s.len; i++) {
        if (i == 1) continue;
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return 0;
        value += (unsigned)(s.ptr[i] - '0') * scale;
        scale /= 10;
    }
    return value > 1000 ? 1000 : value;
}

static unsigned weight_of(sl_str parameters)
{
    sl_str one;

    while (str_split(&parameters, ';', &one)) {
        one = str_trim_ows(one);
        if (one.len >= 2 && str_eq_nocase(str_part(one, 0, 2), SL_STR("q=")))
            return read_weight(str_part(one, 2, one.len));
    }
    return 1000;
}

bool represent_takes_gzip(const sl_request *r)
{
    sl_str list = sl_request_header(r, "Accept-Encoding"), one;
    int gzip = -1, any = -1, identity = -1;

    if (list.ptr == NULL) return false;
    while (str_split(&list, ',', &one)) {
        size_t semicolon = str_find_byte(one, ';');
        sl_str name = str_trim_ows(str_part(one, 0, semicolon));
        int weight =
            semicolon < one.len ? (int)weight_of(str_part(one, semicolon + 1, one.len)) : 1000;
        if (str_eq_nocase(name, SL_STR("gzip")) || str_eq_nocase(name, SL_STR("x-gzip")))
            gzip = weight;
        else if (str_eq_nocase(name, SL_STR("identity")))
            identity = weight;
        else if (sl_str_eq(name, SL_STR("*")))
            any = weight;
    }
    if (gzip < 0) gzip = any;
    return gzip > 0 && gzip >= identity;
}

/* ---- the headers ---- */

static void put_content_range(struct lines *l, const struct representation *p,
                              const struct selection *s)
{
    lines_add(l, SL_STR("Content-Range: bytes "));
    if (s->status == 206) {
        lines_add_u64(l, s->at);
        lines_add(l, SL_STR("-"));
        lines_add_u64(l, s->at + s->len - 1);
    } else {
        lines_add(l, SL_STR("*"));
    }
    lines_add(l, SL_STR("/"));
    lines_add_u64(l, p->len);
    lines_add(l, SL_STR("\r\n"));
}

void represent_put(struct lines *l, const struct representation *p, const struct selection *s)
{
    char date[HTTP_DATE_SIZE];

    if (p->varies) lines_add(l, SL_STR("Vary: Accept-Encoding\r\n"));
    if (s->status == 206 || s->status == 416) put_content_range(l, p, s);
    if (s->status >= 400) return;
    if (p->etag.len > 0) lines_put(l, "ETag", p->etag);
    if (p->modified_s >= 0)
        lines_put(l, "Last-Modified", sl_str_of(http_date_write(p->modified_s, date)));
    if (s->status == 304) return;
    lines_add(l, SL_STR("Accept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n"));
    if (p->gzip) lines_add(l, SL_STR("Content-Encoding: gzip\r\n"));
}

/* ---- the whole answer ---- */

static void send_selection(sl_request *r, const char *type, sl_slice all,
                           const struct selection *s, sl_str lines)
{
    if (s->status == 412)
        refuse(r, 412, lines, "the file has changed");
    else if (s->status == 416)
        refuse(r, 416, lines, "the range lies behind the end: there are %zu bytes",
               all.bytes.len);
    else if (s->status == 304)
        answer_send(r, &(struct answer){.status = 304, .lines = lines});
    else
        answer_send(r, &(struct answer){
                           .status = s->status,
                           .type = type,
                           .lines = lines,
                           .ref = {all.buf, {all.bytes.ptr + s->at, (size_t)s->len}},
        });
}

void represent_answer(sl_request *r, const char *type, sl_slice all,
                      const struct representation *p)
{
    struct lines lines = {0};
    struct selection s;

    represent(r, p, &s);
    represent_put(&lines, p, &s);
    if (lines.failed)
        refuse(r, 503, (sl_str){0}, "out of memory");
    else
        send_selection(r, type, all, &s, lines_text(&lines));
    lines_deinit(&lines);
}
