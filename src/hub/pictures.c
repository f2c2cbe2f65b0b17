/* SPDX-License-Identifier: MIT */
#include "hub/pictures.h"

#include "base/alloc.h"
#include "base/str.h"
#include "net/loop.h"
#include "serve/answer.h"
#include "serve/feed.h"
#include "serve/represent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STILL_MS 2000   /* a picture is made in less, or something is wrong */
#define RETRY_US 100000 /* what did not fit behind others */
#define AGAIN_MS 250    /* see show_again */
#define FPS_MIN  0.1
#define FPS_MAX  60.0
#define SHOWN    128 /* bytes of an id in a sentence */
#define KEY      0

/* The boundary stands behind each picture: who looks for a part's end finds it at once. */
#define BOUNDARY  "--frame\r\n"
#define MULTIPART "multipart/x-mixed-replace; boundary=frame"

struct pictures {
    sl_loop *loop;
    struct frames *frames;
    struct list waiting; /* struct waiter */
};

/* Who asks for one picture while it has yet to be made. */
struct waiter {
    struct onlooker look;
    struct list node;
    struct timer deadline;
    struct pictures *owner;
    sl_request *request;
};

/* Who looks on. */
struct watcher {
    struct onlooker look;
    struct timer due; /* for a picture that came too early */
    struct timer again;
    struct picture last; /* what was sent, held, if it may have to be shown again */
    struct pictures *owner;
    sl_feed *feed;
    uint64_t next_us; /* none before */
    uint32_t interval_us, sent;
    bool is_browser;
};

static int shown(sl_str device)
{
    return device.len < SHOWN ? (int)device.len : SHOWN;
}

/* ---- one picture ---- */

/* The time belongs to the tag: numbers begin anew with the hub. */
static void answer_picture(sl_request *r, const struct live_stream *s, const struct picture *p)
{
    char etag[ETAG_SIZE];
    int n = snprintf(etag, sizeof etag, "\"%" PRIx32 "-%" PRIx32 "-%" PRIx64 "\"",
                     stream_number(s), p->sequence, (uint64_t)p->at.us);

    (void)sl_request_set_header(r, "Cache-Control", SL_STR("no-cache"));
    if (!answer_claim(r)) return;
    represent_answer(r, picture_type(p->kind),
                     (sl_slice){
                         p->buf, p->bytes
    },
                     &(struct representation){
                         .len = p->bytes.len,
                         .etag = {etag, (size_t)n},
                         .modified_s = p->at.us / 1000000,
                     });
}

static void answer_flaw(sl_request *r, sl_str device, const char *why)
{
    sl_answer_error(r, 415, "no picture can be shown of %.*s: %s", shown(device), device.ptr,
                    why);
}

static void answer_late(sl_request *r)
{
    (void)sl_request_set_header(r, "Retry-After", SL_STR("1"));
    sl_answer_error(r, 503, "the picture could not be made in time: try again in a moment");
}

/* Nobody waits any more: the request, which is still to be answered. */
static sl_request *waiter_end(struct waiter *w)
{
    sl_request *r = w->request;

    stream_unwatch(&w->look);
    sl__loop_cancel_timer(w->owner->loop, &w->deadline);
    list_remove(&w->node);
    sl__free(w);
    return r;
}

static void on_still(struct onlooker *o, const struct picture *p)
{
    const struct live_stream *s = o->stream;

    answer_picture(waiter_end(LIST_ENTRY(o, struct waiter, look)), s, p);
}

static void on_still_flaw(struct onlooker *o, const char *why)
{
    const struct live_stream *s = o->stream;

    if (stream_flaw(s) == NULL) return; /* it was an older one's */
    answer_flaw(waiter_end(LIST_ENTRY(o, struct waiter, look)), stream_device(s), why);
}

static void on_still_deadline(struct timer *t)
{
    answer_late(waiter_end(LIST_ENTRY(t, struct waiter, deadline)));
}

