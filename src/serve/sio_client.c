/* SPDX-License-Identifier: MIT */
/*
 * One Engine.IO session: it joins namespaces, its packets go to its sockets, and attachments
 * are gathered behind the packet they belong to.
 */
#include "sluice/log.h"

#include "base/alloc.h"
#include "proto/url.h"
#include "serve/sio_inside.h"

#define DOC_KEEP  4096 /* nodes: what a large packet took is given back */
#define AUTH_KEYS 64   /* of a 2.x client's query */

/* ---- lives ---- */

void sio_client_hold(struct sio_client *c)
{
    c->refs++;
}

/* Takes the one at this place out. */
static void left_free(struct sio_client *c, struct sio_left **at)
{
    struct sio_left *left = *at;

    *at = left->next;
    c->left_n--;
    sl__free(left);
}

static void end_patience(struct sio_client *c)
{
    if (c->patience == NULL) return;
    sl__loop_cancel_timer(c->sio->loop, &c->patience->timer);
    sl__free(c->patience);
    c->patience = NULL;
}

void sio_client_drop(struct sio_client *c)
{
    if (--c->refs > 0) return;
    while (c->left != NULL)
        left_free(c, &c->left);
    sio_gather_free(c->gather);
    sl__free(c);
}

/* ---- sending ---- */

int sio_client_send(struct sio_client *c, struct eio_message *m)
{
    if (m == NULL) return SL_E_NOMEM;
    return c->eio != NULL ? eio_send(c->eio, m, 0) : SL_E_CLOSED;
}

/* Consumes `o`. */
static int send_text(struct sio_client *c, sl_json_out *o)
{
    struct eio_message *m = sio_plain_message(o);
    int rc = sio_client_send(c, m);

    eio_message_drop(m);
    sl_out_deinit(o);
    return rc;
}

void sio_client_cut(struct sio_client *c, const char *reason)
{
    if (c->eio == NULL || c->done) return;
    c->done = true;
    eio_cut(c->eio, reason);
}

static void on_parse_error(struct sio_client *c, const char *why)
{
    c->sio->parse_errors++;
    SL_DEBUG("sio", "event=bad_packet peer=%s why=\"%s\"", eio_peer(c->eio), why);
    sio_client_cut(c, "parse error");
}

/*
 * A client of 4.x hands packets on a moment later than it sees the end of the engine: what it
 * is to know before may not come with that in one poll.
 */
void sio_client_close(struct sio_client *c, bool said_goodbye)
{
    if (c->eio == NULL || c->done) return;
    c->done = true;
    c->closes_when_drained = said_goodbye && eio_is_polling(c->eio);
    if (!c->closes_when_drained) eio_close(c->eio);
}

/* ---- namespaces that we have left ---- */

/* Where it stands, or else the end. */
static struct sio_left **find_left(struct sio_client *c, sl_str name)
{
    struct sio_left **at = &c->left;

    while (*at != NULL && !sl_str_eq((*at)->name, name))
        at = &(*at)->next;
    return at;
}

void sio_client_note_left(struct sio_client *c, sl_str name)
{
    struct sio_left *left;

    if (*find_left(c, name) != NULL) return;
    if (c->left_n == SL_SIO_NAMESPACES_MAX) left_free(c, &c->left);
    left = sl__alloc(sizeof *left + name.len);
    if (left == NULL) return; /* then a late packet ends the connection */
    memcpy(left->text, name.ptr, name.len);
    left->name = (sl_str){left->text, name.len};
    left->next = NULL;
    *find_left(c, name) = left;
    c->left_n++;
}

/* ---- joining ---- */

void sio_client_refuse(struct sio_client *c, sl_str name, const char *message, sl_str data)
{
    sl_json_out o = {0};

    if (message[0] == '\0') message = "Forbidden";
    sio_out_connect_error(&o, c->revision, name, sl_str_of(message), data);
    if (send_text(c, &o) < 0) sio_client_cut(c, "transport error");
}

