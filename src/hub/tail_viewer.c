/* SPDX-License-Identifier: MIT */
/* Who listens to the tail: its filters, its bound, what it has missed. */
#include "base/alloc.h"
#include "base/str.h"
#include "hub/tail_inside.h"
#include "serve/feed.h"

#define TEXT_MAX 128 /* bytes of a filter */
#define KEEP_KEY 1
#define GREETING ": what goes on, until you leave\nretry: 2000\n\n"

struct filter {
    char text[TEXT_MAX];
    size_t len; /* 0: any */
};

struct viewer {
    struct tail *owner;
    struct list node;
    sl_feed *feed;
    uint64_t missed; /* and it has not been told */
    struct filter system, event, device;
    uint64_t connection; /* 0: any */
};

/* ---- what it wants ---- */

static bool passes(const struct filter *f, sl_str text)
{
    return f->len == 0 || sl_str_eq((sl_str){f->text, f->len}, text);
}

static bool wants(const struct viewer *v, const struct tail_key *key)
{
    return (v->connection == 0 || v->connection == key->connection)
           && passes(&v->system, key->system != NULL ? sl_str_of(key->system) : (sl_str){0})
           && passes(&v->event, key->event) && passes(&v->device, key->device);
}

static bool read_filter(const sl_request *r, const char *name, struct filter *out)
{
    sl_str text = sl_request_query(r, name);

    if (text.len > sizeof out->text) return false;
    if (text.len > 0) memcpy(out->text, text.ptr, text.len);
    out->len = text.len;
    return true;
}

/* NULL: all is well; else what is wrong */
static const char *read_filters(const sl_request *r, struct viewer *v)
{
    sl_str id = sl_request_query(r, "connection");

    if (!read_filter(r, "system", &v->system) || !read_filter(r, "event", &v->event)
        || !read_filter(r, "device", &v->device)) {
        return "system, event and device are texts of at most 128 bytes";
    }
    if (id.len > 0 && !connection_read_id(id, &v->connection))
        return "connection is an id as /api/connections says it";
    return NULL;
}

/* ---- sending ---- */

static bool offer(struct viewer *v, const sl_message *m)
{
    if (feed_waiting(v->feed) + m->bytes > TAIL_QUEUE || sl_feed_send(v->feed, m) < 0) {
        v->missed++;
        v->owner->dropped++;
        return false;
    }
    return true;
}

/* Before the next one: so it is known where the gap was. */
static bool tell_missed(struct viewer *v)
{
    sl_message m = {.text = true};
    char text[96];
    uint64_t missed = v->missed;
    int n;

    if (missed == 0) return true;
    n = snprintf(text, sizeof text, "data: {\"what\":\"dropped\",\"count\":%llu}\n\n",
                 (unsigned long long)missed);
    if (feed_waiting(v->feed) > TAIL_QUEUE / 2) return false; /* when it has caught up */
    sl_buf *b = sl_buf_copy((sl_str){text, (size_t)n});

    if (b == NULL) return false;
    (void)!sl_message_add(&m, b, sl_buf_str(b));
    if (offer(v, &m)) v->missed = 0;
    sl_buf_drop(b);
    return v->missed == 0;
}

static void tell(struct viewer *v, const sl_message *m)
{
    if (tell_missed(v)) {
        (void)offer(v, m);
    } else {
        v->missed++;
        v->owner->dropped++;
    }
}

void tail_tell(struct tail *t, const struct tail_key *key, sl_json_out *out)
{
    sl_buf *b = out->rc == 0 ? sl_buf_copy(sl_out_text(out)) : NULL;
    sl_message m = {.text = true};

    sl_out_deinit(out);
    if (b == NULL) return;
    (void)!sl_message_add(&m, NULL, SL_STR("data: "));
    (void)!sl_message_add(&m, b, sl_buf_str(b)); /* our JSON has no line ends */
    (void)!sl_message_add(&m, NULL, SL_STR("\n\n"));
    for (struct list *n = t->viewers.next; n != &t->viewers; n = n->next) {
        struct viewer *v = LIST_ENTRY(n, struct viewer, node);

        if (wants(v, key)) tell(v, &m);
    }
    sl_buf_drop(b);
}

void tail_keep(struct tail *t)
{
    sl_message m = {.text = true};

    (void)!sl_message_add(&m, NULL, SL_STR(": keep\n\n"));
    for (struct list *n = t->viewers.next; n != &t->viewers; n = n->next)
        (void)sl_feed_send_newest(LIST_ENTRY(n, struct viewer, node)->feed, KEEP_KEY, &m);
}

/* ---- life ---- */

static void on_close(sl_feed *f, void *user)
{
    struct viewer *v = user;
    struct tail *t = v->owner;

    (void)f;
    list_remove(&v->node);
    t->viewer_count--;
    sl__free(v);
    if (list_is_empty(&t->viewers)) tail_stop(t);
}

static void on_events(sl_request *r, void *user)
{
    struct tail *t = user;
    sl_message greeting = {.text = true};
    struct viewer *v;
    const char *wrong;

    if (t->viewer_count == TAIL_VIEWERS_MAX) {
        sl_answer_error(r, 503, "%d listen already: try again later", TAIL_VIEWERS_MAX);
        return;
    }
    v = sl__zalloc(sizeof *v);
    wrong = v != NULL ? read_filters(r, v) : NULL;
    if (wrong != NULL) {
        sl_answer_error(r, 400, "%s", wrong);
        sl__free(v);
        return;
    }
    if (v == NULL || (t->row == NULL && tail_start(t) < 0)) {
        sl_answer_error(r, 503, "the hub is out of memory: try again in a moment");
        sl__free(v);
        return;
    }
    v->owner = t;
    if (sl_answer_feed(r, "text/event-stream", on_close, v, &v->feed) < 0) {
        sl__free(v);
        if (list_is_empty(&t->viewers)) tail_stop(t);
        return;
    }
    list_add_last(&t->viewers, &v->node);
    t->viewer_count++;
    (void)!sl_message_add(&greeting, NULL, SL_STR(GREETING));
    (void)sl_feed_send(v->feed, &greeting);
}

const sl_route tail_routes[TAIL_ROUTES] = {
    SL_ROUTE(SL_GET, "/api/events", SL_RIGHT_OPEN, on_events, NULL),
};
