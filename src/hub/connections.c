/* SPDX-License-Identifier: MIT */
#include "hub/connections.h"

#include "sluice/log.h"

#include "base/clock.h"
#include "base/str.h"
#include "net/loop.h"
#include "serve/request.h"

#include <string.h>

static void put_text(sl_json_out *out, const char *key, const char *text)
{
    sl_out_key(out, key);
    sl_out_str(out, sl_str_of(text));
}

bool connection_read_id(sl_str text, uint64_t *id)
{
    *id = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = str_lower(text.ptr[i]);

        if (c >= '0' && c <= '9')
            *id = *id << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            *id = *id << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    return text.len > 0 && text.len < CONNECTION_ID_SIZE;
}

/* ---- what is asked for ---- */

enum { BY_TRANSPORT, BY_SYSTEM, BY_ROLE, BY_DEVICE, BY_ADDRESS, BY_ANY, FILTERS };

static const char *const filter_name[FILTERS] = {
    [BY_TRANSPORT] = "transport", [BY_SYSTEM] = "system",   [BY_ROLE] = "role",
    [BY_DEVICE] = "device",       [BY_ADDRESS] = "address", [BY_ANY] = "q",
};

struct page {
    const struct connections *all;
    sl_str want[FILTERS]; /* len 0: any */
    uint64_t after;
    uint32_t limit, n;
    sl_json_out out;
};

static bool is_word(sl_str want, const char *word)
{
    return want.len == 0 || sl_str_eq(want, sl_str_of(word != NULL ? word : ""));
}

static bool has(sl_str text, sl_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (str_eq_nocase((sl_str){text.ptr + i, part.len}, part)) return true;
    return false;
}

static bool has_anywhere(const struct who *who, const struct inspect_facts *f, sl_str part)
{
    const sl_str texts[] = {who->device,
                            f->agent,
                            f->path,
                            sl_str_of(f->peer),
                            sl_str_of(f->transport),
                            sl_str_of(f->protocol),
                            sl_str_of(who->system != NULL ? who->system : ""),
                            sl_str_of(who->role != NULL ? who->role : "")};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (has(texts[i], part)) return true;
    return false;
}

static bool is_wanted(const struct page *p, const struct inspected *c)
{
    const sl_str *want = p->want;
    struct inspect_facts f;
    struct who who;
    size_t asked = 0;

    for (int i = 0; i < FILTERS; i++)
        asked += want[i].len;
    if (asked == 0) return true;
    inspect_look(&p->all->in, c, &f);
    if (!is_word(want[BY_TRANSPORT], f.transport)) return false;
    if (want[BY_ADDRESS].len > 0 && !str_starts(sl_str_of(f.peer), want[BY_ADDRESS]))
        return false;
    who_is(p->all->vitals, c, &who);
    return is_word(want[BY_SYSTEM], who.system) && is_word(want[BY_ROLE], who.role)
           && (want[BY_DEVICE].len == 0 || sl_str_eq(want[BY_DEVICE], who.device))
           && (want[BY_ANY].len == 0 || has_anywhere(&who, &f, want[BY_ANY]));
}

static bool on_connection(const struct inspected *c, void *user)
{
    struct page *p = user;

    if (!is_wanted(p, c)) return true;
    sl_out_object(&p->out);
    connection_put(p->all, c, &p->out);
    sl_out_end(&p->out);
    return ++p->n < p->limit;
}

/* false: it has been answered */
static bool read_page(sl_request *r, struct page *p)
{
    sl_str limit = sl_request_query(r, "limit"), after = sl_request_query(r, "after");
    uint64_t n = CONNECTIONS_PAGE;

    if (limit.len > 0 && (!str_to_u64(limit, &n) || n == 0 || n > CONNECTIONS_MAX)) {
        sl_answer_error(r, 400, "limit must be a number from 1 to %d", CONNECTIONS_MAX);
        return false;
    }
    if (after.len > 0 && !connection_read_id(after, &p->after)) {
        sl_answer_error(r, 400, "after must be what the page before says under next");
        return false;
    }
    p->limit = (uint32_t)n;
    for (int i = 0; i < FILTERS; i++)
        p->want[i] = sl_request_query(r, filter_name[i]);
    return true;
}

static void on_list(sl_request *r, void *user)
{
    struct page p = {.all = user};
    char id[CONNECTION_ID_SIZE];
    uint64_t next;
    int rc;

    if (!read_page(r, &p)) return;
    sl_out_object(&p.out);
    sl_out_key(&p.out, "now_us");
    sl_out_i64(&p.out, wall_now().us);
    sl_out_key(&p.out, "sockets");
    sl_out_i64(&p.out, p.all->in.server->loop->stream_count);
    sl_out_key(&p.out, "connections");
    sl_out_array(&p.out);
    rc = inspect_each(&p.all->in, p.after, CONNECTIONS_LOOK, on_connection, &p, &next);
    sl_out_end(&p.out);
    sl_out_key(&p.out, "next");
    connection_id(next, id);
    if (next != 0)
        sl_out_str(&p.out, sl_str_of(id));
    else
        sl_out_null(&p.out);
    sl_out_end(&p.out);
    if (rc < 0) p.out.rc = rc;
    (void)sl_request_set_header(r, "Cache-Control", SL_STR("no-store"));
    sl_answer_json(r, 200, &p.out);
}

/* ---- the end of one ---- */

static void log_end(const struct connections *all, const sl_request *r,
                    const struct inspected *c, const char *id)
{
    struct inspect_facts f;

    inspect_look(&all->in, c, &f);
    SL_INFO("hub",
            "msg=\"disconnected by an operator\" connection=%s peer=%s transport=%s by=%s", id,
            f.peer, f.transport, sl_request_peer(r));
}

static void on_end(sl_request *r, void *user)
{
    const struct connections *all = user;
    sl_str text = sl_request_param(r, "id");
    char id[CONNECTION_ID_SIZE];
    sl_json_out out = {0};
    struct inspected c;
    uint64_t wanted;

    if (!connection_read_id(text, &wanted)) {
        sl_answer_error(r, 400,
                        "an id has up to 16 hexadecimal digits, as /api/connections says");
        return;
    }
    connection_id(wanted, id);
    if (!inspect_find(&all->in, wanted, &c)) {
        sl_answer_error(r, 404, "there is no connection %s: it has gone", id);
        return;
    }
    if (r->conn != NULL && c.http == r->conn) {
        sl_answer_error(r, 409, "%s is the connection that this request came by", id);
        return;
    }
    log_end(all, r, &c, id);
    inspect_end(&c, "disconnected by an operator");
    sl_out_object(&out);
    sl_out_key(&out, "ok");
    sl_out_bool(&out, true);
    put_text(&out, "id", id);
    sl_out_end(&out);
    sl_answer_json(r, 200, &out);
}

/* DELETE is an operator's: as long as there are no keys, whoever may use this hub is one. A
 * page of another website is refused as everywhere, by its Origin. */
const sl_route connections_routes[CONNECTIONS_ROUTES] = {
    SL_ROUTE(SL_GET, "/api/connections", SL_RIGHT_OPEN, on_list, NULL),
    SL_ROUTE(SL_DELETE, "/api/connections/:id", SL_RIGHT_OPEN, on_end, NULL),
};
