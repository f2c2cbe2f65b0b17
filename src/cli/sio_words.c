/* SPDX-License-Identifier: MIT */
#include "cli/sio_words.h"

#include "base/alloc.h"
#include "base/codec.h"
#include "base/str.h"
#include "cli/doctor_out.h"

#include <stdio.h>
#include <sysexits.h>

#define ARG_MAX_BYTES 120 /* of one argument in a line */

/* ---- what was asked for ---- */

int sio_positionals(int argc, char **argv)
{
    int n = 0;

    while (n < argc && strncmp(argv[n], "--", 2) != 0)
        n++;
    return n;
}

bool sio_asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

static bool read_json(const char *text, const char *what, sl_json *doc)
{
    sl_error err;

    if (sl_json_read(doc, sl_str_of(text), NULL, NULL, &err) == 0) return true;
    fprintf(stderr,
            "sluice: %s is no JSON: %s of '%.60s'\n"
            "        a text wants quotes of its own: '\"hello\"'\n",
            what, err.text, text);
    return false;
}

bool sio_is_json(const char *text, const char *what)
{
    sl_json doc = {0};
    bool is = read_json(text, what, &doc);

    sl_json_deinit(&doc);
    return is;
}

static bool is_object(const char *text, const char *what)
{
    sl_json doc = {0};
    bool is = read_json(text, what, &doc);

    if (is && sl_value_type(sl_json_root(&doc)) != SL_JSON_OBJECT) {
        fprintf(stderr, "sluice: %s takes a JSON object, as '{\"token\":\"secret\"}'\n", what);
        is = false;
    }
    sl_json_deinit(&doc);
    return is;
}

bool sio_understand(const struct sio_want *w, sl_client_options *o)
{
    static const sl_client_transports ways[] = {SL_CLIENT_UPGRADE, SL_CLIENT_WEBSOCKET,
                                                SL_CLIENT_POLLING};

    if (w->auth != NULL && !is_object(w->auth, "--auth")) return false;
    o->url = w->url;
    o->transports = ways[w->transport];
    o->eio = w->eio == 0 ? 4 : 3;
    return true;
}

int sio_open(sl_loop *loop, const sl_client_options *o, sl_client **out)
{
    sl_error err = {0};
    char text[96];
    int rc = sl_client_open(loop, o, out, &err);

    if (rc == 0) return EX_OK;
    if (rc != SL_E_INVAL) {
        fprintf(stderr, "sluice: %s\n", sl_strerror(rc, text, sizeof text));
        return EX_OSERR;
    }
    if (strcmp(err.where, "namespaces") == 0)
        fprintf(stderr, "sluice: --nsp takes /NAME: %s\n", err.text);
    else
        fprintf(stderr, "sluice: the URL is ws://HOST:PORT/PATH/, not '%s': %s\n", o->url,
                err.text);
    return EX_USAGE;
}

/* ---- events for people ---- */

struct line {
    char *at;
    size_t len; /* at most SIO_WORD_MAX - 1 */
};

static void add(struct line *l, sl_str text)
{
    text = str_cut_utf8(text, SIO_WORD_MAX - 1 - l->len);
    if (text.len > 0) memcpy(l->at + l->len, text.ptr, text.len);
    l->len += text.len;
}

static void add_size(struct line *l, const char *form, size_t n)
{
    char text[64];

    snprintf(text, sizeof text, form, n);
    add(l, sl_str_of(text));
}

static void add_arg(struct line *l, const sl_sio_event *e, sl_value v)
{
    const sl_slice *binary = sl_sio_binary(e, v);
    sl_str raw = sl_value_raw(v);

    add(l, SL_STR(" "));
    if (binary != NULL) {
        add_size(l, "<%zu bytes>", binary->bytes.len);
        return;
    }
    add(l, str_cut_utf8(raw, ARG_MAX_BYTES));
    if (raw.len > ARG_MAX_BYTES) add_size(l, "\u2026 (%zu bytes)", raw.len);
}

