/* SPDX-License-Identifier: MIT */
/* The client's life: connecting, coming back, namespaces joined and left, the end. */
#include "sluice/log.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "base/str.h"
#include "client/sio_client_inside.h"

#include <stdio.h>

#define LEAVE_MS 2000 /* for saying that we leave */

static const char own_end[] = "io client disconnect";

/* ---- namespaces ---- */

sl_client_socket *client_find(sl_client *c, sl_str nsp)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (sl_str_eq(sl_str_of(c->socket[i].row->name), nsp)) return &c->socket[i];
    return NULL;
}

bool client_is_wanted(const sl_client *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->socket[i].wanted) return true;
    return false;
}

void client_cut(sl_client *c, const char *reason, const char *text)
{
    if (c->eio != NULL) eio_client_cut(c->eio, reason, text);
}

void client_ask(sl_client_socket *s)
{
    sl_client *c = s->client;
    sl_json_out auth = {0}, o = {0};
    bool is_implied = c->rules.revision == 3 && strcmp(s->row->name, "/") == 0;
    int rc = 0;

    s->asked = true;
    if (is_implied) return; /* the server answers unasked; its auth went with the request */
    rc = client_put_auth(s, &auth);
    if (rc == 0) {
        sio_out_join(&o, c->rules.revision, sl_str_of(s->row->name), sl_out_text(&auth));
        rc = client_put_control(s, &o);
    }
    sl_out_deinit(&auth);
    if (rc < 0) client_cut(c, "transport error", "out of memory");
}

void client_socket_end(sl_client_socket *s, const char *reason)
{
    bool was_joined = s->joined;

    s->joined = s->asked = false;
    s->id[0] = '\0';
    client_forget_early(s);
    client_fail_waits(s, false);
    client_tell_failed(s->client);
    if (was_joined && s->row->on_disconnect != NULL)
        s->row->on_disconnect(s, reason, s->row->user);
}

/* What ended inside a call of the application's. */
static void tell_left(sl_client *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        sl_client_socket *s = &c->socket[i];
        const char *reason = s->left;

        s->left = NULL;
        if (reason != NULL && s->row->on_disconnect != NULL)
            s->row->on_disconnect(s, reason, s->row->user);
    }
}

/* ---- tries ---- */

void client_try_in(sl_client *c, uint32_t ms)
{
    sl__loop_set_timer(c->loop, &c->retry, ms);
}

static void tell_trouble(sl_client *c, const struct eio_client_end *end, bool was_open)
{
    sl_client_trouble t = {
        .reason = end->reason,
        .text = end->text,
        .code = end->code,
        .status = end->status,
    };
    uint32_t random;

    if (!was_open) {
        c->stats.failed++;
        t.tries = ++c->tries;
    }
    t.gives_up = c->o.no_reconnect || (c->o.tries_max > 0 && t.tries >= c->o.tries_max);
    if (!t.gives_up) {
        rand_bytes(&random, sizeof random);
        t.retry_in_ms = backoff_ms(&c->backoff, ++c->delays, random);
        client_try_in(c, t.retry_in_ms);
    }
    if (c->o.on_trouble != NULL) c->o.on_trouble(c, &t, c->o.user);
}

/* The session has ended; `c->eio` is gone already. */
static void on_lost(sl_client *c, const struct eio_client_end *end, bool was_open)
{
    bool by_us = strcmp(end->reason, "forced close") == 0;

    sio_gather_free(c->gather);
    c->gather = NULL;
    client_take_back(c);
    for (uint32_t i = 0; i < c->n; i++)
        client_socket_end(&c->socket[i], by_us ? own_end : end->reason);
    if (c->leaving || !client_is_wanted(c)) return;
    if (by_us)
        client_try_in(c, 0); /* it was the last namespace, and is wanted again */
    else
        tell_trouble(c, end, was_open);
}

