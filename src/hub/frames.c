/* SPDX-License-Identifier: MIT */
#include "hub/frames.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "hub/frames_rate.h"
#include "net/worker.h"

#include <math.h>
#include <stdio.h>

#define MEDIA_THREADS    2 /* one large picture does not hold up the others */
#define PEER_MAX         64
#define PROBLEM_LEAST_MS 2000 /* of a device that sends good and bad in turn */

static const char unkept[] = "the hub holds as many pictures as it may: this one's is left out";

/* What a worker is given and gives back; the worker's while it is under way. */
struct decoding {
    struct job job;
    bool is_under_way;
    sl_buf *from;
    sl_str text;
    struct picture made; /* its buf is NULL: it could not be made, and why */
    const char *why;
    int rc;
};

struct live_stream {
    struct frames *owner;
    const char *system, *wire, *problem; /* literals */
    uint32_t number, sequence;
    bool is_connected, is_problem_logged;
    uint64_t problem_at_ms;
    char peer[PEER_MAX];
    struct wall since;

    /* the newest frame */
    sl_buf *buf; /* NULL: none, or it was not kept */
    sl_str text;
    struct wall at;
    uint64_t born_us;
    struct rate rate;

    struct picture picture; /* the newest that was made; buf NULL: none */
    struct decoding decoding;
    struct list onlookers;
    struct timer tell; /* those who began to look when the picture was there already */

    uint16_t device_len;
    char device[];
};

struct frames {
    sl_loop *loop;
    struct worker_pool *media;
    struct map *by_name; /* "system device" */
    uint32_t count, streams_max;
    size_t text_bytes;
    struct frames_stats stats;
    void (*on_change)(struct live_stream *s, void *user);
    void *user;
    struct live_stream *stream[]; /* by number - 1 */
};

static void changed(struct live_stream *s)
{
    struct frames *f = s->owner;

    if (f->on_change != NULL) f->on_change(s, f->user);
}

/* A device's id in a line of the log, between quotes. */
static const char *printable(const struct live_stream *s, char room[64])
{
    sl_str id = str_cut_utf8(stream_device(s), 63);

    for (size_t i = 0; i < id.len; i++) {
        char ch = id.ptr[i];

        room[i] = ch == '"' || ch == '\\' || (unsigned char)ch < 0x20 ? '?' : ch;
    }
    room[id.len] = '\0';
    return room;
}

static void log_problem(struct live_stream *s)
{
    char room[64];

    if (s->is_problem_logged) return; /* once for each connection */
    s->is_problem_logged = true;
    SL_WARN("live", "msg=\"no pictures can be shown\" system=%s device=\"%s\" cause=\"%s\"",
            s->system, printable(s, room), s->problem);
}

static void set_problem(struct live_stream *s, const char *problem)
{
    uint64_t now_ms = sl__loop_now_ms(s->owner->loop);

    if (s->problem == problem) return;
    if (problem == NULL && now_ms - s->problem_at_ms < PROBLEM_LEAST_MS) return;
    s->problem = problem;
    s->problem_at_ms = now_ms;
    if (problem != NULL) log_problem(s);
    changed(s);
}

/* ---- pictures: made on a worker, of the newest frame, while somebody looks ---- */

