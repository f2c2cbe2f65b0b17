/* SPDX-License-Identifier: MIT */
/* Sessions that outlive their connection. */
#include "sluice/log.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "base/str.h"
#include "serve/sio_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BYTES_MAX      (4u << 20)
#define SESSIONS_MAX   1024
#define QUEUE_MAX      (4u << 20) /* as in eio_server.c */
#define QUEUE_COST_MIN 128        /* of a message: eio_queue.c */

/* ---- sessions ---- */

static void open_new(sl_sio_socket *s, const sl_sio_gap *gap)
{
    struct sio_nsp *nsp = s->nsp;
    struct sio_recovery *r = nsp->sio->recovery;
    struct sio_session *x;

    x = sl__zalloc(sizeof *x);
    if (x == NULL) return;
    x->gap = *gap;
    x->nsp = nsp;
    x->socket = s;
    x->serial = ++r->serial;
    list_init(&x->of_lost);
    list_init(&x->rooms);
    list_init(&x->past);
    memcpy(x->id, s->id, sizeof x->id);
    rand_token(x->pid, SIO_PID_SIZE - 1);
    if (map_put(r->sessions, sl_str_of(x->pid), x, NULL) < 0) {
        sl__free(x);
        return;
    }
    nsp->sessions++;
    s->session = x;
}

/* Not lost any more: it is a socket's again, or nobody's. */
static void find_again(struct sio_session *x)
{
    list_remove(&x->of_lost);
    x->nsp->sio->recovery->lost_n--;
    x->nsp->n--;
}

void sio_session_forget(struct sio_session *x)
{
    struct sio_nsp *nsp = x->nsp;
    const sl_sio_namespace *row = nsp->row;
    void *user = x->user;

    map_remove(nsp->sio->recovery->sessions, sl_str_of(x->pid));
    if (x->socket != NULL)
        x->socket->session = NULL;
    else
        find_again(x);
    sio_past_free(x);
    sl__free(x);
    if (--nsp->sessions == 0) sio_log_clear(nsp);
    sio_nsp_release(nsp);
    if (user != NULL) row->free_user(user, row->user);
}

/* ---- loss ---- */

static bool is_accident(const char *reason)
{
    static const char *const accidents[] = {"transport close", "transport error",
                                            "ping timeout", "forced close"};

    for (size_t i = 0; i < sizeof accidents / sizeof *accidents && reason != NULL; i++)
        if (strcmp(reason, accidents[i]) == 0) return true;
    return false;
}

static struct sio_session *first_lost(const struct sio_recovery *r)
{
    return LIST_ENTRY(r->lost.next, struct sio_session, of_lost);
}

static void keep(struct sio_session *x, sl_sio_socket *s)
{
    struct sio_recovery *r = x->nsp->sio->recovery;
    sl_loop *loop = x->nsp->sio->loop;

    x->socket = NULL;
    s->session = NULL;
    if (s->acks != NULL) x->next_ack = s->acks->next;
    if (x->nsp->row->free_user != NULL) {
        x->user = s->user;
        s->user = NULL;
    }
    x->nsp->n++;
    sio_past_keep(x, s);
    x->forget_at_ms = sl__loop_now_ms(loop) + r->keep_ms;
    list_add_last(&r->lost, &x->of_lost);
    if (++r->lost_n > r->sessions_max) sio_session_forget(first_lost(r));
    if (!timer_is_set(&r->timer)) sl__loop_set_timer(loop, &r->timer, r->keep_ms);
}

void sio_session_end(sl_sio_socket *s)
{
    struct sio_session *x = s->session;

    if (x == NULL) return;
    /* one that never had its answer knows no pid, unless it came with one */
    if (is_accident(s->reason) && (s->joined || s->is_recovered))
        keep(x, s);
    else
        sio_session_forget(x);
}

void sio_session_note_end(sl_sio_socket *s)
{
    if (s->session != NULL && s->joined) s->session->lost_at = sio_log_next(s->nsp->sio);
}

static void on_timer(struct timer *t)
{
    struct sio_recovery *r = LIST_ENTRY(t, struct sio_recovery, timer);
    uint64_t now_ms = sl__loop_now_ms(r->sio->loop);

    while (!list_is_empty(&r->lost) && first_lost(r)->forget_at_ms <= now_ms)
        sio_session_forget(first_lost(r));
    if (!list_is_empty(&r->lost))
        sl__loop_set_timer(r->sio->loop, t, first_lost(r)->forget_at_ms - now_ms);
}

