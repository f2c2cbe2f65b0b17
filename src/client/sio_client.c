/* SPDX-License-Identifier: MIT */
/* The client's life: connecting, coming back, namespaces joined and left, the end. */
#include "base/alloc.h"
#include "base/rand.h"
#include "client/sio_client_inside.h"

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

void client_ask(sl_client_socket *s, bool is_first)
{
    sl_client *c = s->client;
    sl_json_out auth = {0}, o = {0};
    bool is_root = strcmp(s->row->name, "/") == 0;
    int rc = 0;

    s->asked = true;
    /* the server answers unasked, once; its auth went with the request */
    if (c->rules.revision == 3 && is_root && is_first) return;
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

static void leave_all(sl_client *c)
{
    c->leaving = true;
    sl__loop_cancel_timer(c->loop, &c->retry);
    sl__loop_cancel_timer(c->loop, &c->patience);
    for (uint32_t i = 0; i < c->n; i++)
        if (c->socket[i].joined) client_say_leave(&c->socket[i]);
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
        client_ask(s, false);
    }
    return 0;
}

void client_say_leave(sl_client_socket *s)
{
    sl_json_out o = {0};

    sio_out_disconnect(&o, sl_str_of(s->row->name));
    (void)client_put_control(s, &o); /* that the server does not hear of it changes nothing */
}

/* Who is asked for and has no answer yet is left when that comes. */
void sl_client_leave(sl_client_socket *s)
{
    s->wanted = false;
    s->pid[0] = s->offset[0] = '\0';
    sl__loop_want_hooks(s->client->loop);
    if (!s->joined) return;
    client_say_leave(s);
    s->joined = s->asked = false;
    s->id[0] = '\0';
    client_leave_out(s);
    s->left = own_end;
}

void client_init_life(sl_client *c)
{
    timer_init(&c->retry, on_retry);
    timer_init(&c->patience, on_patience);
    c->turn.on_turn = on_turn;
    c->stop.on_stop = on_stop;
}
