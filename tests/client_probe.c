/* SPDX-License-Identifier: MIT */
/*
 * A client for the tests in e2e, driven by lines:
 *
 *     client_probe OPTIONS-AS-JSON
 *     {"url":"ws://127.0.0.1:5000","transport":"upgrade|websocket|polling","eio":4,
 *      "namespaces":["/"],"auth":{},"delay_ms":50,"buffer_count":100,"policy":"drop"}
 *
 *     in   {"do":"emit","nsp":"/","event":"x","args":[1,{"$bin":"AQID"}]}
 *          {"do":"ask", ... ,"tag":7,"timeout_ms":1000}    emit with ack;
 * {"t":"answer","tag":7}
 *          {"do":"join","nsp":"/"}, leave, close ("wait_ms"), stats
 *     out  {"t":"event","nsp":"/","name":"x","args":[...]}, connect, disconnect, refused,
 *          trouble, answer, gone
 *
 * An event that wants an ack gets its own arguments back.
 */
#include "sluice/client.h"
#include "sluice/sluice.h"

#include "base/alloc.h"
#include "base/codec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES_MAX 8

static sl_loop *loop;
static sl_client *client;
static sl_client_namespace names[NAMES_MAX];
static size_t name_n;

static sl_str member(sl_value v, const char *key)
{
    sl_str s = {0};

    (void)sl_value_str(sl_value_get(v, sl_str_of(key)), &s);
    return s;
}

static int64_t number(sl_value v, const char *key, int64_t otherwise)
{
    int64_t n;

    return sl_value_i64(sl_value_get(v, sl_str_of(key)), &n) ? n : otherwise;
}

static char *text_of(sl_value v, const char *key)
{
    sl_str raw = member(v, key);
    char *text;

    if (raw.ptr == NULL) return NULL;
    text = calloc(raw.len + 1, 1);
    if (sl_json_unescape(raw, text) < 0) exit(3);
    return text;
}

/* ---- out ---- */

static void put_value(sl_json_out *o, const sl_sio_event *e, sl_value v)
{
    const sl_slice *b = sl_sio_binary(e, v);
    sl_str key;

    if (b != NULL) {
        size_t n = sl__base64_len(b->bytes.len);
        char *text = malloc(n + 1);
        sl__base64_encode(text, b->bytes.ptr, b->bytes.len);
        sl_out_object(o);
        sl_out_key(o, "$bin");
        sl_out_str(o, (sl_str){text, n});
        sl_out_end(o);
        free(text);
    } else if (sl_value_type(v) == SL_JSON_ARRAY) {
        sl_out_array(o);
        for (sl_value k = sl_value_first(v, NULL); sl_value_type(k);
             k = sl_value_next(v, k, NULL))
            put_value(o, e, k);
        sl_out_end(o);
    } else if (sl_value_type(v) == SL_JSON_OBJECT) {
        sl_out_object(o);
        for (sl_value k = sl_value_first(v, &key); sl_value_type(k);
             k = sl_value_next(v, k, &key)) {
            char name[256];
            snprintf(name, sizeof name, "%.*s", (int)key.len, key.ptr);
            sl_out_key(o, name);
            put_value(o, e, k);
        }
        sl_out_end(o);
    } else {
        sl_out_raw(o, sl_value_raw(v));
    }
}

static void put_args(sl_json_out *o, const sl_sio_event *e)
{
    sl_out_key(o, "args");
    sl_out_array(o);
    for (sl_value v = sl_sio_arg(e, 0); sl_value_type(v); v = sl_value_next(e->args, v, NULL))
        put_value(o, e, v);
    sl_out_end(o);
}

static void begin(sl_json_out *o, const char *type, const sl_client_socket *s)
{
    sl_out_object(o);
    sl_out_key(o, "t");
    sl_out_str(o, sl_str_of(type));
    if (s == NULL) return;
    sl_out_key(o, "nsp");
    sl_out_str(o, sl_str_of(sl_client_nsp(s)));
}

static void end(sl_json_out *o)
{
    sl_str text;

    sl_out_end(o);
    text = sl_out_text(o);
    printf("%.*s\n", (int)text.len, text.ptr);
    fflush(stdout);
    sl_out_deinit(o);
}

static void put_text(sl_json_out *o, const char *key, const char *text)
{
    sl_out_key(o, key);
    sl_out_str(o, sl_str_of(text));
}

static void put_number(sl_json_out *o, const char *key, int64_t n)
{
    sl_out_key(o, key);
    sl_out_i64(o, n);
}

/* ---- what the client tells ---- */

static void on_any(sl_client_socket *s, const sl_sio_event *e, void *user)
{
    sl_json_out o = {0};

    (void)user;
    begin(&o, "event", s);
    sl_out_key(&o, "name");
    sl_out_raw(&o, sl_value_raw(sl_value_first(e->args, NULL)));
    put_args(&o, e);
    end(&o);
    if (e->wants_ack) {
        sl_sio_packet *p = sl_sio_packet_new(NULL);
        sl_sio_put_args(p, e, 0);
        if (sl_client_ack_packet(s, e, p) < 0) exit(4);
        sl_sio_packet_free(p);
    }
}

