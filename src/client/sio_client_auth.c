/* SPDX-License-Identifier: MIT */
/* What is sent along with CONNECT: the application's auth, and our place, to recover it. */
#include "sluice/log.h"

#include "base/alloc.h"
#include "base/str.h"
#include "client/sio_client_inside.h"
#include "proto/url.h"

/* The application's object, read into c->auth. false: there is none */
static bool read_auth(sl_client_socket *s, sl_json_out *made, sl_value *out)
{
    sl_client *c = s->client;
    const sl_client_namespace *row = s->row;
    sl_error err = {0};
    sl_str text;

    if (row->on_auth != NULL)
        row->on_auth(s, made, row->user);
    else if (row->auth != NULL)
        sl_out_raw(made, sl_str_of(row->auth));
    text = sl_out_text(made);
    if (text.len == 0) return false;
    if (sl_json_read(&c->auth, text, NULL, NULL, &err) == 0) {
        *out = sl_json_root(&c->auth);
        if (sl_value_type(*out) == SL_JSON_OBJECT) return true;
    }
    SL_WARN("client", "event=bad_auth namespace=%s why=\"%s\"", row->name,
            err.text[0] != '\0' ? err.text : "it is no object");
    return false;
}

/* ---- revision 4: an object ---- */

static void put_member(sl_json_out *o, const char *key, const char *raw)
{
    sl_out_key(o, key);
    sl_out_raw(o, SL_STR("\""));
    sl_out_more(o, sl_str_of(raw));
    sl_out_more(o, SL_STR("\""));
}

/* What lies between the braces, as it was written. */
static sl_str inside_of(sl_value object)
{
    sl_str raw = sl_value_raw(object);

    return sl_value_count(object) > 0 ? str_part(raw, 1, raw.len - 2) : (sl_str){0};
}

static void put_object(const sl_client_socket *s, sl_value auth, bool has_auth, sl_json_out *o)
{
    sl_str more = has_auth ? inside_of(auth) : (sl_str){0};

    if (!has_auth && s->pid[0] == '\0') return;
    sl_out_object(o);
    if (s->pid[0] != '\0') {
        put_member(o, "pid", s->pid);
        if (s->offset[0] != '\0') put_member(o, "offset", s->offset);
    }
    if (more.len > 0) {
        if (s->pid[0] != '\0') sl_out_more(o, SL_STR(","));
        sl_out_more(o, more);
    }
    sl_out_end(o);
}

/* ---- revision 3: a query ---- */

static int put_encoded(sl_json_out *o, sl_str raw, bool is_escaped)
{
    char *text = sl__alloc(raw.len * 4 + 1);
    int64_t n = (int64_t)raw.len;

    if (text == NULL) return SL_E_NOMEM;
    if (is_escaped)
        n = sl_json_unescape(raw, text);
    else if (raw.len > 0)
        memcpy(text, raw.ptr, raw.len);
    if (n > 0)
        sl_out_more(o,
                    (sl_str){text + n, url_query_encode((sl_str){text, (size_t)n}, text + n)});
    sl__free(text);
    return 0;
}

static int put_query(sl_value auth, sl_json_out *o)
{
    sl_str key, raw;
    int rc = 0;

    for (sl_value v = sl_value_first(auth, &key); sl_value_type(v) != SL_JSON_NONE && rc == 0;
         v = sl_value_next(auth, v, &key)) {
        bool is_text = sl_value_str(v, &raw);

        if (sl_value_type(v) == SL_JSON_OBJECT || sl_value_type(v) == SL_JSON_ARRAY) continue;
        if (o->len > 0) sl_out_more(o, SL_STR("&"));
        rc = put_encoded(o, key, true);
        sl_out_more(o, SL_STR("="));
        if (rc == 0) rc = put_encoded(o, is_text ? raw : sl_value_raw(v), is_text);
    }
    return rc;
}

int client_put_auth(sl_client_socket *s, sl_json_out *o)
{
    sl_json_out made = {0};
    sl_value auth = {0};
    bool has_auth = read_auth(s, &made, &auth);
    int rc = made.rc == SL_E_NOMEM ? SL_E_NOMEM : 0;

    if (rc == 0 && s->client->rules.revision == 3)
        rc = has_auth ? put_query(auth, o) : 0;
    else if (rc == 0)
        put_object(s, auth, has_auth, o);
    sl_out_deinit(&made);
    return rc < 0 ? rc : o->rc;
}
