/* SPDX-License-Identifier: MIT */
#include "serve/request.h"

#include "base/alloc.h"
#include "base/str.h"
#include "proto/url.h"
#include "serve/http_conn.h"

#define LINES_MAX 65536 /* bytes of headers that a handler may set */

static void reach(size_t *end, struct http1_span s)
{
    if ((size_t)s.at + s.len > *end) *end = (size_t)s.at + s.len;
}

/* How many bytes of a head are pointed at: a broken one has no head_len. */
static size_t count_bytes(const struct http1_head *h)
{
    size_t end = h->head_len;

    reach(&end, h->method_text);
    reach(&end, h->target);
    reach(&end, h->host);
    if (h->n > 0) reach(&end, h->field[h->n - 1].value);
    if (h->n > 0) reach(&end, h->field[h->n - 1].name);
    return end;
}

sl_request *request_new(sl_server *server, struct http_conn *conn, const struct http1_head *h)
{
    size_t head = offsetof(struct http1_head, field) + h->n * sizeof h->field[0];
    size_t bytes = count_bytes(h), target = h->target.len + 1;
    sl_request *r = sl__alloc(sizeof *r + head + bytes + 2 * target);

    if (r == NULL) return NULL;
    *r = (sl_request){.server = server, .conn = conn};
    r->head = (struct http1_head *)(r + 1);
    memcpy(r->head, h, head);
    char *at = (char *)(r + 1) + head;
    if (bytes > 0) memcpy(at, h->base, bytes);
    http1_head_rebase(r->head, at);
    r->path = (sl_str){at + bytes, 0};
    r->query_values = at + bytes + target;
    return r;
}

void request_free(sl_request *r)
{
    if (r == NULL) return;
    lines_deinit(&r->lines);
    sl_buf_drop(r->body);
    sl__free(r);
}

void request_watch(sl_request *r, void (*fn)(sl_request *r, void *user), void *user)
{
    r->on_gone = fn;
    r->gone_user = user;
}

void request_tell_gone(sl_request *r)
{
    void (*fn)(sl_request *, void *) = r->on_gone;

    r->on_gone = NULL;
    if (fn != NULL) fn(r, r->gone_user);
}

int request_read_path(sl_request *r, struct path *path, const char **why)
{
    sl_str raw;
    int rc;

    url_split(http1_text(r->head, r->head->target), &raw, &r->query);
    rc = url_path_decode(raw, (char *)r->path.ptr, &r->path, why);
    if (rc < 0) {
        r->path.len = 0;
        return rc;
    }
    path_split(path, r->path);
    return 0;
}

/* ---- what the handler asks ---- */

unsigned sl_request_method(const sl_request *r)
{
    return r->head->method;
}

sl_str sl_request_path(const sl_request *r)
{
    return r->path;
}

sl_str sl_request_param(const sl_request *r, const char *name)
{
    for (uint8_t i = 0; i < r->match.n; i++)
        if (sl_str_eq(r->match.name[i], sl_str_of(name))) return r->match.value[i];
    return (sl_str){0};
}

static bool is_query_name(sl_str raw, sl_str name, char *scratch)
{
    if (sl_str_eq(raw, name)) return true;
    if (raw.len <= name.len) return false; /* decoding only makes it shorter */
    if (str_find_byte(raw, '%') == raw.len && str_find_byte(raw, '+') == raw.len) return false;
    int64_t len = url_query_decode(raw, scratch);
    return len >= 0 && sl_str_eq((sl_str){scratch, (size_t)len}, name);
}

/*
 * A value is decoded to the place in `query_values` where it stands in the query, so asking
 * twice gives the same bytes. The same place serves for its name, which stands before it.
 */
sl_str sl_request_query(const sl_request *r, const char *name)
{
    sl_str rest = r->query, key, raw;

    while (url_query_next(&rest, &key, &raw)) {
        char *key_place = r->query_values + (key.ptr - r->query.ptr);
        if (!is_query_name(key, sl_str_of(name), key_place)) continue;
        if (raw.ptr == NULL || raw.len == 0) return SL_STR("");
        char *place = r->query_values + (raw.ptr - r->query.ptr);
        int64_t len = url_query_decode(raw, place);
        if (len < 0) return (sl_str){0};
        return (sl_str){place, (size_t)len};
    }
    return (sl_str){0};
}

sl_str sl_request_header(const sl_request *r, const char *name)
{
    return http1_find(r->head, name);
}

sl_str sl_request_body(const sl_request *r)
{
    return r->body != NULL ? sl_buf_str(r->body) : (sl_str){"", 0};
}

bool sl_request_is_gone(const sl_request *r)
{
    return r->conn == NULL || http_conn_is_closing(r->conn);
}

bool request_has_hung_up(const sl_request *r)
{
    return r->conn == NULL || sl__stream_has_ended(http_conn_stream(r->conn));
}

const char *sl_request_peer(const sl_request *r)
{
    /* asking the system costs a call, so it is done once and only when wanted */
    sl_request *cache = (sl_request *)r;

    if (r->peer[0] != '\0') return r->peer;
    if (r->conn == NULL) return "?";
    return stream_peer(http_conn_stream(r->conn), cache->peer);
}

/* ---- what it sets ---- */

/* What the server itself says about the message or the connection. */
static bool is_ours(sl_str name)
{
    static const char *const ours[] = {
        "connection",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "access-control-allow-origin",
        "access-control-allow-credentials",
    };

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (str_eq_nocase(name, sl_str_of(ours[i]))) return true;
    return false;
}

int sl_request_set_header(sl_request *r, const char *name, sl_str value)
{
    if (name == NULL || !http1_is_token(sl_str_of(name)) || is_ours(sl_str_of(name)))
        return SL_E_INVAL;
    if (value.len > 0 && !http1_is_value(value)) return SL_E_INVAL;
    if (r->answered) return SL_E_CLOSED;
    if (value.len > LINES_MAX || r->lines.len + value.len > LINES_MAX) return SL_E_TOO_BIG;

    size_t before = r->lines.len;
    lines_put(&r->lines, name, value);
    if (!r->lines.failed) return 0;
    r->lines.len = before; /* half a line is none */
    r->lines.failed = false;
    return SL_E_NOMEM;
}