void sio_client_let_in(struct sio_client *c, sl_sio_socket *s, sl_value auth)
{
    const sl_sio_namespace *row = s->nsp->row;
    struct sio_left **left = find_left(c, s->nsp->name);
    sl_json_out o = {0};

    if (s->reason != NULL) return; /* it was disconnected by who let it in: that is told */
    if (*left != NULL) left_free(c, left);
    end_patience(c);
    sio_out_connect(&o, c->revision, s->nsp->name, sl_str_of(s->id),
                    s->session != NULL ? sl_str_of(s->session->pid) : (sl_str){0});
    if (send_text(c, &o) < 0) {
        sio_socket_end(s, "transport error");
        sio_client_cut(c, "transport error");
        return;
    }
    s->joined = c->was_in = true;
    if (c->sio->observer != NULL)
        c->sio->observer->on_joined(s, (sl_str){0}, c->sio->observer->user);
    if (s->session != NULL && sio_session_begin(s->session) < 0) return;
    if (row->on_connect != NULL) row->on_connect(s, auth, row->user);
}

/* Whether the application lets it in; who is not, has its answer. */
static void ask(struct sio_client *c, sl_sio_socket *s, sl_value auth)
{
    sl_sio_refusal why = {0};
    enum sio_verdict verdict = sio_ask(s, auth, &why);

    if (verdict == SIO_NO) {
        sio_client_refuse(c, s->nsp->name, why.message, sl_out_text(&why.data));
        sio_socket_free(s);
    }
    sl_out_deinit(&why.data);
    if (verdict == SIO_YES) sio_client_let_in(c, s, auth);
}

static void join(struct sio_client *c, sl_str name, sl_value auth)
{
    struct sio_return back;
    struct sio_nsp *nsp;
    sl_sio_socket *s;
    int rc;

    if (c->n == SL_SIO_NAMESPACES_MAX) {
        sio_client_refuse(c, name, "Too many namespaces", (sl_str){0});
        return;
    }
    sio_recovery_find(c, name, auth, &back);
    if (c->done) return; /* by who was told of another's end */
    nsp = sio_nsp_get(c->sio, name, &rc);
    if (nsp == NULL) {
        sio_client_refuse(c, name, rc == SL_E_NOMEM ? "Out of memory" : "Invalid namespace",
                          (sl_str){0});
        return;
    }
    s = sio_socket_new(c, nsp);
    if (s == NULL) {
        sio_nsp_release(nsp);
        sio_client_cut(c, "transport error");
        return;
    }
    sio_session_attach(s, &back);
    ask(c, s, auth);
}

/* The query behind a namespace, as an object of strings. */
static sl_value read_query(struct sio_client *c, sl_str query)
{
    sl_json_out *o = &c->sio->query;
    sl_value none = {0};
    sl_str key, value;
    uint32_t n = 0;
    char *text;

    if (query.ptr == NULL) return none;
    text = sl__alloc(query.len + 1);
    if (text == NULL) return none;
    sl_out_reset(o);
    sl_out_object(o);
    while (n++ < AUTH_KEYS && url_query_next(&query, &key, &value)) {
        int64_t k = url_query_decode(key, text);
        int64_t len = k < 0 ? k : url_query_decode(value, text + k + 1);
        if (len < 0) continue;
        text[k] = '\0'; /* an encoded NUL has been refused */
        sl_out_key(o, text);
        sl_out_str(o, (sl_str){text + k + 1, (size_t)len});
    }
    sl_out_end(o);
    sl__free(text);
    if (sl_json_read(&c->sio->auth, sl_out_text(o), NULL, NULL, NULL) < 0) return none;
    return sl_json_root(&c->sio->auth);
}

/* ---- packets ---- */

/* A client whose connect() is called twice says it twice, and 2.x is in "/" unasked. */
static void on_connect(struct sio_client *c, const struct sio_packet *p)
{
    if (sio_socket_find(c, p->nsp) != NULL) return;
    join(c, p->nsp, c->revision == 3 ? read_query(c, p->query) : p->value);
}

