/* SPDX-License-Identifier: MIT */
/* The Socket.IO server: options, namespaces, routes. */
#include "base/alloc.h"
#include "base/str.h"
#include "serve/sio_inside.h"

#include <assert.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 45000

/* ---- namespaces ---- */

static struct sio_nsp *nsp_new(sl_sio *sio, const sl_sio_namespace *row, sl_str name)
{
    struct sio_nsp *nsp = sl__zalloc(sizeof *nsp + name.len + 1);

    if (nsp == NULL) return NULL;
    nsp->sio = sio;
    nsp->row = row;
    nsp->serial = ++sio->serial;
    list_init(&nsp->sockets);
    list_init(&nsp->log);
    memcpy(nsp->text, name.ptr, name.len);
    nsp->name = (sl_str){nsp->text, name.len};
    if (map_put(sio->nsps, nsp->name, nsp, NULL) < 0) {
        sl__free(nsp);
        return NULL;
    }
    return nsp;
}

static void nsp_free(struct sio_nsp *nsp)
{
    map_free(nsp->rooms); /* nobody is in one any more */
    sl__free(nsp);
}

struct sio_nsp *sio_nsp_find(const sl_sio *sio, sl_str name)
{
    if (name.ptr == NULL) name = SL_STR("/");
    if (sio->root != NULL && sl_str_eq(name, sio->root->name)) return sio->root;
    return map_find(sio->nsps, name);
}

struct sio_nsp *sio_nsp_get(sl_sio *sio, sl_str name, int *rc)
{
    struct sio_nsp *nsp = sio_nsp_find(sio, name);

    *rc = nsp != NULL ? 0 : SL_E_NOT_FOUND;
    for (size_t i = 0; i < sio->row_n && nsp == NULL; i++) {
        const sl_sio_namespace *row = &sio->row[i];
        if (row->name != NULL || !row->is_match(name, row->user)) continue;
        nsp = nsp_new(sio, row, name);
        *rc = nsp != NULL ? 0 : SL_E_NOMEM;
        break;
    }
    return nsp;
}

void sio_nsp_release(struct sio_nsp *nsp)
{
    if (nsp->n > 0 || nsp->row->name != NULL) return;
    map_remove(nsp->sio->nsps, nsp->name);
    nsp_free(nsp);
}

/* ---- what can be wrong with the rows ---- */

static const char *events_fault(const sl_sio_namespace *row)
{
    static const char *const ours[] = {"connect",       "connect_error", "disconnect",
                                       "disconnecting", "newListener",   "removeListener"};

    for (size_t i = 0; i < row->event_count; i++) {
        const sl_sio_on *on = &row->events[i];
        if (on->fn == NULL) return "an event without a function";
        if (on->event == NULL && i + 1 < row->event_count) return "NULL is the last event";
        for (size_t k = 0; k < sizeof ours / sizeof *ours && on->event != NULL; k++)
            if (strcmp(on->event, ours[k]) == 0) return "an event whose name is reserved";
    }
    return NULL;
}

static const char *row_fault(const sl_sio_namespace *row)
{
    sl_str name = sl_str_of(row->name);

    if (row->name == NULL && row->is_match == NULL) return "neither a name nor is_match";
    if (row->name != NULL && (name.ptr[0] != '/' || name.len > SIO_NSP_MAX))
        return "a name begins with '/', and has at most 512 bytes";
    if (str_find_byte(name, ',') < name.len || str_find_byte(name, '?') < name.len)
        return "a name has no ',' and no '?'";
    return events_fault(row);
}

static int add_row(sl_sio *sio, const sl_sio_namespace *row, sl_error *err)
{
    const char *where = row->name != NULL ? row->name : "is_match", *why = row_fault(row);
    sl_str name = sl_str_of(row->name);
    struct sio_nsp *nsp;

    if (why != NULL) return sl_fail(err, SL_E_INVAL, where, "%s", why);
    if (row->name == NULL) return 0;
    if (sio_nsp_find(sio, name) != NULL)
        return sl_fail(err, SL_E_INVAL, where, "this namespace is there twice");
    nsp = nsp_new(sio, row, name);
    if (nsp == NULL) return sl_fail(err, SL_E_NOMEM, where, "out of memory");
    if (name.len == 1) sio->root = nsp;
    return 0;
}

/* ---- lives ---- */

static void on_turn(struct turn_hook *h)
{
    sio_tell(LIST_ENTRY(h, sl_sio, turn));
}

void sio_want_turn(sl_sio *sio)
{
    sl__loop_want_hooks(sio->loop);
}

