/* SPDX-License-Identifier: MIT */
/*
 * The reader against itself: with and without an index the same nodes; peek the same members
 * as read; every node inside its parent and the text; and what was read, written again, reads
 * the same.
 */
#include "sluice/json.h"

#include "base/scan.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(bool ok)
{
    if (!ok) abort();
}

static int read_indexed(sl_json *doc, sl_str text)
{
    sl_json_index x;
    struct scan s;
    int rc;

    index_init(&x, 64); /* small: longer texts overflow it, and are scanned again */
    scan_init(&s, SCAN_JSON, NULL, &x);
    rc = scan_feed(&s, NULL, (const uint8_t *)text.ptr, text.len / 3);
    if (rc == 0)
        rc = scan_feed(&s, NULL, (const uint8_t *)text.ptr + text.len / 3,
                       text.len - text.len / 3);
    if (rc == 0) rc = scan_end(&s);
    if (rc == 0) rc = sl_json_read(doc, text, &x, NULL, NULL);
    index_deinit(&x);
    return rc;
}

static void check_nodes(const sl_json *doc)
{
    for (uint32_t i = 0; i < doc->n; i++) {
        const sl_json_node *n = &doc->node[i];
        check(n->at <= doc->text.len && n->len <= doc->text.len - n->at);
        check(n->next > i && n->next <= doc->n);
        check(!n->key || (n->type == SL_JSON_STRING && i + 1 < doc->n));
    }
}

/* Write a value again, escapes and numbers from what was understood. false: it can not be */
static bool write(sl_json_out *o, sl_value v)
{
    sl_str raw;
    double f;
    bool b, ok = true;

    switch (sl_value_type(v)) {
    case SL_JSON_OBJECT:
    case SL_JSON_ARRAY: {
        bool object = sl_value_type(v) == SL_JSON_OBJECT;
        if (object)
            sl_out_object(o);
        else
            sl_out_array(o);
        for (sl_value e = sl_value_first(v, &raw); ok && sl_value_type(e) != SL_JSON_NONE;
             e = sl_value_next(v, e, &raw)) {
            if (object) sl_out_key(o, "k");
            ok = write(o, e);
        }
        sl_out_end(o);
        return ok;
    }
    case SL_JSON_STRING: {
        sl_value_str(v, &raw);
        char *plain = malloc(raw.len + 1);
        check(plain != NULL);
        int64_t n = sl_json_unescape(raw, plain);
        check(n <= (int64_t)raw.len);
        if (n >= 0) {
            check(sl_value_is_str(v, (sl_str){plain, (size_t)n}));
            sl_out_str(o, (sl_str){plain, (size_t)n});
        }
        free(plain);
        return n >= 0;
    }
    case SL_JSON_NUMBER:
        ok = sl_value_f64(v, &f);
        if (ok) sl_out_f64(o, f);
        return ok;
    case SL_JSON_NULL: sl_out_null(o); return true;
    default:
        check(sl_value_bool(v, &b));
        sl_out_bool(o, b);
        return true;
    }
}

static void check_again(sl_value a, sl_value b)
{
    double f, g;

    check(sl_value_type(a) == sl_value_type(b));
    if (sl_value_type(a) == SL_JSON_NUMBER)
        check(sl_value_f64(a, &f) && sl_value_f64(b, &g) && f == g && signbit(f) == signbit(g));
    sl_value y = sl_value_first(b, NULL);
    for (sl_value x = sl_value_first(a, NULL); sl_value_type(x) != SL_JSON_NONE;
         x = sl_value_next(a, x, NULL)) {
        check_again(x, y);
        y = sl_value_next(b, y, NULL);
    }
}

static void round_trip(const sl_json *doc)
{
    sl_json_out o = {0};
    sl_json again = {0};

    if (write(&o, sl_json_root(doc))) {
        check(o.rc == 0);
        check(sl_json_read(&again, sl_out_text(&o), NULL, NULL, NULL) == 0);
        check_again(sl_json_root(doc), sl_json_root(&again));
    }
    sl_json_deinit(&again);
    sl_out_deinit(&o);
}

/* What read finds at the top level, peek finds; a text that peek refuses, read refuses. */
static void check_peek(const sl_json *doc, int rc, sl_str text)
{
    static const char *const names[] = {"type", "a", "", "device_id"};
    sl_str key[4], found[4], member[4];

    for (unsigned i = 0; i < 4; i++)
        key[i] = sl_str_of(names[i]);
    int peek = sl_json_peek(text, NULL, key, 4, found, member);
    bool object = rc == 0 && sl_value_type(sl_json_root(doc)) == SL_JSON_OBJECT;
    if (peek < 0) check(!object);
    for (unsigned i = 0; i < 4; i++) {
        if (peek < 0) check(found[i].ptr == NULL && member[i].ptr == NULL);
        if (!object || peek < 0) continue;
        sl_str raw = sl_value_raw(sl_value_get(sl_json_root(doc), key[i]));
        check(raw.ptr == found[i].ptr && raw.len == found[i].len);
        check(
            raw.ptr == NULL
            || (member[i].ptr < raw.ptr && member[i].ptr + member[i].len == raw.ptr + raw.len));
    }
}

/* A document behind something else: as if it stood alone. */
static void check_from(sl_str text)
{
    size_t from = text.len ? (uint8_t)text.ptr[0] % text.len : 0;
    sl_json alone = {0}, behind = {0};
    sl_json_index x;
    struct scan s;

    index_init(&x, 0);
    scan_init(&s, SCAN_JSON, NULL, &x);
    int rc = scan_feed(&s, NULL, (const uint8_t *)text.ptr, text.len);
    if (rc == 0) rc = scan_end(&s);
    int want =
        sl_json_read(&alone, (sl_str){text.ptr + from, text.len - from}, NULL, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        int got = sl_json_read_from(&behind, text, from, i && rc == 0 ? &x : NULL, NULL, NULL);
        check((got < 0) == (want < 0) && behind.n == alone.n);
        for (uint32_t k = 0; k < alone.n; k++)
            check(behind.node[k].at == alone.node[k].at + from
                  && behind.node[k].next == alone.node[k].next
                  && behind.node[k].type == alone.node[k].type);
    }
    sl_json_deinit(&alone);
    sl_json_deinit(&behind);
    index_deinit(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_str text = {(const char *)data, size};
    sl_json plain = {0}, indexed = {0};
    sl_error err = {0};
    int rc = sl_json_read(&plain, text, NULL, NULL, &err);
    int other = read_indexed(&indexed, text);

    check((rc < 0) == (other < 0));
    check(rc == other || rc == SL_E_UTF8
          || other == SL_E_UTF8); /* which of two errors is first */
    check(rc == 0 || (err.code == rc && err.offset <= size));
    check(plain.n == indexed.n);
    check_nodes(&plain);
    if (rc == 0) {
        check(memcmp(plain.node, indexed.node, plain.n * sizeof *plain.node) == 0);
        round_trip(&plain);
    }
    check_peek(&plain, rc, text);
    check_from(text);
    sl_json_deinit(&plain);
    sl_json_deinit(&indexed);
    return 0;
}