static void look_after_session(sl_client *c)
{
    struct eio_client_end end;
    bool was_open = c->was_open;

    if (c->eio == NULL || !eio_client_has_ended(c->eio)) return;
    end = *eio_client_why(c->eio);
    c->stats.upgraded += end.upgraded;
    eio_client_free(c->eio);
    c->eio = NULL;
    on_lost(c, &end, was_open);
}

static enum eio_client_ways ways_of(sl_client_transports t)
{
    static const enum eio_client_ways ways[] = {
        [SL_CLIENT_UPGRADE] = EIO_BY_UPGRADE,
        [SL_CLIENT_WEBSOCKET] = EIO_BY_WEBSOCKET,
        [SL_CLIENT_POLLING] = EIO_BY_POLLING,
    };

    return ways[t];
}

/* Of revision 3: what "/" sends along goes with the requests. */
static int put_query(sl_client *c, sl_json_out *o)
{
    sl_client_socket *root = client_find(c, SL_STR("/"));
    sl_json_out auth = {0};
    int rc = 0;

    sl_out_more(o, sl_str_of(c->query));
    if (c->rules.revision == 3 && root != NULL && root->wanted)
        rc = client_put_auth(root, &auth);
    if (rc == 0 && auth.len > 0) {
        if (o->len > 0) sl_out_more(o, SL_STR("&"));
        sl_out_more(o, sl_out_text(&auth));
    }
    sl_out_deinit(&auth);
    return rc < 0 ? rc : o->rc;
}

static int open_session(sl_client *c)
{
    sl_json_out query = {0};
    struct eio_client_options o = {
        .loop = c->loop,
        .dialer = c->dialer,
        .to = &c->url,
        .path = c->path,
        .headers = c->headers,
        .revision = c->rules.revision,
        .ways = ways_of(c->o.transports),
        .connect_timeout_ms = c->o.connect_timeout_ms,
        .upgrade_timeout_ms = c->o.upgrade_timeout_ms,
        .message_max = c->o.message_max,
    };
    int rc = put_query(c, &query);

    o.query = sl_out_text(&query);
    if (rc == 0) rc = eio_client_open(&o, &client_events, c, &c->eio);
    sl_out_deinit(&query);
    return rc;
}

static void on_retry(struct timer *t)
{
    sl_client *c = LIST_ENTRY(t, sl_client, retry);
    struct eio_client_end end = {.reason = "connect error", .text = "out of memory"};

    if (c->eio != NULL || c->leaving || !client_is_wanted(c)) return;
    c->was_open = false;
    end.code = open_session(c);
    if (end.code < 0) tell_trouble(c, &end, false);
}

/* ---- the end ---- */

static bool is_all_done(const sl_client *c)
{
    if (!list_is_empty(&c->out) || !list_is_empty(&c->failed)) return false;
    if (c->eio == NULL && !timer_is_set(&c->retry)) return true; /* it will never leave */
    for (uint32_t i = 0; i < c->n; i++) {
        const sl_client_socket *s = &c->socket[i];

        if (s->wanted && (!list_is_empty(&s->pending) || !list_is_empty(&s->waits)))
            return false;
    }
    return true;
}

static void say_leave(sl_client_socket *s)
{
    sl_json_out o = {0};

    if (!s->asked) return;
    sio_out_disconnect(&o, sl_str_of(s->row->name));
    (void)client_put_control(s, &o); /* that the server does not hear of it changes nothing */
}

static void leave_all(sl_client *c)
{
    c->leaving = true;
    sl__loop_cancel_timer(c->loop, &c->retry);
    sl__loop_cancel_timer(c->loop, &c->patience);
    for (uint32_t i = 0; i < c->n; i++)
        say_leave(&c->socket[i]);
    client_drop_out(c);
    for (uint32_t i = 0; i < c->n; i++) {
        sl_client_socket *s = &c->socket[i];

        s->wanted = false;
        client_drop_waiting(s);
        client_fail_waits(s, true);
        client_socket_end(s, own_end);
    }
    c->hurries = false;
    sl__loop_set_timer(c->loop, &c->patience, LEAVE_MS);
}