void sio_line(const sl_sio_event *e, char out[SIO_WORD_MAX])
{
    struct line l = {out, 0};

    add(&l, e->name);
    for (sl_value v = sl_sio_arg(e, 0); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(e->args, v, NULL))
        add_arg(&l, e, v);
    out[l.len] = '\0';
    printable(out);
}

/* ---- events for programs ---- */

static void put_binary(sl_json_out *o, const sl_slice *b)
{
    size_t n = sl__base64_len(b->bytes.len);
    char *text = sl__alloc(n + 1);

    if (text == NULL) {
        o->rc = SL_E_NOMEM;
        return;
    }
    if (n > 0) sl__base64_encode(text, b->bytes.ptr, b->bytes.len);
    sl_out_object(o);
    sl_out_key(o, "base64");
    sl_out_str(o, (sl_str){text, n});
    sl_out_end(o);
    sl__free(text);
}

/* A value as it came, but for its placeholders: what lies between two of them is one piece. */
static void put_value(sl_json_out *o, const sl_sio_event *e, sl_value v)
{
    const sl_slice *b = sl_sio_binary(e, v);
    sl_str raw = sl_value_raw(v);
    const char *at = raw.ptr;
    sl_json_out bin = {0};

    if (b != NULL || e->attachment_count == 0) {
        if (b != NULL)
            put_binary(o, b);
        else
            sl_out_raw(o, raw);
        return;
    }
    sl_out_raw(o, (sl_str){at, 1}); /* its first byte takes the comma in front */
    at++;
    for (uint32_t i = v.i + 1; i < v.doc->node[v.i].next && o->rc == 0; i++) {
        sl_value inner = {v.doc, i};
        sl_str text = sl_value_raw(inner);

        b = v.doc->node[i].key ? NULL : sl_sio_binary(e, inner);
        if (b == NULL) continue;
        sl_out_more(o, (sl_str){at, (size_t)(text.ptr - at)});
        put_binary(&bin, b);
        if (bin.rc < 0) o->rc = bin.rc;
        sl_out_more(o, sl_out_text(&bin));
        sl_out_reset(&bin);
        at = text.ptr + text.len;
        i = v.doc->node[i].next - 1;
    }
    sl_out_more(o, (sl_str){at, (size_t)(raw.ptr + raw.len - at)});
    sl_out_deinit(&bin);
}

void sio_put_args(sl_json_out *o, const sl_sio_event *e)
{
    sl_out_array(o);
    for (sl_value v = sl_sio_arg(e, 0); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(e->args, v, NULL))
        put_value(o, e, v);
    sl_out_end(o);
}

/* ---- trouble ---- */

void sio_tell_trouble(const sl_client_trouble *t)
{
    char text[256];

    snprintf(text, sizeof text, "%s", t->text);
    printable(text); /* the server had its say in it */
    fprintf(stderr, "sluice: %s%s%s", t->tries == 0 ? t->reason : "", t->tries == 0 ? ": " : "",
            text);
    if (t->gives_up)
        fprintf(stderr, "\n");
    else
        fprintf(stderr, " (again in %u.%u s)\n", t->retry_in_ms / 1000,
                t->retry_in_ms % 1000 / 100);
}

void sio_tell_refused(const char *nsp, sl_str message, sl_value data)
{
    char text[512];
    sl_str more = sl_value_type(data) != SL_JSON_NONE ? sl_value_raw(data) : (sl_str){0};

    more = str_cut_utf8(more, 200);
    message = str_cut_utf8(message, 200);
    snprintf(text, sizeof text, "%.*s%s%.*s", (int)message.len, message.ptr,
             more.len > 0 ? " " : "", (int)more.len, more.len > 0 ? more.ptr : "");
    printable(text);
    fprintf(stderr, "sluice: the server does not let us into %s: %s\n", nsp, text);
    fprintf(stderr, "        it may want another --auth, or have no such namespace\n");
}
