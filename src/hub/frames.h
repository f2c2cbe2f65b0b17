/* SPDX-License-Identifier: MIT */
/*
 * Live streams: one per device that sends pictures, with its newest frame. Devices send base64
 * text; who wants bytes gets them decoded once per frame, on a worker, and only then.
 *
 *   system ─► stream_take_frame ─► newest text ──(somebody looks)──► worker ─► picture
 *                                                                            │ on_picture
 *                                                                            ▼
 *                                                         live wire, .mjpg, .jpg
 *
 * thread   the loop's, but for the decoding
 */
#ifndef HUB_FRAMES_H
#define HUB_FRAMES_H

#include "sluice/buf.h"
#include "sluice/json.h"
#include "sluice/loop.h"

#include "base/clock.h"
#include "base/list.h"
#include "hub/frames_picture.h"

#include <stdbool.h>
#include <stdint.h>

#define LIVE_DEVICE_MAX 256                /* bytes of an id */
#define LIVE_TEXT_MAX   (64 * 1024 * 1024) /* bytes of newest frames, of all streams */
#define FRAME_HEAD_SIZE 24                 /* docs/live-wire.md */

struct frames;
struct live_stream;

/* A decoded frame; immutable. `buf` holds a live-wire header and then the picture. */
struct picture {
    sl_buf *buf;  /* the stream's: hold it to keep it */
    sl_str bytes; /* of the picture alone, in `buf` */
    enum picture_kind kind;
    uint32_t sequence;
    struct wall at;   /* when the frame came */
    uint64_t born_us; /* the same by the loop's clock: of a message, to have its age measured */
};

/* Somebody who looks at one stream. Embedded by who looks; zeroed before the first use. */
struct onlooker {
    struct list node;
    /*
     * A picture newer than the last one: take it, or leave it and have it by stream_picture.
     * May unwatch, and free, any onlooker. Never called from inside stream_watch.
     */
    void (*on_picture)(struct onlooker *o, const struct picture *p);
    /* The newest frame that was tried is no picture, and why; as on_picture. May be NULL. */
    void (*on_flaw)(struct onlooker *o, const char *why);
    struct live_stream *stream; /* NULL: looks at none */
    uint32_t seen;              /* private: the sequence that it was told last */
};

struct frames_stats {
    uint64_t decoded; /* into pictures */
    uint64_t failed;  /* somebody looked, and they were no pictures */
    uint64_t unkept;  /* LIVE_TEXT_MAX was reached */
    uint64_t refused; /* asked for a stream: there were streams_max */
};

/* streams_max: ids are chosen by whoever sends */
int frames_new(sl_loop *loop, uint32_t streams_max, struct frames **out) SL_MUST_USE;
/* After the loop has returned; onlookers must have gone. NULL is fine. */
void frames_free(struct frames *f);
void frames_get_stats(const struct frames *f, struct frames_stats *out);

/* ---- for systems, through system.h ---- */

/*
 * The stream of a device, made if it is new.
 *
 * system   a literal
 * device   at most LIVE_DEVICE_MAX bytes
 * returns  borrowed, lives as long as the hub; NULL at streams_max or without memory
 */
struct live_stream *frames_get(struct frames *f, const char *system, sl_str device);

/*
 * Is its link up, and what is it.
 *
 * wire     a literal: "websocket", "http"; "" when it is down
 * peer     as sl_ws_peer says it; copied, without its port. "" when it is down
 */
void stream_set_link(struct live_stream *s, bool is_connected, const char *wire,
                     const char *peer);

/*
 * A frame has come.
 *
 * text     its base64 as it lies between its quotes, in `buf`
 * buf      held until a newer one comes
 */
void stream_take_frame(struct live_stream *s, sl_buf *buf, sl_str text);

/* ---- for who looks ---- */

struct live_stream *frames_find(const struct frames *f, uint32_t number);
struct live_stream *frames_find_device(const struct frames *f, sl_str device);
/* for (uint32_t i = 0; (s = frames_next(f, &i)) != NULL;): the oldest first */
struct live_stream *frames_next(const struct frames *f, uint32_t *i);

uint32_t stream_number(const struct live_stream *s); /* from 1 on */
const char *stream_system(const struct live_stream *s);
sl_str stream_device(const struct live_stream *s);
bool stream_has_frame(const struct live_stream *s, struct wall *at); /* at may be NULL */
double stream_fps(const struct live_stream *s);
/* The members of a "stream" message, without its type, into an open object. */
void stream_put(const struct live_stream *s, sl_json_out *out);

/*
 * From now on pictures are made of its frames, the newest one at once: on_picture comes soon,
 * of the picture that is there already or is made now. Twice is a mistake.
 */
void stream_watch(struct live_stream *s, struct onlooker *o);
void stream_unwatch(struct onlooker *o); /* who looks at none is fine */

/* The newest frame as it came: base64 in `buf`, both borrowed for the call. False: none. */
bool stream_frame(const struct live_stream *s, sl_buf **buf, sl_str *text, struct wall *at);

/* The newest picture there is, perhaps not of the newest frame. False: none. */
bool stream_picture(const struct live_stream *s, struct picture *out);

/* Why the newest frame is no picture, once that was tried; else NULL. */
const char *stream_flaw(const struct live_stream *s);

/* Told of every change of what stream_put says but fps and frame_us; one listener. */
void frames_set_on_change(struct frames *f,
                          void (*on_change)(struct live_stream *s, void *user), void *user);

#endif