static int make_engine(sl_sio *sio, const sl_sio_options *o)
{
    struct eio_options e = {
        .events = &sio_events,
        .user = sio,
        .ping_interval_ms = o->ping_interval_ms,
        .ping_timeout_ms = o->ping_timeout_ms,
        .upgrade_timeout_ms = o->upgrade_timeout_ms,
        .payload_max = o->payload_max,
        .queue_max = o->queue_max,
        .poll_packets_max = o->poll_packets_max,
        .poll_gather_ms = o->poll_gather_ms,
        .eio3 = !o->no_eio3,
        .no_upgrade = o->no_upgrade,
        .no_polling = o->no_polling,
        .no_websocket = o->no_websocket,
    };

    return eio_server_new(sio->loop, &e, &sio->eio);
}

static void set_up(sl_sio *sio, sl_loop *loop, const sl_sio_options *o)
{
    sio->loop = loop;
    sio->row = o->namespaces;
    sio->row_n = o->namespace_count;
    sio->on_plain = o->on_plain_message;
    sio->connect_timeout_ms =
        o->connect_timeout_ms ? o->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    sio->rules4 = (struct sio_rules){
        .revision = 4, .from_client = true, .attachments_max = SL_SIO_ATTACHMENTS_MAX};
    sio->rules3 = sio->rules4;
    sio->rules3.revision = 3;
    list_init(&sio->ended);
    sio->turn.on_turn = on_turn;
    sl__loop_add_turn_hook(loop, &sio->turn);
}

int sl_sio_new(sl_loop *loop, const sl_sio_options *o, sl_sio **out, sl_error *err)
{
    const char *path = o->path != NULL ? o->path : "/socket.io/";
    const sl_sio_namespace *row = o->namespaces;
    sl_sio *sio;
    int rc = 0;

    *out = NULL;
    if (path[0] != '/' || path[1] == '\0')
        return sl_fail(err, SL_E_INVAL, path,
                       "a path begins with '/' and has a name behind it");
    if (o->on_plain_message != NULL
        && (o->namespace_count != 1 || row->name == NULL || strcmp(row->name, "/") != 0))
        return sl_fail(err, SL_E_INVAL, path, "Engine.IO alone has one namespace, \"/\"");
    if (o->on_plain_message != NULL && o->recovery_ms > 0)
        return sl_fail(err, SL_E_INVAL, path, "Engine.IO alone has no recovery");
    if (strlen(path) >= sizeof sio->path)
        return sl_fail(err, SL_E_INVAL, path, "a path has at most %zu bytes",
                       sizeof sio->path - 1);
    sio = sl__zalloc(sizeof *sio);
    if (sio == NULL) return sl_fail(err, SL_E_NOMEM, path, "out of memory");
    memcpy(sio->path, path, strlen(path));
    set_up(sio, loop, o);
    sio->nsps = map_new();
    if (sio->nsps == NULL || make_engine(sio, o) < 0
        || sio_recovery_new(sio, o, &sio->recovery) < 0)
        rc = sl_fail(err, SL_E_NOMEM, path, "out of memory");
    for (size_t i = 0; i < o->namespace_count && rc == 0; i++)
        rc = add_row(sio, &o->namespaces[i], err);
    if (rc < 0)
        sl_sio_free(sio);
    else
        *out = sio;
    return rc;
}

void sl_sio_put_routes(sl_sio *sio, int right, sl_route rows[SL_SIO_ROUTES])
{
    static_assert(SL_SIO_ROUTES == EIO_ROUTES, "a row with the last slash, one without");
    eio_put_routes(sio->eio, sio->path, right, rows);
}

void sl_sio_free(sl_sio *sio)
{
    void *nsp;
    sl_str name;

    if (sio == NULL) return;
    eio_server_free(sio->eio); /* the last ones end here */
    sio_tell(sio);
    sio_recovery_free(sio->recovery);
    for (uint32_t i = 0; sio->nsps != NULL && map_next(sio->nsps, &i, &name, &nsp);)
        nsp_free(nsp);
    map_free(sio->nsps);
    sl__loop_remove_turn_hook(&sio->turn);
    sl_json_deinit(&sio->doc);
    sl_json_deinit(&sio->auth);
    sl_out_deinit(&sio->query);
    sl__free(sio);
}

void sl_sio_get_stats(const sl_sio *sio, sl_sio_stats *out)
{
    struct eio_stats e;

    eio_get_stats(sio->eio, &e);
    *out = (sl_sio_stats){
        .sessions = e.sessions,
        .polling = e.polling,
        .websocket = e.websocket,
        .eio3 = e.eio3,
        .sockets = sio->sockets,
        .opened = e.opened,
        .upgraded = e.upgraded,
        .refused = e.refused,
        .expired = e.expired,
        .parse_errors = e.parse_errors + sio->parse_errors,
        .closed_full = e.closed_full,
        .broadcast = sio->broadcast,
        .newest = e.newest,
        .conflated = e.conflated,
        .cut_off = e.cut_off,
    };
    if (sio->recovery == NULL) return;
    out->lost = sio->recovery->lost_n;
    out->recovered = sio->recovery->recovered;
    out->gaps = sio->recovery->gaps;
    out->recovery_bytes = sio->recovery->bytes;
}