/* ---- return ---- */

/* Digits as we write them, and no others. */
static bool read_offset(sl_str text, uint64_t *out)
{
    uint64_t n = 0;

    if (text.len == 0 || text.len > 19 || text.ptr[0] == '0') return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        n = n * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *out = n;
    return true;
}

/* false: it is no offset. *out 0: there is none, nothing has come yet */
static bool offset_of(sl_value auth, uint64_t *out)
{
    sl_value v = sl_value_get(auth, SL_STR("offset"));
    sl_json_type type = sl_value_type(v);
    sl_str text;

    *out = 0;
    if (type == SL_JSON_NONE || type == SL_JSON_NULL) return true;
    return sl_value_str(v, &text) && read_offset(text, out);
}

/*
 * Clients remember their last offset across sessions: one that this session never had is from
 * an earlier one, or from an earlier run, and this session has had nothing.
 */
static uint64_t begin_of(const struct sio_session *x, uint64_t offset)
{
    bool is_own = offset > x->begin && offset <= x->last;

    if (is_own && offset > x->nsp->log_floor && offset != x->last)
        is_own = sio_log_has(x, offset);
    if (!is_own) offset = x->begin;
    /* it has all that there was when it was lost: what others got since its last is no gap */
    return offset == x->last ? x->lost_at : offset;
}

static bool fits(const struct sio_session *x, uint64_t from)
{
    size_t bytes = 0, max = x->nsp->sio->recovery->replay_max;

    for (const struct sio_entry *e = sio_log_first(x, from); e != NULL && bytes <= max;
         e = sio_log_next_of(x, e))
        bytes += e->bytes > QUEUE_COST_MIN ? e->bytes : QUEUE_COST_MIN;
    return bytes <= max;
}

/* Why it can not be recovered; NULL: it can. */
static const char *find_fault(const struct sio_session *x, sl_value auth, uint64_t *from)
{
    uint64_t offset;

    *from = x->begin;
    if (!offset_of(auth, &offset)) return "offset";
    *from = begin_of(x, offset);
    if (*from < x->nsp->log_floor || *from < x->known_from || !fits(x, *from)) return "log";
    return NULL;
}

/* The session of this pid, and in this namespace; lost by now. NULL: there is none */
static struct sio_session *find_lost(sl_sio *sio, sl_str nsp, sl_str pid)
{
    struct sio_session *x = map_find(sio->recovery->sessions, pid);

    if (x == NULL || !sl_str_eq(x->nsp->name, nsp)) return NULL;
    if (x->socket == NULL) return x;
    /* half open: the client has noticed before us */
    sio_client_cut(x->socket->client, "transport close");
    sio_socket_end(x->socket, "transport close");
    sio_tell(sio);
    x = map_find(sio->recovery->sessions, pid); /* it may have ended otherwise before */
    return x != NULL && x->socket == NULL ? x : NULL;
}

void sio_recovery_find(struct sio_client *c, sl_str nsp, sl_value auth, struct sio_return *out)
{
    struct sio_session *x;
    sl_str pid;

    *out = (struct sio_return){0};
    if (c->sio->recovery == NULL || c->revision == 3) return;
    if (!sl_value_str(sl_value_get(auth, SL_STR("pid")), &pid)) return;
    x = find_lost(c->sio, nsp, pid);
    if (x == NULL) {
        out->gap.reason = "unknown";
        (void)offset_of(auth, &out->gap.from);
    } else {
        out->gap.reason = find_fault(x, auth, &out->from);
        out->gap.from = out->from;
        if (out->gap.reason == NULL)
            out->session = x;
        else
            sio_session_forget(x);
    }
}

static void restore(struct sio_session *x, sl_sio_socket *s, uint64_t from)
{
    find_again(x);
    x->from = from;
    x->socket = s;
    s->session = x;
    s->is_recovered = true;
    s->user = x->user;
    x->user = NULL;
    memcpy(s->id, x->id, sizeof x->id);
    sio_past_restore(x, s);
}

void sio_session_attach(sl_sio_socket *s, const struct sio_return *back)
{
    if (s->nsp->sio->recovery == NULL || s->client->revision == 3) return;
    if (back->session != NULL)
        restore(back->session, s, back->from);
    else
        open_new(s, &back->gap);
}

