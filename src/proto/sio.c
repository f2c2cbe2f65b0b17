/* SPDX-License-Identifier: MIT */
/* Reading packets: the head by hand, the payload by base/json, then what its type asks of it.
 */
#include "proto/sio.h"

#include "base/str.h"

#include <assert.h>
#include <string.h>

#define ATTACHMENTS_DEFAULT 10

/* Names that both sides keep for events of their own. */
static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                       "disconnecting", "newListener",   "removeListener"};

enum want { NEVER, MAY, MUST };

/* What the payload may be: bits of sl_json_type. */
#define OBJECT (1u << SL_JSON_OBJECT)
#define ARRAY  (1u << SL_JSON_ARRAY)
#define STRING (1u << SL_JSON_STRING)

struct grammar {
    enum want payload, id;
    unsigned shape;
    bool binary, event;
};

// clang-format off
static const struct grammar grammars[] = {
    [SIO_CONNECT] =       {MAY,   NEVER, OBJECT,          false, false},
    [SIO_DISCONNECT] =    {NEVER, NEVER, 0,               false, false},
    [SIO_EVENT] =         {MUST,  MAY,   ARRAY,           false, true },
    [SIO_ACK] =           {MUST,  MUST,  ARRAY,           false, false},
    [SIO_CONNECT_ERROR] = {MUST,  NEVER, OBJECT | STRING, false, false},
    [SIO_BINARY_EVENT] =  {MUST,  MAY,   ARRAY,           true,  true },
    [SIO_BINARY_ACK] =    {MUST,  MUST,  ARRAY,           true,  false},
};
// clang-format on

static_assert(sizeof grammars / sizeof *grammars == SIO_BINARY_ACK + 1, "a row for each type");

struct parser {
    const struct sio_rules *rules;
    sl_str text;
    size_t at;
    struct sio_packet *out;
    const char *why; /* the first thing that was wrong */
};

static int wrong(struct parser *p, const char *why)
{
    p->why = why;
    return SL_E_SOCKET_IO;
}

/* ---- the head ---- */

static bool is_digit_at(const struct parser *p)
{
    return p->at < p->text.len && (uint8_t)(p->text.ptr[p->at] - '0') <= 9;
}

/* Digits, as long as their value is at most `max`. false: no digit, or a larger value */
static bool take_number(struct parser *p, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    size_t from = p->at;

    for (; is_digit_at(p); p->at++) {
        n = n * 10 + (uint64_t)(p->text.ptr[p->at] - '0');
        if (n > max) return false; /* max is far below 2^64 / 10 */
    }
    *out = n;
    return p->at > from;
}

static int take_attachments(struct parser *p)
{
    uint32_t max = p->rules->attachments_max ? p->rules->attachments_max : ATTACHMENTS_DEFAULT;
    uint64_t n;

    if (max > SIO_ATTACHMENTS_MAX) max = SIO_ATTACHMENTS_MAX;
    if (!take_number(p, max, &n) || n == 0)
        return wrong(p, "a count of attachments that is none, or beyond the limit");
    if (p->at == p->text.len || p->text.ptr[p->at] != '-')
        return wrong(p, "expected '-' behind the count of attachments");
    p->at++;
    p->out->attachments = (uint32_t)n;
    return 0;
}

/* Of a CONNECT of revision 3 the part behind '?' is its auth. */
static void split_query(struct sio_packet *out)
{
    size_t n = str_find_byte(out->nsp, '?');

    if (n == out->nsp.len) return;
    out->query = (sl_str){out->nsp.ptr + n + 1, out->nsp.len - n - 1};
    out->nsp.len = n;
}

static int take_nsp(struct parser *p)
{
    struct sio_packet *out = p->out;

    out->nsp = SL_STR("/");
    if (p->at == p->text.len || p->text.ptr[p->at] != '/') return 0;
    sl_str rest = {p->text.ptr + p->at, p->text.len - p->at};
    out->nsp = (sl_str){rest.ptr, str_find_byte(rest, ',')};
    p->at += out->nsp.len + (out->nsp.len < rest.len);
    if (p->rules->revision == 3 && out->type == SIO_CONNECT) split_query(out);
    if (out->nsp.len > SIO_NSP_MAX) return wrong(p, "a namespace longer than the limit");
    for (size_t i = 0; i < out->nsp.len; i++)
        if ((uint8_t)out->nsp.ptr[i] < 0x20) return wrong(p, "a control byte in a namespace");
    return 0;
}