static void put_le(uint8_t *at, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* docs/live-wire.md */
static void write_head(uint8_t *at, uint32_t stream, const struct picture *p)
{
    at[0] = 1;
    at[1] = 1;
    put_le(at + 2, FRAME_HEAD_SIZE, 2);
    put_le(at + 4, stream, 4);
    put_le(at + 8, p->sequence, 4);
    put_le(at + 12, (uint64_t)p->kind, 4);
    put_le(at + 16, (uint64_t)p->at.us, 8);
}

static void on_work(struct job *job)
{
    struct decoding *d = LIST_ENTRY(job, struct decoding, job);
    const struct live_stream *s = LIST_ENTRY(d, struct live_stream, decoding);
    struct picture *p = &d->made;
    sl_str all;

    d->rc = picture_decode(d->text, FRAME_HEAD_SIZE, &p->buf, &p->kind, &d->why);
    if (d->rc < 0) return;
    write_head(sl__buf_data(p->buf), s->number, p); /* a number never changes */
    all = sl_buf_str(p->buf);
    p->bytes = str_part(all, FRAME_HEAD_SIZE, all.len);
}

static void forget_picture(struct live_stream *s)
{
    sl_buf_drop(s->picture.buf);
    s->picture = (struct picture){0};
}

static bool has_newest_picture(const struct live_stream *s)
{
    return s->picture.buf != NULL && s->picture.sequence == s->sequence;
}

/* One at a time; when it is done, the newest again. */
static void decode_newest(struct live_stream *s)
{
    struct decoding *d = &s->decoding;

    if (d->is_under_way || s->buf == NULL || list_is_empty(&s->onlookers)) return;
    if (d->made.sequence == s->sequence) return; /* made, or known to be none */
    d->from = sl_buf_hold(s->buf);
    d->text = s->text;
    d->made = (struct picture){.sequence = s->sequence, .at = s->at, .born_us = s->born_us};
    d->is_under_way = worker_submit(s->owner->media, &d->job) == 0;
    if (d->is_under_way) return;
    sl_buf_drop(d->from); /* the hub is at its end: the pool holds one of each stream */
    d->from = NULL;
}

/* Callbacks may take out anyone: each is back in its list before it is told. */
static void tell_onlookers(struct live_stream *s)
{
    struct list now, *n;

    list_move_all(&s->onlookers, &now);
    while ((n = list_take_first(&now)) != NULL) {
        struct onlooker *o = LIST_ENTRY(n, struct onlooker, node);

        list_add_last(&s->onlookers, n);
        if (s->picture.buf == NULL || o->seen == s->picture.sequence) continue;
        o->seen = s->picture.sequence;
        o->on_picture(o, &s->picture);
    }
}

static void tell_flaw(struct live_stream *s, const char *why)
{
    struct list now, *n;

    list_move_all(&s->onlookers, &now);
    while ((n = list_take_first(&now)) != NULL) {
        struct onlooker *o = LIST_ENTRY(n, struct onlooker, node);

        list_add_last(&s->onlookers, n);
        if (o->on_flaw != NULL) o->on_flaw(o, why);
    }
}

static void on_tell(struct timer *t)
{
    tell_onlookers(LIST_ENTRY(t, struct live_stream, tell));
}

static void take_result(struct live_stream *s)
{
    struct decoding *d = &s->decoding;
    struct frames *f = s->owner;

    forget_picture(s);
    if (d->rc < 0) {
        f->stats.failed++;
        if (d->why == NULL) return;
        set_problem(s, d->why);
        tell_flaw(s, d->why);
        return;
    }
    f->stats.decoded++;
    s->picture = d->made;
    d->made.buf = NULL; /* it is the stream's */
    set_problem(s, NULL);
    tell_onlookers(s);
}

static void on_decoded(struct job *job, int rc)
{
    struct decoding *d = LIST_ENTRY(job, struct decoding, job);
    struct live_stream *s = LIST_ENTRY(d, struct live_stream, decoding);

    d->is_under_way = false;
    sl_buf_drop(d->from);
    d->from = NULL;
    if (rc < 0) return; /* it never ran: the hub is at its end */
    take_result(s);
    decode_newest(s);
}

/* ---- streams ---- */

static struct live_stream *stream_new(struct frames *f, const char *system, sl_str device)
{
    struct live_stream *s = sl__zalloc(sizeof *s + device.len);

    if (s == NULL) return NULL;
    s->owner = f;
    s->system = system;
    s->wire = "";
    s->number = f->count + 1;
    s->since = wall_now();
    s->decoding.job.on_work = on_work;
    s->decoding.job.on_done = on_decoded;
    list_init(&s->onlookers);
    timer_init(&s->tell, on_tell);
    s->device_len = (uint16_t)device.len;
    if (device.len > 0) memcpy(s->device, device.ptr, device.len);
    return s;
}

struct live_stream *frames_get(struct frames *f, const char *system, sl_str device)
{
    char name[LIVE_DEVICE_MAX + 64];
    struct live_stream *s;
    sl_str key;
    int n;

    if (device.len > LIVE_DEVICE_MAX) return NULL;
    n = snprintf(name, 64, "%s ", system);
    SL_ASSERT(n > 0 && n < 64);
    if (device.len > 0) memcpy(name + n, device.ptr, device.len);
    key = (sl_str){name, (size_t)n + device.len};
    s = map_find(f->by_name, key);
    if (s != NULL) return s;
    if (f->count == f->streams_max) {
        if (f->stats.refused++ == 0) {
            SL_WARN("live",
                    "msg=\"devices stay without a live picture: there are %u streams "
                    "since the start, as many as there may be\"",
                    f->streams_max);
        }
        return NULL;
    }
    s = stream_new(f, system, device);
    if (s == NULL) return NULL;
    if (map_put(f->by_name, key, s, NULL) < 0) {
        sl__free(s);
        return NULL;
    }
    f->stream[f->count++] = s;
    changed(s);
    return s;
}

/* "127.0.0.1:53211", "[::1]:53211": the address alone, for each request has a port of its own.
 */
static sl_str address_of(const char *peer)
{
    sl_str s = sl_str_of(peer);
    const char *colon = strrchr(peer, ':');

    if (colon != NULL) s.len = (size_t)(colon - peer);
    if (s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']') s = str_part(s, 1, s.len - 2);
    return s;
}

void stream_set_link(struct live_stream *s, bool is_connected, const char *wire,
                     const char *peer)
{
    sl_str address = address_of(peer);
    bool is_other = s->is_connected != is_connected;

    if (!is_other && strcmp(s->wire, wire) == 0 && sl_str_eq(sl_str_of(s->peer), address))
        return;
    if (is_other) s->since = wall_now();
    if (is_other && is_connected) s->is_problem_logged = false;
    s->is_connected = is_connected;
    s->wire = wire;
    (void)str_to_cstr(address, s->peer, sizeof s->peer);
    changed(s);
}

/* In place of the one before; false: there is no room for it. */
static bool keep_text(struct live_stream *s, sl_buf *buf, sl_str text)
{
    struct frames *f = s->owner;

    f->text_bytes -= s->text.len;
    sl_buf_drop(s->buf);
    s->buf = NULL;
    s->text = (sl_str){0};
    if (text.len > LIVE_TEXT_MAX - f->text_bytes) return false;
    s->buf = sl_buf_hold(buf);
    s->text = text;
    f->text_bytes += text.len;
    return true;
}

void stream_take_frame(struct live_stream *s, sl_buf *buf, sl_str text)
{
    struct frames *f = s->owner;

    s->at = wall_now();
    s->born_us = f->loop->now.us;
    if (++s->sequence == 0) s->sequence = 1; /* who has seen none has seen 0 */
    rate_add(&s->rate, sl__loop_now_ms(f->loop));
    if (!keep_text(s, buf, text)) {
        f->stats.unkept++;
        set_problem(s, unkept);
    } else if (s->problem == unkept) {
        set_problem(s, NULL);
    }
    if (list_is_empty(&s->onlookers))
        forget_picture(s); /* it is old, and nobody would miss it */
    else
        decode_newest(s);
}

/* ---- for who looks ---- */

struct live_stream *frames_find(const struct frames *f, uint32_t number)
{
    return number == 0 || number > f->count ? NULL : f->stream[number - 1];
}

struct live_stream *frames_find_device(const struct frames *f, sl_str device)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (sl_str_eq(stream_device(f->stream[i]), device)) return f->stream[i];
    }
    return NULL;
}