static void wait_for_still(struct pictures *all, sl_request *r, struct live_stream *s)
{
    struct waiter *w = sl__zalloc(sizeof *w);

    if (w == NULL) {
        answer_late(r);
        return;
    }
    w->owner = all;
    w->request = r;
    w->look.on_picture = on_still;
    w->look.on_flaw = on_still_flaw;
    timer_init(&w->deadline, on_still_deadline);
    list_add_last(&all->waiting, &w->node);
    sl__loop_set_timer(all->loop, &w->deadline, STILL_MS);
    stream_watch(s, &w->look);
}

static void answer_still(struct pictures *all, sl_request *r, struct live_stream *s)
{
    sl_str device = stream_device(s);
    const char *flaw = stream_flaw(s);
    struct picture p;
    struct wall at;

    if (!stream_has_frame(s, &at))
        sl_answer_error(r, 404, "no frame has come from %.*s yet", shown(device), device.ptr);
    else if (stream_picture(s, &p) && p.at.us == at.us)
        answer_picture(r, s, &p);
    else if (flaw != NULL)
        answer_flaw(r, device, flaw);
    else
        wait_for_still(all, r, s);
}

/* ---- pictures without an end ---- */

static int make_part(const struct picture *p, sl_message *m, sl_buf **own)
{
    char head[96];
    int n = snprintf(head, sizeof head, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                     picture_type(p->kind), p->bytes.len);
    int rc;

    *m = (sl_message){0};
    *own = sl_buf_copy((sl_str){head, (size_t)n});
    if (*own == NULL) return SL_E_NOMEM;
    rc = sl_message_add(m, *own, sl_buf_str(*own));
    if (rc == 0) rc = sl_message_add(m, p->buf, p->bytes);
    if (rc == 0) rc = sl_message_add(m, NULL, SL_STR("\r\n" BOUNDARY));
    return rc;
}

static void come_back(struct watcher *w, uint64_t in_us)
{
    if (!timer_is_set(&w->due))
        sl__loop_set_timer(w->owner->loop, &w->due, (in_us + 999) / 1000);
}

static void forget(struct watcher *w)
{
    sl_buf_drop(w->last.buf);
    w->last = (struct picture){0};
}

static void remember(struct watcher *w, const struct picture *p)
{
    forget(w);
    w->last = *p;
    sl_buf_hold(w->last.buf);
    sl__loop_set_timer(w->owner->loop, &w->again, AGAIN_MS);
}

/*
 * Chromium shows a part when it has the head of the next one. While pictures follow each other
 * that is soon enough; the last one before a silence is sent twice, or it would not be seen.
 */
static void show_again(struct timer *t)
{
    struct watcher *w = LIST_ENTRY(t, struct watcher, again);
    sl_message m;
    sl_buf *own;

    if (make_part(&w->last, &m, &own) == 0) (void)sl_feed_send_newest(w->feed, KEY, &m);
    sl_buf_drop(own);
    forget(w);
}

/* It replaces one that waits for a slow reader. */
static void send_part(struct watcher *w, const struct picture *p)
{
    sl_message m;
    sl_buf *own;
    int rc = make_part(p, &m, &own);

    if (rc == 0) rc = sl_feed_send_newest(w->feed, KEY, &m);
    sl_buf_drop(own);
    if (rc == SL_E_CLOSED) return; /* on_close comes */
    if (rc < 0) {
        come_back(w, RETRY_US);
        return;
    }
    w->sent = p->sequence;
    w->next_us = w->owner->loop->now.us + w->interval_us;
    if (w->is_browser) remember(w, p);
}

static void on_moving(struct onlooker *o, const struct picture *p)
{
    struct watcher *w = LIST_ENTRY(o, struct watcher, look);
    uint64_t now_us = w->owner->loop->now.us;

    if (now_us < w->next_us)
        come_back(w, w->next_us - now_us);
    else
        send_part(w, p);
}

/* The newest of those that came too early, so that the last one arrives whatever the cap. */
static void on_due(struct timer *t)
{
    struct watcher *w = LIST_ENTRY(t, struct watcher, due);
    struct picture p;

    if (stream_picture(w->look.stream, &p) && p.sequence != w->sent) send_part(w, &p);
}

static void on_close(sl_feed *f, void *user)
{
    struct watcher *w = user;

    (void)f;
    stream_unwatch(&w->look);
    sl__loop_cancel_timer(w->owner->loop, &w->due);
    sl__loop_cancel_timer(w->owner->loop, &w->again);
    forget(w);
    sl__free(w);
}