static void on_connect(sl_client_socket *s, bool recovered, void *user)
{
    sl_json_out o = {0};

    (void)user;
    begin(&o, "connect", s);
    put_text(&o, "sid", sl_client_id(s));
    sl_out_key(&o, "recovered");
    sl_out_bool(&o, recovered);
    sl_out_key(&o, "websocket");
    sl_out_bool(&o, sl_client_is_websocket(sl_client_of(s)));
    end(&o);
}

static void on_refused(sl_client_socket *s, sl_str message, sl_value data, void *user)
{
    sl_json_out o = {0};

    (void)user;
    begin(&o, "refused", s);
    sl_out_key(&o, "message");
    sl_out_str(&o, message);
    if (sl_value_type(data) != SL_JSON_NONE) {
        sl_out_key(&o, "data");
        sl_out_raw(&o, sl_value_raw(data));
    }
    end(&o);
}

static void on_disconnect(sl_client_socket *s, const char *reason, void *user)
{
    sl_json_out o = {0};

    (void)user;
    begin(&o, "disconnect", s);
    put_text(&o, "reason", reason);
    end(&o);
}

static void on_trouble(sl_client *c, const sl_client_trouble *t, void *user)
{
    sl_json_out o = {0};

    (void)c;
    (void)user;
    begin(&o, "trouble", NULL);
    put_text(&o, "reason", t->reason);
    put_text(&o, "text", t->text);
    put_number(&o, "tries", t->tries);
    put_number(&o, "retry_in_ms", t->retry_in_ms);
    sl_out_key(&o, "gives_up");
    sl_out_bool(&o, t->gives_up);
    end(&o);
}

static void on_gone(void *user)
{
    sl_json_out o = {0};

    (void)user;
    begin(&o, "gone", NULL);
    end(&o);
    sl_loop_stop(loop, 1000);
}

static void on_answer(sl_client_socket *s, int rc, const sl_sio_event *answer, void *user)
{
    sl_json_out o = {0};

    begin(&o, "answer", s);
    put_number(&o, "tag", (int64_t)(intptr_t)user);
    put_number(&o, "rc", rc);
    if (answer != NULL) put_args(&o, answer);
    end(&o);
}

/* ---- what it is told to do ---- */

static void put_arg(sl_sio_packet *p, sl_value v)
{
    sl_json_out *o = sl_sio_args(p);
    sl_str key, b64 = member(v, "$bin");

    if (b64.ptr != NULL) {
        sl_buf *b = sl_buf_new(0, b64.len + 1);
        char *bytes = malloc(b64.len + 3);
        size_t n = 0;
        if (sl__base64_decode(bytes, b64.len + 3, b64, &n) < 0) exit(3);
        sl_sio_put_binary(p, NULL, (sl_str){bytes, n});
        free(bytes);
        sl_buf_drop(b);
    } else if (sl_value_type(v) == SL_JSON_ARRAY) {
        sl_out_array(o);
        for (sl_value k = sl_value_first(v, NULL); sl_value_type(k);
             k = sl_value_next(v, k, NULL))
            put_arg(p, k);
        sl_out_end(o);
    } else if (sl_value_type(v) == SL_JSON_OBJECT) {
        sl_out_object(o);
        for (sl_value k = sl_value_first(v, &key); sl_value_type(k);
             k = sl_value_next(v, k, &key)) {
            char name[256];
            snprintf(name, sizeof name, "%.*s", (int)key.len, key.ptr);
            sl_out_key(o, name);
            put_arg(p, k);
        }
        sl_out_end(o);
    } else {
        sl_sio_put_slice(p, NULL, sl_value_raw(v));
    }
}

static void emit(sl_client_socket *s, sl_value v, bool asks)
{
    char *event = text_of(v, "event");
    sl_sio_packet *p = sl_sio_packet_new(event);
    sl_value args = sl_value_get(v, SL_STR("args"));
    int64_t tag = number(v, "tag", 0);
    int rc;

    for (sl_value k = sl_value_first(args, NULL); sl_value_type(k);
         k = sl_value_next(args, k, NULL))
        put_arg(p, k);
    if (asks)
        rc = sl_client_emit_ack(s, p, (uint32_t)number(v, "timeout_ms", 0), on_answer,
                                (void *)(intptr_t)tag);
    else
        rc = sl_client_emit(s, p);
    if (rc < 0) {
        sl_json_out o = {0};
        begin(&o, "error", s);
        put_number(&o, "tag", tag);
        put_number(&o, "rc", rc);
        end(&o);
    }
    sl_sio_packet_free(p);
    free(event);
}