struct live_stream *frames_next(const struct frames *f, uint32_t *i)
{
    return *i < f->count ? f->stream[(*i)++] : NULL;
}

uint32_t stream_number(const struct live_stream *s)
{
    return s->number;
}

const char *stream_system(const struct live_stream *s)
{
    return s->system;
}

sl_str stream_device(const struct live_stream *s)
{
    return (sl_str){s->device, s->device_len};
}

bool stream_has_frame(const struct live_stream *s, struct wall *at)
{
    if (at != NULL) *at = s->at;
    return s->sequence > 0;
}

double stream_fps(const struct live_stream *s)
{
    return rate_per_second(&s->rate, sl__loop_now_ms(s->owner->loop));
}

static void put_text(sl_json_out *out, const char *key, sl_str text)
{
    sl_out_key(out, key);
    sl_out_str(out, text);
}

static void put_number(sl_json_out *out, const char *key, int64_t v)
{
    sl_out_key(out, key);
    sl_out_i64(out, v);
}

void stream_put(const struct live_stream *s, sl_json_out *out)
{
    put_number(out, "stream", s->number);
    put_text(out, "system", sl_str_of(s->system));
    put_text(out, "device", stream_device(s));
    sl_out_key(out, "connected");
    sl_out_bool(out, s->is_connected);
    put_number(out, "since_us", s->since.us);
    if (s->is_connected) {
        put_text(out, "wire", sl_str_of(s->wire));
        put_text(out, "peer", sl_str_of(s->peer));
    }
    if (s->sequence > 0) put_number(out, "frame_us", s->at.us);
    sl_out_key(out, "fps");
    sl_out_f64(out, round(stream_fps(s) * 10) / 10);
    if (s->problem != NULL) put_text(out, "problem", sl_str_of(s->problem));
}

