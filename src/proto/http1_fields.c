/* SPDX-License-Identifier: MIT */
/* Header fields: one line's parts, the fields that frame the message, and looking them up. */
#include "base/str.h"
#include "proto/chars.h"
#include "proto/http1.h"
#include "proto/http1_inner.h"
#include "proto/url.h"

enum {
    SEEN_HOST = 1 << 0,
    SEEN_LENGTH = 1 << 1,
    SEEN_CODING = 1 << 2,
    SEEN_EXPECT = 1 << 3,
    SEEN_UPGRADE = 1 << 4,
    SEEN_ODD_EXPECT = 1 << 5,
};

/* ---- the fields that decide how the message is read ---- */

static int on_host(struct http1_head *h, sl_str value, struct http1_span at)
{
    struct url_authority ignored;

    if (h->seen & SEEN_HOST) return http1_refuse(h, 400, "two Host headers: send one");
    h->seen |= SEEN_HOST;
    if (url_authority_parse(value, &ignored) < 0) {
        return http1_refuse(h, 400, "the Host header is not a valid host or host:port");
    }
    if (h->form != HTTP1_ABSOLUTE) h->host = at;
    return 0;
}

static int on_connection(struct http1_head *h, sl_str value, struct http1_span at)
{
    (void)at;
    h->close |= http1_list_has(value, "close");
    h->keep |= http1_list_has(value, "keep-alive");
    h->connection_upgrade |= http1_list_has(value, "upgrade");
    return 0;
}

/* One field, digits only: §6.3 lets a list of equal numbers pass, two readers might not. */
static int on_length(struct http1_head *h, sl_str value, struct http1_span at)
{
    uint64_t n = 0;

    (void)at;
    if (h->seen & SEEN_LENGTH)
        return http1_refuse(h, 400, "two Content-Length headers: send one");
    h->seen |= SEEN_LENGTH;
    if (value.len == 0 || chars_span(value, CH_DIGIT) != value.len) {
        return http1_refuse(h, 400, "Content-Length must be one decimal number");
    }
    for (size_t i = 0; i < value.len; i++) {
        if (__builtin_mul_overflow(n, 10, &n)
            || __builtin_add_overflow(n, (uint64_t)(value.ptr[i] - '0'), &n)) {
            return http1_refuse(h, 400, "Content-Length does not fit into 64 bits");
        }
    }
    h->content_length = n;
    h->has_length = true;
    return 0;
}

/* The last coding of a list. */
static sl_str last_coding(sl_str value)
{
    const char *comma = memrchr(value.ptr, ',', value.len);
    size_t skip = comma == NULL ? 0 : (size_t)(comma + 1 - value.ptr);

    return str_trim_ows((sl_str){value.ptr + skip, value.len - skip});
}

/* Exactly "chunked". §6.1: an unknown coding is 501; §6.3: chunked not last is 400. */
static int on_coding(struct http1_head *h, sl_str value, struct http1_span at)
{
    sl_str rest = value;

    (void)at;
    if (h->seen & SEEN_CODING)
        return http1_refuse(h, 400, "two Transfer-Encoding headers: send one");
    h->seen |= SEEN_CODING;
    h->chunked = str_eq_nocase(value, SL_STR("chunked"));
    if (h->chunked) return 0;
    if (!str_eq_nocase(last_coding(value), SL_STR("chunked"))) {
        return http1_refuse(h, 400,
                            "Transfer-Encoding must end in chunked: else nobody knows where"
                            " the body ends");
    }
    rest.len -= sizeof "chunked" - 1;
    if (http1_list_has(rest, "chunked")) {
        return http1_refuse(h, 400, "Transfer-Encoding lists chunked twice: send it once");
    }
    return http1_refuse(h, 501, "only the transfer coding chunked is understood here");
}

static int on_expect(struct http1_head *h, sl_str value, struct http1_span at)
{
    (void)at;
    h->seen |= str_eq_nocase(value, SL_STR("100-continue")) ? SEEN_EXPECT : SEEN_ODD_EXPECT;
    return 0;
}

static int on_upgrade(struct http1_head *h, sl_str value, struct http1_span at)
{
    (void)at;
    h->seen |= SEEN_UPGRADE;
    h->websocket |= http1_list_has(value, "websocket");
    return 0;
}

/* By length of the name: no two are equally long, so one comparison decides. */
static const struct {
    const char *name;
    int (*on_field)(struct http1_head *h, sl_str value, struct http1_span at);
} known[] = {
    [4] = {"host",              on_host      },
    [6] = {"expect",            on_expect    },
    [7] = {"upgrade",           on_upgrade   },
    [10] = {"connection",        on_connection},
    [14] = {"content-length",    on_length    },
    [17] = {"transfer-encoding", on_coding    },
};

/* ---- field lines, RFC 9112 §5 ---- */

