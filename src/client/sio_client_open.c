/* SPDX-License-Identifier: MIT */
/* What a client is asked for, and what can be asked of one. */
#include "base/alloc.h"
#include "client/sio_client_inside.h"

#include <stdio.h>

static int check(const sl_client_options *o, sl_error *err)
{
    if (o->url == NULL) return sl_fail(err, SL_E_INVAL, "url", "there is none");
    if (o->namespace_count == 0 || o->namespace_count > SL_CLIENT_NAMESPACES_MAX)
        return sl_fail(err, SL_E_INVAL, "namespaces", "there must be 1 to %d",
                       SL_CLIENT_NAMESPACES_MAX);
    if (o->eio != 0 && o->eio != 3 && o->eio != 4)
        return sl_fail(err, SL_E_INVAL, "eio", "it is 3 or 4");
    if (o->jitter_percent > 100 && o->jitter_percent != SL_CLIENT_NO_JITTER)
        return sl_fail(err, SL_E_INVAL, "jitter_percent", "it is at most 100");
    for (size_t i = 0; i < o->namespace_count; i++) {
        const char *name = o->namespaces[i].name;

        if (name == NULL || name[0] != '/' || strlen(name) > SIO_NSP_MAX
            || strpbrk(name, ",?\r\n") != NULL)
            return sl_fail(err, SL_E_INVAL, "namespaces", "a name begins with '/'");
        for (size_t k = 0; k < i; k++)
            if (strcmp(o->namespaces[k].name, name) == 0)
                return sl_fail(err, SL_E_INVAL, name, "there are two rows of this namespace");
    }
    return 0;
}

static void fill_in(sl_client *c, const sl_client_options *o)
{
    c->o = *o;
    if (o->delay_min_ms == 0) c->o.delay_min_ms = 1000;
    if (o->delay_max_ms == 0) c->o.delay_max_ms = 5000;
    if (c->o.delay_max_ms < c->o.delay_min_ms) c->o.delay_max_ms = c->o.delay_min_ms;
    if (o->connect_timeout_ms == 0) c->o.connect_timeout_ms = 20000;
    if (o->upgrade_timeout_ms == 0) c->o.upgrade_timeout_ms = 10000;
    if (o->buffer_bytes == 0) c->o.buffer_bytes = (size_t)4 << 20;
    if (o->buffer_count == 0) c->o.buffer_count = 10000;
    if (o->message_max == 0) c->o.message_max = (size_t)16 << 20;
    c->backoff = (struct backoff){c->o.delay_min_ms, c->o.delay_max_ms, 50};
    if (o->jitter_percent != 0) c->backoff.jitter_percent = o->jitter_percent;
    if (o->jitter_percent == SL_CLIENT_NO_JITTER) c->backoff.jitter_percent = 0;
    c->rules = (struct sio_rules){
        .revision = o->eio == 3 ? 3 : 4,
        .attachments_max = SL_SIO_ATTACHMENTS_MAX,
        .json = {.depth = o->depth_max},
    };
}

/* The path is Engine.IO's; without one it is where everybody has it. */
static int read_url(sl_client *c, const char *url, sl_error *err)
{
    const char *why = dial_url_parse(url, &c->url);
    const char *mark;

    if (why == NULL && c->url.is_tls) why = "TLS is not spoken here yet";
    if (why != NULL) return sl_fail(err, SL_E_INVAL, url, "%s", why);
    mark = strchr(c->url.path, '?');
    snprintf(c->query, sizeof c->query, "%s", mark != NULL ? mark + 1 : "");
    snprintf(c->path, sizeof c->path, "%.*s",
             (int)(mark != NULL ? (size_t)(mark - c->url.path) : strlen(c->url.path)),
             c->url.path);
    if (c->path[0] == '\0' || strcmp(c->path, "/") == 0)
        snprintf(c->path, sizeof c->path, "/socket.io/");
    return 0;
}

static void init_socket(sl_client *c, sl_client_socket *s, const sl_client_namespace *row)
{
    s->client = c;
    s->row = row;
    s->wanted = !row->stays_out;
    list_init(&s->pending);
    list_init(&s->waits);
    list_init(&s->early);
}

static sl_client *client_new(sl_loop *loop, const sl_client_options *o)
{
    sl_client *c = sl__zalloc(sizeof *c + o->namespace_count * sizeof *c->socket);
    size_t len = o->headers != NULL ? strlen(o->headers) : 0;

    if (c == NULL) return NULL;
    c->headers = sl__alloc(len + 1);
    if (c->headers == NULL) {
        sl__free(c);
        return NULL;
    }
    memcpy(c->headers, o->headers != NULL ? o->headers : "", len + 1);
    c->loop = loop;
    c->dialer = &dial_tcp;
    c->n = (uint32_t)o->namespace_count;
    fill_in(c, o);
    list_init(&c->out);
    list_init(&c->aged);
    list_init(&c->failed);
    client_init_life(c);
    for (uint32_t i = 0; i < c->n; i++)
        init_socket(c, &c->socket[i], &o->namespaces[i]);
    return c;
}

int sl_client_open(sl_loop *loop, const sl_client_options *o, sl_client **out, sl_error *err)
{
    sl_client *c;
    int rc;

    *out = NULL;
    if (err != NULL) *err = (sl_error){0};
    rc = check(o, err);
    if (rc < 0) return rc;
    if (sl__loop_is_stopping(loop)) return SL_E_STOPPING;
    c = client_new(loop, o);
    if (c == NULL) return SL_E_NOMEM;
    rc = read_url(c, o->url, err);
    if (rc < 0) {
        sl__free(c->headers);
        sl__free(c);
        return rc;
    }
    sl__loop_add_turn_hook(loop, &c->turn);
    sl__loop_add_stop_hook(loop, &c->stop);
    client_try_in(c, 0);
    *out = c;
    return 0;
}

/* ---- small things ---- */

sl_client_socket *sl_client_find(sl_client *c, const char *nsp)
{
    return client_find(c, sl_str_of(nsp));
}

void *sl_client_user(const sl_client *c)
{
    return c->o.user;
}

bool sl_client_is_open(const sl_client *c)
{
    return c->eio != NULL && eio_client_is_open(c->eio);
}

bool sl_client_is_websocket(const sl_client *c)
{
    return c->eio != NULL && eio_client_is_websocket(c->eio);
}

void sl_client_get_stats(const sl_client *c, sl_client_stats *out)
{
    *out = c->stats;
    if (c->eio != NULL) out->upgraded += eio_client_why(c->eio)->upgraded;
}

bool sl_client_is_joined(const sl_client_socket *s)
{
    return s->joined;
}

const char *sl_client_id(const sl_client_socket *s)
{
    return s->id;
}

const char *sl_client_nsp(const sl_client_socket *s)
{
    return s->row->name;
}

sl_client *sl_client_of(const sl_client_socket *s)
{
    return s->client;
}

void sl_client_set_data(sl_client_socket *s, void *data)
{
    s->data = data;
}

void *sl_client_data(const sl_client_socket *s)
{
    return s->data;
}