static int replay(struct sio_session *x)
{
    struct eio_session *eio = x->socket->client->eio;
    int rc = 0;

    for (const struct sio_entry *e = sio_log_first(x, x->from); e != NULL && rc == 0;
         e = sio_log_next_of(x, e)) {
        if (e->offset > x->last) x->last = e->offset;
        rc = eio_send(eio, e->m, 0);
    }
    return rc;
}

static void put_offset(sl_json_out *o, const char *key, uint64_t offset)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, offset);

    sl_out_key(o, key);
    if (offset == 0)
        sl_out_null(o);
    else
        sl_out_str(o, (sl_str){text, (size_t)n});
}

/* Without memory it is not told, but has a new socket, with which it may see for itself. */
static void tell_gap(sl_sio_socket *s, const sl_sio_gap *gap)
{
    const sl_sio_namespace *row = s->nsp->row;
    sl_json_out link = {0}, *o;
    sl_sio_packet p;

    sio_packet_init(&p, "gap");
    o = sl_sio_args(&p);
    sl_out_object(o);
    sl_out_key(o, "reason");
    sl_out_str(o, sl_str_of(gap->reason));
    put_offset(o, "from", gap->from);
    put_offset(o, "to", gap->to);
    if (row->put_gap_link != NULL) row->put_gap_link(s, gap, &link, row->user);
    if (sl_out_text(&link).len > 0) {
        sl_out_key(o, "link");
        sl_out_raw(o, sl_out_text(&link));
    }
    sl_out_end(o);
    (void)sl_sio_emit(s, &p);
    sl_out_deinit(&link);
    sio_packet_deinit(&p);
}

static void note_gap(struct sio_session *x)
{
    x->nsp->sio->recovery->gaps++;
    SL_DEBUG("sio", "event=gap peer=%s reason=%s", sl_sio_peer(x->socket), x->gap.reason);
    tell_gap(x->socket, &x->gap);
}

static int begin_again(struct sio_session *x)
{
    struct sio_client *c = x->socket->client;
    uint64_t floor = x->nsp->log_floor;

    x->nsp->sio->recovery->recovered++;
    SL_DEBUG("sio", "event=recovered peer=%s", sl_sio_peer(x->socket));
    if (replay(x) < 0) {
        /* what it has of it nobody knows: the next time it is told of a gap */
        sio_session_forget(x);
        sio_client_cut(c, "transport error");
        return SL_E_FULL;
    }
    if (x->from >= floor) return 0;
    /* it was held, and the log has gone on meanwhile */
    x->gap = (sl_sio_gap){"log", x->from, floor};
    note_gap(x);
    return 0;
}

int sio_session_begin(struct sio_session *x)
{
    if (x->socket->is_recovered) return begin_again(x);
    x->begin = x->last = x->gap.to = sio_log_next(x->nsp->sio);
    if (x->gap.reason != NULL) note_gap(x);
    return 0;
}

bool sl_sio_is_recovered(const sl_sio_socket *s)
{
    return s->is_recovered;
}

/* ---- lives ---- */

int sio_recovery_new(sl_sio *sio, const sl_sio_options *o, struct sio_recovery **out)
{
    struct sio_recovery *r;

    *out = NULL;
    if (o->recovery_ms == 0) return 0;
    r = sl__zalloc(sizeof *r);
    if (r == NULL) return SL_E_NOMEM;
    r->sessions = map_new();
    if (r->sessions == NULL) {
        sl__free(r);
        return SL_E_NOMEM;
    }
    r->sio = sio;
    r->keep_ms = o->recovery_ms;
    r->sessions_max = o->recovery_sessions ? o->recovery_sessions : SESSIONS_MAX;
    r->bytes_max = o->recovery_bytes ? o->recovery_bytes : BYTES_MAX;
    r->replay_max = o->queue_max ? o->queue_max : QUEUE_MAX;
    list_init(&r->lost);
    list_init(&r->log);
    timer_init(&r->timer, on_timer);
    *out = r;
    return 0;
}

void sio_recovery_free(struct sio_recovery *r)
{
    if (r == NULL) return;
    while (!list_is_empty(&r->lost))
        sio_session_forget(first_lost(r));
    sl__loop_cancel_timer(r->sio->loop, &r->timer);
    map_free(r->sessions);
    sl__free(r);
}