const struct live_stream *pictures_watched(const sl_feed *f)
{
    const struct watcher *w = feed_user(f, on_close);

    return w != NULL ? w->look.stream : NULL;
}

/* An <img> says which images it takes; programs take anything. */
static bool is_img(const sl_request *r)
{
    sl_str accept = sl_request_header(r, "Accept");

    return accept.len > 0 && memmem(accept.ptr, accept.len, "image/", 6) != NULL;
}

/* Microseconds between two pictures; 0: each one. returns false for what is no rate */
static bool read_interval(const sl_request *r, uint32_t *interval_us)
{
    sl_str text = sl_request_query(r, "fps");
    char z[16], *end;
    double fps;

    *interval_us = 0;
    if (text.ptr == NULL) return true;
    if (text.len == 0 || !str_to_cstr(text, z, sizeof z)) return false;
    fps = strtod(z, &end);
    if (*end != '\0' || !(fps >= FPS_MIN && fps <= FPS_MAX)) return false;
    *interval_us = (uint32_t)(1e6 / fps);
    return true;
}

static void answer_moving(struct pictures *all, sl_request *r, struct live_stream *s)
{
    sl_message first = {0};
    uint32_t interval_us;
    struct watcher *w;

    if (!read_interval(r, &interval_us)) {
        sl_answer_error(r, 400, "fps must be a number from %g to %g", FPS_MIN, FPS_MAX);
        return;
    }
    w = sl__zalloc(sizeof *w);
    if (w == NULL) {
        answer_late(r);
        return;
    }
    w->owner = all;
    w->interval_us = interval_us;
    w->is_browser = is_img(r);
    w->look.on_picture = on_moving;
    timer_init(&w->due, on_due);
    timer_init(&w->again, show_again);
    if (sl_answer_feed(r, MULTIPART, on_close, w, &w->feed) < 0) {
        sl__free(w);
        return;
    }
    (void)!sl_message_add(&first, NULL, SL_STR(BOUNDARY));
    if (sl_feed_send(w->feed, &first) < 0) { /* without it no part can be told from another */
        sl_feed_close(w->feed);
        return;
    }
    stream_watch(s, &w->look);
}

/* ---- the route ---- */

static const struct suffix {
    const char *text;
    void (*answer)(struct pictures *all, sl_request *r, struct live_stream *s);
} suffixes[] = {
    {".jpg",  answer_still },
    {".mjpg", answer_moving},
};

static bool ends_with(sl_str s, sl_str end)
{
    return s.len > end.len && sl_str_eq(str_part(s, s.len - end.len, s.len), end);
}

static void on_request(sl_request *r, void *user)
{
    sl_str name = sl_request_param(r, "name");
    struct pictures *all = user;

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        sl_str end = sl_str_of(suffixes[i].text), device;
        struct live_stream *s;

        if (!ends_with(name, end)) continue;
        device = str_part(name, 0, name.len - end.len);
        s = frames_find_device(all->frames, device);
        if (s != NULL)
            suffixes[i].answer(all, r, s);
        else
            sl_answer_error(r, 404, "no device %.*s has been here", shown(device), device.ptr);
        return;
    }
    sl_answer_error(r, 404, "ask for /live/<device>.jpg or /live/<device>.mjpg");
}

const sl_route pictures_routes[] = {
    SL_ROUTE(SL_GET, "/live/*name", SL_RIGHT_OPEN, on_request, NULL),
};

/* ---- life ---- */

int pictures_new(sl_loop *loop, struct frames *frames, struct pictures **out)
{
    struct pictures *p = sl__zalloc(sizeof *p);

    *out = p;
    if (p == NULL) return SL_E_NOMEM;
    p->loop = loop;
    p->frames = frames;
    list_init(&p->waiting);
    return 0;
}

void pictures_free(struct pictures *p)
{
    struct list *n;

    if (p == NULL) return;
    while ((n = list_take_first(&p->waiting)) != NULL)
        answer_late(waiter_end(LIST_ENTRY(n, struct waiter, node))); /* to nobody */
    sl__free(p);
}
