/* SPDX-License-Identifier: MIT */
/*
 * Socket.IO packets: the same with and without the index of a whole message; what was read,
 * written again, reads the same, also with its attachments numbered anew.
 *
 *   byte 0   1: revision 3  2: from a server  the rest: the limit of attachments
 *   byte 1-  the packet
 */
#include "base/assert.h"
#include "base/scan.h"
#include "proto/sio.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_same(const struct sio_packet *a, const struct sio_packet *b)
{
    SL_ASSERT(a->type == b->type && a->attachments == b->attachments);
    SL_ASSERT(a->has_id == b->has_id && a->id == b->id);
    SL_ASSERT(sl_str_eq(a->nsp, b->nsp) && sl_str_eq(a->query, b->query));
    SL_ASSERT(sl_str_eq(a->payload, b->payload));
    SL_ASSERT(sl_str_eq(sl_value_raw(a->name), sl_value_raw(b->name)));
}

static void check_fields(const struct sio_packet *p)
{
    bool binary = p->type == SIO_BINARY_EVENT || p->type == SIO_BINARY_ACK;
    bool event = p->type == SIO_EVENT || p->type == SIO_BINARY_EVENT;

    SL_ASSERT(p->nsp.len > 0 && p->nsp.ptr[0] == '/' && p->nsp.len <= SIO_NSP_MAX);
    SL_ASSERT(binary == (p->attachments > 0) && p->attachments <= SIO_ATTACHMENTS_MAX);
    SL_ASSERT(p->id <= SIO_ID_MAX && (p->has_id || p->id == 0));
    SL_ASSERT(event == (sl_value_type(p->name) != SL_JSON_NONE));
    SL_ASSERT((p->payload.ptr == NULL) == (sl_value_type(p->value) == SL_JSON_NONE));
}

/* As a whole WebSocket message with its index: the same, if it is UTF-8 at all. */
static void check_indexed(const struct sio_rules *r, sl_str text, int rc,
                          const struct sio_packet *p)
{
    char *whole = malloc(text.len + 1);
    struct sio_packet q;
    sl_json_index x;
    sl_json doc = {0};
    struct scan s;

    SL_ASSERT(whole != NULL);
    whole[0] = '4';
    if (text.len > 0) memcpy(whole + 1, text.ptr, text.len);
    index_init(&x, 64); /* small: longer texts overflow it */
    scan_init(&s, SCAN_JSON, NULL, &x);
    int scanned = scan_feed(&s, NULL, (const uint8_t *)whole, text.len + 1);
    if (scanned == 0) scanned = scan_end(&s);
    if (scanned == 0) {
        int again = sio_parse(r, (sl_str){whole, text.len + 1}, 1, &x, &doc, &q, NULL);
        SL_ASSERT(again == rc);
        check_same(p, &q);
    }
    index_deinit(&x);
    sl_json_deinit(&doc);
    free(whole);
}

static struct sio_head head_of(const struct sio_packet *p)
{
    return (struct sio_head){p->type, p->attachments, p->nsp, p->has_id, p->id};
}

static void check_again(const struct sio_rules *r, const struct sio_packet *p)
{
    struct sio_head h = head_of(p);
    struct sio_packet q;
    sl_json_out o = {0};
    sl_json doc = {0};
    char head[SIO_HEAD_MAX];

    if (p->query.ptr == NULL) {
        size_t n = sio_put_head(&h, head);
        SL_ASSERT(n > 0);
        sl_out_raw(&o, (sl_str){head, n});
    } else {
        sio_out_join(&o, 3, p->nsp, p->query.len ? p->query : SL_STR("q"));
    }
    sl_out_more(&o, p->payload);
    SL_ASSERT(sio_parse(r, sl_out_text(&o), 0, NULL, &doc, &q, NULL) == 0);
    if (p->query.ptr != NULL && p->query.len == 0) q.query = p->query;
    check_same(p, &q);
    sl_out_deinit(&o);
    sl_json_deinit(&doc);
}

static uint32_t count_placeholders(const struct sio_packet *p)
{
    struct sio_walk w = sio_walk_of(p->value, p->attachments);
    uint32_t n = 0, num, same;
    sl_value at;

    for (; sio_next_placeholder(&w, &at, &num); n++)
        SL_ASSERT(sio_attachment(at, p->attachments, &same) && num == same
                  && num < p->attachments);
    return n;
}

/* Passed on as an ack of its arguments alone. */
static void check_passed_on(const struct sio_rules *r, const struct sio_packet *p)
{
    struct sio_passed passed = {0};
    struct sio_packet q;
    sl_json_out args = {0}, o = {0};
    sl_json doc = {0};
    char head[SIO_HEAD_MAX];

    sl_out_array(&args);
    for (sl_value v = sio_first_arg(p); sl_value_type(v) != SL_JSON_NONE;
         v = sio_next_arg(p, v))
        sio_out_arg(&args, v, p->attachments, &passed);
    sl_out_end(&args);
    SL_ASSERT(args.rc == 0 && passed.n <= p->attachments);
    struct sio_head h = {passed.n ? SIO_BINARY_ACK : SIO_ACK, passed.n, p->nsp, true, 7};
    size_t n = sio_put_head(&h, head);
    sl_out_raw(&o, (sl_str){head, n});
    sl_out_raw(&o, sl_out_text(&args));
    SL_ASSERT(sio_parse(r, sl_out_text(&o), 0, NULL, &doc, &q, NULL) == 0);
    SL_ASSERT(count_placeholders(&q) == count_placeholders(p));
    sl_out_deinit(&args);
    sl_out_deinit(&o);
    sl_json_deinit(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sio_packet p;
    sl_json doc = {0};
    sl_error err = {0};

    if (n == 0) return 0;
    sl_str text = {(const char *)data + 1, n - 1};
    struct sio_rules r = {.revision = data[0] & 1 ? 3 : 4,
                          .from_client = !(data[0] & 2),
                          .attachments_max = data[0] >> 2};
    int rc = sio_parse(&r, text, 0, NULL, &doc, &p, &err);
    SL_ASSERT(err.code == rc && err.offset <= text.len);
    check_indexed(&r, text, rc, &p);
    if (rc == 0) {
        check_fields(&p);
        check_again(&r, &p);
        count_placeholders(&p);
        if (p.type != SIO_CONNECT && sl_value_type(p.value) == SL_JSON_ARRAY)
            check_passed_on(&r, &p);
    }
    sl_json_deinit(&doc);
    return 0;
}
