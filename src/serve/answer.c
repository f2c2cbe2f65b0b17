/* SPDX-License-Identifier: MIT */
#include "serve/answer.h"

#include "sluice/json.h"
#include "sluice/log.h"

#include "base/packet.h"
#include "serve/answer_gzip.h"
#include "serve/cors.h"
#include "serve/http_conn.h"
#include "serve/represent.h"

#include <stdarg.h>
#include <stdio.h>

#define COPY_WITH_HEAD 16384 /* a body up to this leaves in the same allocation as its head */
#define SENTENCE_MAX   512

/* ---- the head ---- */

static void put_status(struct lines *l, int status)
{
    lines_add(l, SL_STR("HTTP/1.1 "));
    lines_add_u64(l, (uint64_t)status);
    lines_add(l, SL_STR(" "));
    lines_add(l, sl_str_of(http1_status_text(status)));
    lines_add(l, SL_STR("\r\n"));
}

static uint64_t body_length(const struct answer *a)
{
    return a->length != 0 ? a->length : a->copy.len + a->ref.bytes.len;
}

/* Where the body ends, RFC 9112 §6.3; HTTP/1.0 knows no chunks: there with the connection. */
static void put_end(struct lines *l, const sl_request *r, const struct answer *a)
{
    if (a->endless) {
        if (r->head->minor > 0) lines_add(l, SL_STR("Transfer-Encoding: chunked\r\n"));
        return;
    }
    lines_add(l, SL_STR("Content-Length: "));
    lines_add_u64(l, body_length(a));
    lines_add(l, SL_STR("\r\n"));
}

static void put_head(struct lines *l, sl_request *r, const struct answer *a, bool close)
{
    /* RFC 9110 §8.6: no length on 204; that of a 304 would be the other answer's */
    bool has_body = a->status != 204 && a->status != 304;

    lines_reset(l);
    put_status(l, a->status);
    lines_put(l, "Date", sl__server_date(r->server));
    if (a->type != NULL && has_body) lines_put(l, "Content-Type", sl_str_of(a->type));
    if (has_body) put_end(l, r, a);
    if (close)
        lines_add(l, SL_STR("Connection: close\r\n"));
    else if (r->head->minor == 0)
        lines_add(l, SL_STR("Connection: keep-alive\r\n"));
    cors_put(l, r->server, r);
    lines_add(l, lines_text(&r->lines));
    lines_add(l, a->lines);
    lines_add(l, SL_STR("\r\n"));
}

static bool is_last(const sl_request *r)
{
    /* what is left of a body would be read as the next request */
    return !r->whole || !r->head->keep_alive || sl__server_is_stopping(r->server);
}

struct packet *answer_packet(sl_request *r, const struct answer *a, bool close)
{
    struct lines *l = &r->server->text;
    bool has_body = r->head->method != SL_HEAD && a->status != 204 && a->status != 304;
    sl_message m = {0};
    sl_buf *head = NULL, *copy = NULL;
    struct packet *p = NULL;

    put_head(l, r, a, close);
    if (has_body && a->copy.len <= COPY_WITH_HEAD) lines_add(l, a->copy);
    if (l->failed) return NULL;
    if (!has_body || (a->ref.bytes.len == 0 && a->copy.len <= COPY_WITH_HEAD))
        return packet_copy(lines_text(l));

    head = sl_buf_copy(lines_text(l));
    if (head == NULL) goto done;
    if (a->copy.len > COPY_WITH_HEAD) {
        copy = sl_buf_copy(a->copy);
        if (copy == NULL) goto done;
    }
    if (sl_message_add(&m, head, sl_buf_str(head)) < 0) goto done;
    if (copy != NULL && sl_message_add(&m, copy, sl_buf_str(copy)) < 0) goto done;
    if (sl_message_add(&m, a->ref.buf, a->ref.bytes) < 0) goto done;
    p = packet_new(SL_STR(""), &m);
done:
    sl_buf_drop(copy);
    sl_buf_drop(head);
    return p;
}

/* ---- sending ---- */

bool answer_claim(sl_request *r)
{
    if (!r->answered) {
        r->answered = true;
        request_tell_gone(r); /* an owner of its own would have stopped watching */
        return true;
    }
    SL_ERROR("http", "event=answered_twice path=\"%.*s\" note=\"the second answer is ignored\"",
             (int)r->path.len, r->path.ptr);
    return false;
}

/* NULL: there was no memory for it. */
static int send_packet(sl_request *r, struct packet *p)
{
    int rc = p != NULL ? http_conn_send(r->conn, p) : SL_E_NOMEM;

    /* an answer that cannot be made must not look like one that never comes */
    if (rc == SL_E_NOMEM) http_conn_cut(r->conn, rc);
    return rc;
}

int answer_begin(sl_request *r, const struct answer *a)
{
    struct packet *p;
    int rc;

    if (r->conn == NULL) return SL_E_CLOSED;
    p = answer_packet(r, a, is_last(r));
    rc = send_packet(r, p);
    packet_drop(p);
    return rc;
}