static void on_disconnect(struct sio_client *c, sl_sio_socket *s)
{
    sio_socket_end(s, "client namespace disconnect");
    sio_tell(c->sio);
}

/* A packet of an event or an answer, with all that belongs to it. */
static void deliver(sl_sio_socket *s, const struct sio_packet *p, sl_buf *buf,
                    const sl_slice *attachment)
{
    sl_sio_event e;

    sio_event_of(p, buf, attachment, &e);
    if (e.is_answer)
        sio_socket_answer(s, &e);
    else
        sio_socket_event(s, &e);
}

/* Packets cross: what comes for a namespace that we have just left, and a late answer. */
static bool may_be_late(struct sio_client *c, const struct sio_packet *p)
{
    bool is_answer = p->type == SIO_ACK || p->type == SIO_BINARY_ACK;

    return *find_left(c, p->nsp) != NULL || (is_answer && c->was_in);
}

/* One that is held may only change its mind. */
static bool may_speak(const sl_sio_socket *s, const struct sio_packet *p)
{
    return s->joined || p->type == SIO_DISCONNECT;
}

/* The socket a packet is for. NULL: there is none, mostly an error. */
static sl_sio_socket *receiver(struct sio_client *c, const struct sio_packet *p)
{
    sl_sio_socket *s = sio_socket_find(c, p->nsp);

    if (s != NULL ? may_speak(s, p) : may_be_late(c, p)) return s;
    on_parse_error(c, "a packet for a namespace that was not joined");
    return NULL;
}

static void begin_gathering(struct sio_client *c, sl_buf *buf, sl_str text, uint32_t wanted)
{
    c->gather = sio_gather_new(buf, text, wanted);
    if (c->gather == NULL) sio_client_cut(c, "transport error");
}

static int read_packet(struct sio_client *c, sl_str text, size_t from,
                       const sl_json_index *index, struct sio_packet *p)
{
    sl_sio *sio = c->sio;
    sl_error err = {0};
    int rc = sio_parse(c->revision == 3 ? &sio->rules3 : &sio->rules4, text, from, index,
                       &sio->doc, p, &err);

    if (rc == SL_E_NOMEM)
        sio_client_cut(c, "transport error");
    else if (rc < 0)
        on_parse_error(c, err.text);
    return rc;
}

static void on_text(struct sio_client *c, const sl_message *m, const sl_json_index *index)
{
    sl_str text = m->n > 0 ? m->slice[0].bytes : (sl_str){0};
    /* an index is of the message with Engine.IO's digit in front */
    size_t from = index != NULL && m->n > 0 ? 1 : 0;
    sl_str whole = {text.ptr - from, text.len + from};
    sl_buf *buf = m->n > 0 ? m->slice[0].buf : NULL;
    struct sio_packet p;
    sl_sio_socket *s;

    if (c->gather != NULL) {
        on_parse_error(c, "text where an attachment is due");
        return;
    }
    if (read_packet(c, whole, from, index, &p) < 0) return;
    if (p.type == SIO_CONNECT) {
        on_connect(c, &p);
        return;
    }
    s = receiver(c, &p);
    if (p.attachments > 0 && !c->done)
        begin_gathering(c, buf, text, p.attachments);
    else if (s != NULL && p.type == SIO_DISCONNECT)
        on_disconnect(c, s);
    else if (s != NULL)
        deliver(s, &p, buf, NULL);
}

static void on_gathered(struct sio_client *c, const struct sio_gather *g)
{
    struct sio_packet p;
    sl_sio_socket *s;

    if (read_packet(c, g->text, 0, NULL, &p) < 0) return; /* it was good: no memory */
    s = receiver(c, &p);
    if (s != NULL) deliver(s, &p, g->buf, g->attachment);
}

static void on_attachment(struct sio_client *c, const sl_message *m)
{
    struct sio_gather *g = c->gather;

    if (g == NULL) {
        on_parse_error(c, "an attachment that nothing has announced");
        return;
    }
    if (!sio_gather_add(g, m->n > 0 ? m->slice[0] : (sl_slice){0})) return;
    c->gather = NULL;
    on_gathered(c, g);
    sio_gather_free(g);
}