static void tell_stats(void)
{
    sl_client_stats s;
    sl_json_out o = {0};

    sl_client_get_stats(client, &s);
    begin(&o, "stats", NULL);
    put_number(&o, "opened", (int64_t)s.opened);
    put_number(&o, "failed", (int64_t)s.failed);
    put_number(&o, "upgraded", (int64_t)s.upgraded);
    put_number(&o, "dropped", (int64_t)s.dropped_full);
    put_number(&o, "waiting", s.waiting);
    put_number(&o, "acks", s.acks);
    end(&o);
}

static void on_line(void *user)
{
    char *line = user, *nsp;
    sl_json doc = {0};
    sl_value v;
    sl_client_socket *s;
    sl_str what;

    if (client == NULL || sl_json_read(&doc, sl_str_of(line), NULL, NULL, NULL) < 0) exit(3);
    v = sl_json_root(&doc);
    what = member(v, "do");
    nsp = text_of(v, "nsp");
    s = sl_client_find(client, nsp != NULL ? nsp : "/");
    if (sl_str_eq(what, SL_STR("emit"))) emit(s, v, false);
    if (sl_str_eq(what, SL_STR("ask"))) emit(s, v, true);
    if (sl_str_eq(what, SL_STR("join")) && sl_client_join(s) < 0) exit(3);
    if (sl_str_eq(what, SL_STR("leave"))) sl_client_leave(s);
    if (sl_str_eq(what, SL_STR("stats"))) tell_stats();
    if (sl_str_eq(what, SL_STR("close")))
        sl_client_close(client, (uint32_t)number(v, "wait_ms", 0));
    free(nsp);
    sl_json_deinit(&doc);
    free(line);
}

static void *read_lines(void *user)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, stdin)) > 0) {
        if (line[n - 1] == '\n') line[n - 1] = '\0';
        if (sl_loop_post(loop, on_line, strdup(line)) < 0) break;
    }
    free(line);
    sl_loop_stop(loop, 1000);
    return user;
}

/* ---- options ---- */

static const sl_client_on rows[] = {
    {NULL, on_any}
};

static void put_names(sl_value v, char *auth)
{
    for (sl_value k = sl_value_first(v, NULL); sl_value_type(k) && name_n < NAMES_MAX;
         k = sl_value_next(v, k, NULL)) {
        sl_str raw;
        if (!sl_value_str(k, &raw)) exit(3);
        names[name_n++] = (sl_client_namespace){
            .name = strndup(raw.ptr, raw.len),
            .auth = auth,
            .on_connect = on_connect,
            .on_refused = on_refused,
            .on_disconnect = on_disconnect,
            .events = rows,
            .event_count = 1,
        };
    }
}

static sl_client_transports transport_of(sl_str s)
{
    if (sl_str_eq(s, SL_STR("websocket"))) return SL_CLIENT_WEBSOCKET;
    return sl_str_eq(s, SL_STR("polling")) ? SL_CLIENT_POLLING : SL_CLIENT_UPGRADE;
}

int main(int argc, char **argv)
{
    sl_json doc = {0};
    sl_client_options o = {.on_trouble = on_trouble, .on_gone = on_gone};
    sl_error err = {0};
    pthread_t reader;
    sl_value v, auth;
    char *auth_text, *url;

    if (argc != 2 || sl_json_read(&doc, sl_str_of(argv[1]), NULL, NULL, &err) < 0) return 2;
    v = sl_json_root(&doc);
    auth = sl_value_get(v, SL_STR("auth"));
    auth_text = sl_value_type(auth) != SL_JSON_NONE
                    ? strndup(sl_value_raw(auth).ptr, sl_value_raw(auth).len)
                    : NULL;
    put_names(sl_value_get(v, SL_STR("namespaces")), auth_text);
    url = text_of(v, "url");
    o.url = url;
    o.namespaces = names;
    o.namespace_count = name_n;
    o.transports = transport_of(member(v, "transport"));
    o.eio = (uint8_t)number(v, "eio", 4);
    o.delay_min_ms = o.delay_max_ms = (uint32_t)number(v, "delay_ms", 50);
    o.buffer_count = (uint32_t)number(v, "buffer_count", 0);
    o.tries_max = (uint32_t)number(v, "tries_max", 0);
    if (sl_str_eq(member(v, "policy"), SL_STR("drop"))) o.policy = SL_CLIENT_DROP_OLDEST;
    if (sl_loop_new(&loop) < 0) exit(1);
    if (sl_client_open(loop, &o, &client, &err) < 0) {
        fprintf(stderr, "%s: %s\n", err.where, err.text);
        exit(2);
    }
    if (pthread_create(&reader, NULL, read_lines, NULL) != 0) exit(1);
    pthread_detach(reader);
    sl_loop_run(loop);
    sl_json_deinit(&doc);
    free(url);
    free(auth_text);
    for (size_t i = 0; i < name_n; i++)
        free((char *)names[i].name);
    return 0;
}