static int refuse_name(struct http1_head *h, char c)
{
    if (c == ' ' || c == '\t') {
        return http1_refuse(h, 400,
                            "white space in or behind a header's name: put the colon right"
                            " behind the name");
    }
    return http1_refuse(h, 400,
                        "a header line must be a name of token characters, a colon, a value");
}

int http1_read_field(struct http1_head *h, uint32_t at, uint32_t end)
{
    sl_str line = {h->base + at, end - at}, name, value;
    size_t n = chars_span(line, CH_TOKEN);
    struct http1_field *f;

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
        return http1_refuse(h, 400,
                            "a header line begins with white space: put each header on one"
                            " line");
    }
    if (n == 0 || n == line.len || line.ptr[n] != ':') {
        return refuse_name(h, n < line.len ? line.ptr[n] : 0);
    }
    if (h->n == h->fields_max) {
        return http1_refuse(h, 431, "more than %u headers: send fewer", h->fields_max);
    }
    name = (sl_str){line.ptr, n};
    value = str_trim_ows((sl_str){line.ptr + n + 1, line.len - n - 1});
    f = &h->field[h->n++];
    f->name = (struct http1_span){at, (uint32_t)n};
    f->value = (struct http1_span){(uint32_t)(value.ptr - h->base), (uint32_t)value.len};
    if (n >= sizeof known / sizeof *known || known[n].name == NULL) return 0;
    if (!str_eq_nocase(name, (sl_str){known[n].name, n})) return 0;
    return known[n].on_field(h, value, f->value);
}

/* The empty line: what the fields mean together. Framing first, §6.3. */
int http1_read_end(struct http1_head *h)
{
    bool has_body = h->chunked || h->content_length > 0;

    if ((h->seen & SEEN_CODING) && (h->seen & SEEN_LENGTH)) {
        return http1_refuse(h, 400,
                            "both Content-Length and Transfer-Encoding: send one of them");
    }
    if ((h->seen & SEEN_CODING) && h->minor == 0) {
        return http1_refuse(h, 400, "Transfer-Encoding in an HTTP/1.0 request: use HTTP/1.1");
    }
    if (h->minor == 1 && !(h->seen & SEEN_HOST)) {
        return http1_refuse(h, 400, "no Host header: HTTP/1.1 requires one");
    }
    if (h->method == 0) {
        return http1_refuse(h, 501, "this method is not known here (methods are upper case)");
    }
    if ((h->seen & SEEN_ODD_EXPECT) && h->minor == 1) {
        return http1_refuse(h, 417, "only Expect: 100-continue can be met here");
    }
    h->keep_alive = !h->close && (h->minor == 1 || h->keep);
    h->expect_continue = (h->seen & SEEN_EXPECT) && h->minor == 1 && has_body;
    h->upgrade = h->connection_upgrade && (h->seen & SEEN_UPGRADE) && h->minor == 1;
    h->websocket = h->websocket && h->upgrade;
    h->head_len = h->scan;
    h->state = HTTP1_DONE;
    return 0;
}

/* ---- looking them up ---- */

static const struct http1_field *find_from(const struct http1_head *h, uint32_t *i, sl_str name)
{
    while (*i < h->n) {
        const struct http1_field *f = &h->field[(*i)++];

        if (f->name.len == name.len && str_eq_nocase(http1_text(h, f->name), name)) return f;
    }
    return NULL;
}

sl_str http1_find(const struct http1_head *h, const char *name)
{
    uint32_t i = 0;
    const struct http1_field *f = find_from(h, &i, sl_str_of(name));

    return f == NULL ? (sl_str){NULL, 0} : http1_text(h, f->value);
}

uint32_t http1_count(const struct http1_head *h, const char *name)
{
    uint32_t count = 0, i = 0;

    while (find_from(h, &i, sl_str_of(name)) != NULL)
        count++;
    return count;
}

bool http1_has_token(const struct http1_head *h, const char *name, const char *token)
{
    const struct http1_field *f;
    uint32_t i = 0;

    while ((f = find_from(h, &i, sl_str_of(name))) != NULL) {
        if (http1_list_has(http1_text(h, f->value), token)) return true;
    }
    return false;
}

/* The bytes before the first `c`, all if there is none. */
static sl_str before(sl_str s, char c)
{
    const char *p = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

    return p == NULL ? s : (sl_str){s.ptr, (size_t)(p - s.ptr)};
}

bool http1_list_has(sl_str value, const char *token)
{
    sl_str want = sl_str_of(token);

    while (value.len > 0) {
        sl_str item = before(value, ',');
        size_t skip = item.len < value.len ? item.len + 1 : item.len;

        if (str_eq_nocase(str_trim_ows(before(item, ';')), want)) return true;
        value.ptr += skip;
        value.len -= skip;
    }
    return false;
}
