/* SPDX-License-Identifier: MIT */
/* Whether a client may join, decided at once or later; later is bounded by a deadline. */
#include "base/alloc.h"
#include "serve/sio_inside.h"

#include <stdio.h>

struct sio_hold {
    struct timer timer;
    sl_sio_socket *socket;
    enum sio_verdict verdict; /* SIO_LATER: none yet */
};

/* A call of is_allowed. */
struct sio_asking {
    const sl_sio_socket *socket;
    sl_sio_refusal *why;
};

void sio_hold_end(sl_sio_socket *s)
{
    if (s->hold == NULL) return;
    sl__loop_cancel_timer(s->nsp->sio->loop, &s->hold->timer);
    sl__free(s->hold);
    s->hold = NULL;
}

/* Nobody has decided: the client is told, and so is the application. */
static void on_too_late(struct timer *t)
{
    sl_sio_socket *s = LIST_ENTRY(t, struct sio_hold, timer)->socket;
    struct sio_client *c = s->client;

    sio_client_hold(c);
    sio_client_refuse(c, s->nsp->name, "Timeout", (sl_str){0});
    sio_socket_end(s, "connect timeout");
    sio_client_drop(c);
}

/* Asked; if that brought a hold with a verdict, that one counts. */
static enum sio_verdict verdict_of(sl_sio_socket *s, bool yes)
{
    enum sio_verdict v = yes ? SIO_YES : SIO_NO;

    if (s->hold == NULL) return v;
    v = s->hold->verdict;
    if (v != SIO_LATER) sio_hold_end(s);
    return v;
}

enum sio_verdict sio_ask(sl_sio_socket *s, sl_value auth, sl_sio_refusal *why)
{
    const sl_sio_namespace *row = s->nsp->row;
    sl_sio *sio = s->nsp->sio;
    struct sio_asking asking = {s, why}, *outer = sio->asking;
    bool yes;

    if (row->is_allowed == NULL) return SIO_YES;
    sio->asking = &asking;
    yes = row->is_allowed(s, auth, why, row->user);
    sio->asking = outer;
    why->message[sizeof why->message - 1] = '\0';
    return verdict_of(s, yes);
}

static bool is_being_asked(const sl_sio_socket *s)
{
    const struct sio_asking *asking = s->nsp->sio->asking;

    return asking != NULL && asking->socket == s;
}

int sl_sio_hold(sl_sio_socket *s)
{
    sl_sio *sio = s->nsp->sio;

    if (!is_being_asked(s) || s->reason != NULL) return SL_E_INVAL;
    if (s->hold != NULL) return 0;
    s->hold = sl__zalloc(sizeof *s->hold);
    if (s->hold == NULL) return SL_E_NOMEM;
    s->hold->socket = s;
    s->hold->verdict = SIO_LATER;
    timer_init(&s->hold->timer, on_too_late);
    sl__loop_set_timer(sio->loop, &s->hold->timer, sio->connect_timeout_ms);
    return 0;
}

/* 0: there is something to decide. */
static int may_decide(const sl_sio_socket *s)
{
    if (s->reason != NULL || s->client->eio == NULL || s->client->done) return SL_E_CLOSED;
    return s->hold != NULL && s->hold->verdict == SIO_LATER ? 0 : SL_E_INVAL;
}

int sl_sio_let_in(sl_sio_socket *s)
{
    struct sio_client *c = s->client;
    int rc = may_decide(s);

    if (rc < 0) return rc;
    s->hold->verdict = SIO_YES;
    if (is_being_asked(s)) return 0;
    sio_hold_end(s);
    sio_client_hold(c);
    sio_client_let_in(c, s, (sl_value){0});
    sio_client_drop(c);
    return 0;
}

int sl_sio_refuse(sl_sio_socket *s, const char *message, sl_str data)
{
    struct sio_client *c = s->client;
    int rc = may_decide(s);

    if (rc < 0) return rc;
    s->hold->verdict = SIO_NO;
    if (is_being_asked(s)) {
        sl_sio_refusal *why = s->nsp->sio->asking->why;
        snprintf(why->message, sizeof why->message, "%s", message);
        sl_out_reset(&why->data);
        if (data.len > 0) sl_out_raw(&why->data, data);
        return 0;
    }
    sio_client_hold(c);
    sio_client_refuse(c, s->nsp->name, message, data);
    sio_socket_free(s);
    sio_client_drop(c);
    return 0;
}