static int take_id(struct parser *p, enum want want)
{
    struct sio_packet *out = p->out;

    if (!is_digit_at(p)) return want == MUST ? wrong(p, "an ack without its id") : 0;
    if (want == NEVER) return wrong(p, "an id where none belongs");
    out->has_id = true;
    return take_number(p, SIO_ID_MAX, &out->id) ? 0 : wrong(p, "an ack id beyond 2^53 - 1");
}

static int take_head(struct parser *p)
{
    if (p->at >= p->text.len) return wrong(p, "an empty packet");
    unsigned type = (uint8_t)p->text.ptr[p->at++] - (unsigned)'0';
    if (type > SIO_BINARY_ACK) return wrong(p, "an unknown packet type");
    if (type == SIO_CONNECT_ERROR && p->rules->from_client)
        return wrong(p, "CONNECT_ERROR is the server's to send");
    p->out->type = (enum sio_type)type;
    int rc = grammars[type].binary ? take_attachments(p) : 0;
    if (rc == 0) rc = take_nsp(p);
    return rc < 0 ? rc : take_id(p, grammars[type].id);
}

/* ---- the payload ---- */

static bool is_reserved(sl_value name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (sl_value_is_str(name, sl_str_of(reserved[i]))) return true;
    return false;
}

static int check_name(struct parser *p)
{
    sl_value name = sl_value_first(p->out->value, NULL);
    sl_json_type type = sl_value_type(name);

    if (type != SL_JSON_STRING && type != SL_JSON_NUMBER)
        return wrong(p, "an event whose name is no string or number");
    if (is_reserved(name)) return wrong(p, "an event with a reserved name");
    p->out->name = name;
    return 0;
}

static int check_placeholders(struct parser *p)
{
    struct sio_walk w = sio_walk_of(p->out->value, p->out->attachments);
    sl_value at;
    uint32_t num;

    while (sio_next_placeholder(&w, &at, &num))
        if (num >= p->out->attachments)
            return wrong(p, "a placeholder for an attachment that is not there");
    return 0;
}

static int check_payload(struct parser *p)
{
    struct sio_packet *out = p->out;
    const struct grammar *g = &grammars[out->type];

    if ((g->shape >> sl_value_type(out->value) & 1) == 0)
        return wrong(p, "a payload of another kind than its type has");
    int rc = g->event ? check_name(p) : 0;
    return rc == 0 && g->binary ? check_placeholders(p) : rc;
}

static int take_payload(struct parser *p, const sl_json_index *index, sl_json *doc,
                        sl_error *err)
{
    struct sio_packet *out = p->out;
    enum want want = grammars[out->type].payload;
    sl_json_limits limits = p->rules->json;

    if (out->type == SIO_CONNECT && p->rules->revision == 3) want = NEVER;
    if (p->at == p->text.len) return want == MUST ? wrong(p, "the payload is missing") : 0;
    if (want == NEVER) return wrong(p, "a payload where none belongs");
    if (limits.depth == 0) limits.depth = SIO_DEPTH;
    int rc = sl_json_read_from(doc, p->text, p->at, index, &limits, err);
    if (rc < 0) return rc;
    out->payload = (sl_str){p->text.ptr + p->at, p->text.len - p->at};
    out->value = sl_json_root(doc);
    return check_payload(p);
}

int sio_parse(const struct sio_rules *rules, sl_str text, size_t from,
              const sl_json_index *index, sl_json *doc, struct sio_packet *out, sl_error *err)
{
    struct parser p = {.rules = rules, .text = text, .at = from, .out = out};

    *out = (struct sio_packet){0};
    int rc = take_head(&p);
    if (rc == 0) rc = take_payload(&p, index, doc, err);
    if (rc == 0) return 0;
    if (p.why) {
        sl_fail(err, rc, "socket.io", "%s", p.why);
        if (err) err->offset = p.at;
    }
    *out = (struct sio_packet){0};
    return rc;
}

sl_value sio_first_arg(const struct sio_packet *p)
{
    sl_value first = sl_value_first(p->value, NULL);

    return sl_value_type(p->name) == SL_JSON_NONE ? first
                                                  : sl_value_next(p->value, first, NULL);
}

sl_value sio_next_arg(const struct sio_packet *p, sl_value v)
{
    return sl_value_next(p->value, v, NULL);
}