int answer_piece(sl_request *r, sl_buf *piece)
{
    sl_message m = {0};
    struct packet *p = NULL;
    int rc = sl_message_add(&m, piece, sl_buf_str(piece));

    if (r->conn == NULL) return SL_E_CLOSED;
    if (rc == 0) p = packet_new(SL_STR(""), &m);
    rc = p != NULL ? http_conn_send(r->conn, p) : SL_E_NOMEM;
    packet_drop(p);
    return rc;
}

void answer_end(sl_request *r)
{
    if (r->conn != NULL) http_conn_end_request(r->conn, is_last(r));
    r->done = true;
    if (!r->in_handler) request_free(r);
}

void answer_abort(sl_request *r, int why)
{
    if (r->conn != NULL) http_conn_cut(r->conn, why);
    answer_end(r);
}

void answer_send(sl_request *r, const struct answer *a)
{
    int rc;

    r->answered = true;
    rc = answer_begin(r, a);
    (void)rc; /* closed or cut: either way the request has had its answer */
    answer_end(r);
}

/* ---- one for many ---- */

/* Whether nothing in its head depends on this request, but for gzip. */
static bool may_share(const sl_request *r)
{
    return r->conn != NULL && r->head->method == SL_GET && r->head->minor > 0 && !is_last(r)
           && lines_text(&r->lines).len == 0 && r->server->options.allow_origin == NULL;
}

static struct packet *make_shared(sl_request *r, struct answer *a)
{
    sl_buf *packed = answer_gzip(r, a);
    struct packet *p = answer_packet(r, a, false);

    sl_buf_drop(packed);
    return p;
}

void answer_send_shared(sl_request *r, const char *type, sl_buf *body,
                        struct answer_shared *shared)
{
    struct answer a = {
        .status = 200, .type = type, .ref = {body, sl_buf_str(body)}
    };
    struct packet **p;

    if (!may_share(r)) {
        sl_answer_buf(r, 200, type, body);
        return;
    }
    if (!answer_claim(r)) return;
    p = &shared->packet[a.ref.bytes.len >= r->server->options.gzip_min
                        && represent_takes_gzip(r)];
    if (*p == NULL) *p = make_shared(r, &a);
    (void)send_packet(r, *p); /* closed or cut: either way the request has had its answer */
    answer_end(r);
}

void answer_shared_drop(struct answer_shared *shared)
{
    for (size_t i = 0; i < sizeof shared->packet / sizeof shared->packet[0]; i++)
        packet_drop(shared->packet[i]);
    *shared = (struct answer_shared){0};
}

/* ---- the public calls ---- */

static void send_handlers(sl_request *r, struct answer *a)
{
    sl_buf *packed;

    if (!answer_claim(r)) return;
    packed = answer_gzip(r, a);
    answer_send(r, a);
    sl_buf_drop(packed);
}

void sl_answer(sl_request *r, int status, const char *content_type, sl_str body)
{
    send_handlers(r, &(struct answer){.status = status, .type = content_type, .copy = body});
}

void sl_answer_buf(sl_request *r, int status, const char *content_type, sl_buf *body)
{
    send_handlers(r, &(struct answer){
                         .status = status,
                         .type = content_type,
                         .ref = {body, body != NULL ? sl_buf_str(body) : (sl_str){0}},
    });
}

/* How much of a sentence there is, after it has been printed into SENTENCE_MAX bytes. */
static sl_str sentence_of(const char *text, int len)
{
    if (len < 0) len = 0;
    if (len >= SENTENCE_MAX) len = SENTENCE_MAX - 1;
    return (sl_str){text, (size_t)len};
}

static void send_sentence(sl_request *r, int status, sl_str lines, sl_str sentence)
{
    sl_json_out out = {0};

    sl_out_object(&out);
    sl_out_key(&out, "error");
    sl_out_str(&out, sentence);
    sl_out_end(&out);
    /* without memory for the sentence the status still says the most of it */
    answer_send(r, &(struct answer){
                       .status = status,
                       .type = "application/json",
                       .lines = lines,
                       .copy = out.rc == 0 ? sl_out_text(&out) : SL_STR("{}"),
                   });
    sl_out_deinit(&out);
}

void refuse(sl_request *r, int status, sl_str lines, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    send_sentence(r, status, lines, sentence_of(text, len));
}

void sl_answer_error(sl_request *r, int status, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list args;
    int len;

    if (!answer_claim(r)) return;
    va_start(args, fmt);
    len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    send_sentence(r, status, (sl_str){0}, sentence_of(text, len));
}

void sl_answer_json(sl_request *r, int status, sl_json_out *out)
{
    if (out->rc < 0)
        sl_answer_error(r, 503, "out of memory: try again in a moment");
    else
        sl_answer(r, status, "application/json; charset=utf-8", sl_out_text(out));
    sl_out_deinit(out);
}