/* ---- from below ---- */

static void on_patience(struct timer *t)
{
    struct sio_client *c = LIST_ENTRY(t, struct sio_patience, timer)->client;

    SL_DEBUG("sio", "event=no_connect peer=%s", eio_peer(c->eio));
    end_patience(c);
    sio_client_close(c, false);
}

static void begin_patience(struct sio_client *c)
{
    c->patience = sl__zalloc(sizeof *c->patience);
    if (c->patience == NULL) {
        sio_client_cut(c, "transport error");
        return;
    }
    c->patience->client = c;
    timer_init(&c->patience->timer, on_patience);
    sl__loop_set_timer(c->sio->loop, &c->patience->timer, c->sio->connect_timeout_ms);
}

static struct sio_client *client_new(sl_sio *sio, struct eio_session *eio)
{
    struct sio_client *c = sl__zalloc(sizeof *c);

    if (c == NULL) return NULL;
    c->sio = sio;
    c->eio = eio;
    c->refs = 1;
    c->revision = (uint8_t)eio_revision(eio);
    list_init(&c->sockets);
    return c;
}

/* Engine.IO alone: one socket, which is there at once. */
static void open_plain(struct sio_client *c)
{
    struct sio_nsp *nsp = sio_nsp_find(c->sio, (sl_str){0});
    sl_sio_socket *s = sio_socket_new(c, nsp);

    if (s == NULL) {
        sio_client_cut(c, "transport error");
        return;
    }
    s->joined = true;
    if (nsp->row->on_connect != NULL) nsp->row->on_connect(s, (sl_value){0}, nsp->row->user);
}

static void on_plain_message(struct sio_client *c, const sl_message *m)
{
    sl_sio_socket *s = sio_socket_find(c, SL_STR("/"));

    if (s != NULL) c->sio->on_plain(s, m, s->nsp->row->user);
}

static void on_open(struct eio_session *eio, const sl_request *request, void *user)
{
    sl_sio *sio = user;
    struct sio_client *c = client_new(sio, eio);

    (void)request;
    eio_set_user(eio, c);
    if (c == NULL)
        eio_cut(eio, "transport error");
    else if (sio->on_plain != NULL)
        open_plain(c);
    else if (c->revision == 3)
        join(c, SL_STR("/"), (sl_value){0});
    else
        begin_patience(c);
}

static void on_message(struct eio_session *eio, const sl_message *m, const sl_json_index *index,
                       void *user)
{
    struct sio_client *c = eio_user(eio);
    sl_sio *sio = user;

    if (c == NULL) return;
    sio_client_hold(c);
    sio_tell(sio); /* what has ended is told before anything new */
    if (c->eio != NULL && !c->done) {
        if (sio->on_plain != NULL)
            on_plain_message(c, m);
        else if (m->text)
            on_text(c, m, index);
        else
            on_attachment(c, m);
    }
    if (sio->doc.cap > DOC_KEEP) sl_json_deinit(&sio->doc);
    sio_client_drop(c);
}

static void on_drain(struct eio_session *eio, void *user)
{
    struct sio_client *c = eio_user(eio);

    (void)user;
    if (c == NULL || !c->closes_when_drained) return;
    c->closes_when_drained = false;
    eio_close(eio);
}

static void on_close(struct eio_session *eio, const char *reason, void *user)
{
    struct sio_client *c = eio_user(eio);

    if (c == NULL) return;
    c->done = true;
    end_patience(c);
    while (!list_is_empty(&c->sockets))
        sio_socket_end(LIST_ENTRY(c->sockets.next, sl_sio_socket, of_client), reason);
    sio_tell(user); /* who is told may still ask for its peer */
    c->eio = NULL;
    sio_client_drop(c);
}

const struct eio_events sio_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .on_drain = on_drain,
};