void stream_watch(struct live_stream *s, struct onlooker *o)
{
    SL_ASSERT(o->stream == NULL);
    o->stream = s;
    o->seen = 0;
    list_add_last(&s->onlookers, &o->node);
    if (has_newest_picture(s))
        sl__loop_set_timer(s->owner->loop, &s->tell, 0);
    else
        decode_newest(s);
}

void stream_unwatch(struct onlooker *o)
{
    if (o->stream == NULL) return;
    list_remove(&o->node);
    o->stream = NULL;
}

bool stream_frame(const struct live_stream *s, sl_buf **buf, sl_str *text, struct wall *at)
{
    *buf = s->buf;
    *text = s->text;
    *at = s->at;
    return s->buf != NULL;
}

bool stream_picture(const struct live_stream *s, struct picture *out)
{
    *out = s->picture;
    return out->buf != NULL;
}

const char *stream_flaw(const struct live_stream *s)
{
    const struct decoding *d = &s->decoding;

    if (d->is_under_way || d->made.sequence != s->sequence || d->rc == 0) return NULL;
    return d->why;
}

/* ---- life ---- */

int frames_new(sl_loop *loop, uint32_t streams_max, struct frames **out)
{
    struct frames *f = sl__zalloc(sizeof *f + streams_max * sizeof(struct live_stream *));
    int rc = SL_E_NOMEM;

    *out = NULL;
    if (f == NULL) return rc;
    f->loop = loop;
    f->streams_max = streams_max;
    f->by_name = map_new();
    if (f->by_name != NULL) rc = worker_pool_new(loop, MEDIA_THREADS, streams_max, &f->media);
    if (rc < 0) {
        frames_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void frames_set_on_change(struct frames *f,
                          void (*on_change)(struct live_stream *s, void *user), void *user)
{
    f->on_change = on_change;
    f->user = user;
}

void frames_get_stats(const struct frames *f, struct frames_stats *out)
{
    *out = f->stats;
}

void frames_free(struct frames *f)
{
    if (f == NULL) return;
    worker_pool_free(f->media);
    for (uint32_t i = 0; i < f->count; i++) {
        struct live_stream *s = f->stream[i];

        SL_ASSERT(!s->decoding.is_under_way && list_is_empty(&s->onlookers));
        sl__loop_cancel_timer(f->loop, &s->tell);
        forget_picture(s);
        sl_buf_drop(s->buf);
        sl__free(s);
    }
    map_free(f->by_name);
    sl__free(f);
}