/* Nothing is left to be said, or nobody takes it. */
static void close_session(sl_client *c)
{
    if (c->eio == NULL || !(list_is_empty(&c->out) || c->hurries || !c->was_open)) return;
    eio_client_close(c->eio);
}

static void client_free(sl_client *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        sl_client_socket *s = &c->socket[i];

        client_forget_early(s);
        client_drop_waiting(s);
    }
    sl__loop_remove_turn_hook(&c->turn);
    sl__loop_remove_stop_hook(&c->stop);
    sl__loop_cancel_timer(c->loop, &c->retry);
    sl__loop_cancel_timer(c->loop, &c->patience);
    sio_gather_free(c->gather);
    sl_json_deinit(&c->doc);
    sl_json_deinit(&c->auth);
    sl__free(c->headers);
    sl__free(c);
}

static void finish(sl_client *c)
{
    void (*on_gone)(void *user) = c->o.on_gone;
    void *user = c->o.user;

    client_free(c);
    if (on_gone != NULL) on_gone(user);
}

/* ---- the turn ---- */

static void on_turn(struct turn_hook *h)
{
    sl_client *c = LIST_ENTRY(h, sl_client, turn);

    look_after_session(c);
    client_tell_failed(c);
    tell_left(c);
    if (c->eio != NULL && eio_client_is_open(c->eio)) {
        client_pump(c);
        if (!c->leaving && !client_is_wanted(c) && list_is_empty(&c->out))
            eio_client_close(c->eio);
    } else if (c->eio != NULL && !client_is_wanted(c)) {
        eio_client_close(c->eio);
    }
    if (c->closing && !c->leaving && (c->hurries || is_all_done(c))) {
        leave_all(c);
        if (c->eio != NULL && eio_client_is_open(c->eio)) client_pump(c);
    }
    if (c->leaving) close_session(c);
    if (c->leaving && c->eio == NULL && list_is_empty(&c->failed)) finish(c);
}

static void on_patience(struct timer *t)
{
    sl_client *c = LIST_ENTRY(t, sl_client, patience);

    c->hurries = true;
    sl__loop_want_hooks(c->loop);
}

static void on_stop(struct stop_hook *h)
{
    sl_client_close(LIST_ENTRY(h, sl_client, stop), 0);
}

void sl_client_close(sl_client *c, uint32_t wait_ms)
{
    uint64_t due = sl__loop_now_ms(c->loop) + wait_ms;

    c->closing = true;
    if (wait_ms == 0)
        c->hurries = true;
    else if (!timer_is_set(&c->patience) || due < c->patience.due_ms)
        sl__loop_set_timer(c->loop, &c->patience, wait_ms);
    sl__loop_want_hooks(c->loop);
}

/* ---- joining and leaving ---- */

int sl_client_join(sl_client_socket *s)
{
    sl_client *c = s->client;

    if (c->closing) return SL_E_CLOSED;
    s->wanted = true;
    if (c->eio == NULL) {
        c->tries = 0;
        client_try_in(c, 0);
    } else if (eio_client_is_open(c->eio) && !s->asked) {
        client_ask(s);
    }
    return 0;
}

void sl_client_leave(sl_client_socket *s)
{
    bool was_joined = s->joined;

    s->wanted = false;
    s->pid[0] = s->offset[0] = '\0';
    say_leave(s);
    s->joined = s->asked = false;
    s->id[0] = '\0';
    client_forget_early(s);
    client_leave_out(s);
    if (was_joined) s->left = own_end;
    sl__loop_want_hooks(s->client->loop);
}

/* ---- opening ---- */

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
    timer_init(&c->retry, on_retry);
    timer_init(&c->patience, on_patience);
    c->turn.on_turn = on_turn;
    c->stop.on_stop = on_stop;
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
