/* SPDX-License-Identifier: MIT */
#include "proto/http1_reply.h"

#include "base/alloc.h"
#include "base/str.h"

static const char version[] = "HTTP/1.";

/* ---- the head ---- */

static sl_str cut_line(sl_str *rest)
{
    sl_str line = {0};

    if (str_split(rest, '\n', &line) && line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

sl_str reply_find(const struct reply *a, const char *name)
{
    sl_str rest = {a->head, a->head_len};

    cut_line(&rest); /* the status */
    while (rest.ptr != NULL) {
        sl_str line = cut_line(&rest);
        size_t colon = str_find_byte(line, ':');

        if (colon == line.len) continue;
        if (str_eq_nocase(str_part(line, 0, colon), sl_str_of(name)))
            return str_trim_ows(str_part(line, colon + 1, line.len));
    }
    return (sl_str){0};
}

sl_str reply_beginning(const struct reply *a)
{
    return (sl_str){a->head, a->head_len};
}

/* "HTTP/1.1 200 OK", RFC 9112 §4; the words behind the number may be missing. */
static bool read_status(struct reply *a)
{
    sl_str rest = {a->head, a->head_len}, line = cut_line(&rest), code = str_part(line, 9, 3);
    uint64_t status;

    if (line.len < 12 || !str_starts(line, SL_STR("HTTP/1.")) || line.ptr[8] != ' ')
        return false;
    if (line.len > 12 && line.ptr[12] != ' ') return false;
    if (!str_to_u64(code, &status) || status < 100) return false;
    a->status = (int)status;
    a->keep_alive = line.ptr[7] != '0'; /* HTTP/1.0 closes, unless it says otherwise */
    return true;
}

static size_t body_max(const struct reply *a)
{
    return a->body_max != 0 ? a->body_max : REPLY_BODY_MAX;
}

/* RFC 9112 §9.3 */
static void choose_persistence(struct reply *a)
{
    sl_str said = reply_find(a, "Connection");

    if (http1_list_has(said, "close"))
        a->keep_alive = false;
    else if (http1_list_has(said, "keep-alive"))
        a->keep_alive = true;
}

/* RFC 9112 §6.3, in its order */
static int choose_body(struct reply *a)
{
    sl_str length = reply_find(a, "Content-Length");
    sl_str coding = reply_find(a, "Transfer-Encoding");

    choose_persistence(a);
    if (a->status == 101 || a->status == 204 || a->status == 304) {
        a->state = REPLY_DONE;
    } else if (coding.ptr != NULL) {
        if (!str_eq_nocase(coding, SL_STR("chunked"))) return SL_E_HTTP;
        http1_chunks_init(&a->chunks, body_max(a));
        a->state = REPLY_CHUNKS;
    } else if (length.ptr != NULL) {
        if (!str_to_u64(length, &a->left)) return SL_E_HTTP;
        if (a->left > body_max(a)) return SL_E_TOO_BIG;
        a->state = a->left > 0 ? REPLY_LENGTH : REPLY_DONE;
    } else {
        a->state = REPLY_TO_END;
        a->keep_alive = false;
    }
    return 0;
}

static bool head_is_complete(const struct reply *a)
{
    sl_str head = {a->head, a->head_len};

    return str_ends(head, SL_STR("\r\n\r\n")) || str_ends(head, SL_STR("\n\n"));
}

static bool can_be_http(const struct reply *a)
{
    size_t n = a->head_len < sizeof version - 1 ? a->head_len : sizeof version - 1;

    return memcmp(a->head, version, n) == 0;
}

/* Byte by byte: a head is short, and nothing behind it may be taken. */
static int feed_head(struct reply *a, const char *in, size_t n, size_t *used)
{
    while (*used < n) {
        if (a->head_len == sizeof a->head) return SL_E_TOO_BIG;
        a->head[a->head_len++] = in[(*used)++];
        if (in[*used - 1] != '\n' || !head_is_complete(a)) continue;
        if (!read_status(a)) return SL_E_HTTP;
        if (a->status < 200 && a->status != 101) {
            a->head_len = 0; /* 100 Continue: the answer proper follows */
            continue;
        }
        return choose_body(a);
    }
    return can_be_http(a) ? 0 : SL_E_HTTP;
}

/* ---- the body ---- */

static int add_body(struct reply *a, sl_str piece)
{
    size_t len = a->body.len + piece.len;

    if (piece.len == 0) return 0;
    if (len > body_max(a)) return SL_E_TOO_BIG;
    if (len > a->body_cap) {
        size_t cap = len < 4096 ? 4096 : len * 2;
        char *grown = sl__realloc(a->bytes, cap);

        if (grown == NULL) return SL_E_NOMEM;
        a->bytes = grown;
        a->body_cap = cap;
    }
    memcpy(a->bytes + a->body.len, piece.ptr, piece.len);
    a->body = (sl_str){a->bytes, len};
    return 0;
}

static int feed_chunks(struct reply *a, const char *in, size_t n, size_t *used)
{
    int rc = SL_E_PARTIAL;

    while (*used < n && rc == SL_E_PARTIAL) {
        size_t taken;
        sl_str piece;
        int added;

        rc = http1_chunks_feed(&a->chunks, in + *used, n - *used, &taken, &piece);
        *used += taken;
        added = add_body(a, piece);
        if (added < 0) return added;
    }
    if (rc == 0) a->state = REPLY_DONE;
    if (rc == SL_E_HTTP && a->chunks.status == 413) return SL_E_TOO_BIG;
    return rc == SL_E_PARTIAL ? 0 : rc;
}

static int feed_body(struct reply *a, const char *in, size_t n, size_t *used)
{
    size_t take = n - *used;
    int rc;

    if (a->state == REPLY_CHUNKS) return feed_chunks(a, in, n, used);
    if (a->state == REPLY_LENGTH && take > a->left) take = (size_t)a->left;
    rc = add_body(a, (sl_str){in + *used, take});
    *used += take;
    if (a->state == REPLY_LENGTH) {
        a->left -= take;
        if (a->left == 0) a->state = REPLY_DONE;
    }
    return rc;
}

int reply_feed(struct reply *a, const char *in, size_t n, size_t *used)
{
    int rc = 0;

    *used = 0;
    if (a->state == REPLY_HEAD) rc = feed_head(a, in, n, used);
    if (rc == 0 && *used < n && a->state != REPLY_HEAD && a->state != REPLY_DONE)
        rc = feed_body(a, in, n, used);
    if (rc < 0) return rc;
    return a->state == REPLY_DONE ? 0 : SL_E_PARTIAL;
}

int reply_end(struct reply *a)
{
    if (a->state == REPLY_TO_END) a->state = REPLY_DONE;
    return a->state == REPLY_DONE ? 0 : SL_E_PARTIAL;
}

void reply_deinit(struct reply *a)
{
    sl__free(a->bytes);
    a->bytes = NULL;
    a->body = (sl_str){0};
}

void reply_reset(struct reply *a)
{
    a->status = 0;
    a->body = (sl_str){0};
    a->keep_alive = false;
    a->state = REPLY_HEAD;
    a->head_len = 0;
    a->left = 0;
}
