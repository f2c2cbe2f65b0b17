/* SPDX-License-Identifier: MIT */
/*
 * Pictures that records keep: files below DATA/media, served at /media/NAME for ever. Bytes
 * come as devices send them, as base64 text; decoding, looking and writing is a worker's.
 *
 *   media_keep ─► queue ─► worker: decode, is it a picture?, files_put ─► on_kept ─► a record
 *     loop                                                                loop      may name it
 *
 * thread   the loop's, but for that
 */
#ifndef HUB_MEDIA_H
#define HUB_MEDIA_H

#include "sluice/http.h"
#include "sluice/loop.h"

#define MEDIA_WAITING_MAX 64                 /* pictures on their way to the disk */
#define MEDIA_BYTES_MAX   (64 * 1024 * 1024) /* their text, all together */

struct media;

/*
 * The end of media_keep.
 *
 * url      "/media/NAME", for the call; "" on an error
 * rc       0: it is on the disk; SL_E_INVAL: no JPEG, PNG or WebP; SL_E_NOMEM; -ENOSPC and
 *          what else the disk says. The hub has said so in its log
 */
typedef void media_fn(void *user, sl_str url, int rc);

int media_open(sl_loop *loop, const char *data_dir, struct media **out,
               sl_error *err) SL_MUST_USE;
/* No on_kept comes after it. NULL is fine. */
void media_close(struct media *m);

/*
 * Keep a picture.
 *
 * text     as picture_decode reads it, in `buf`, which is held meanwhile
 * returns  0: on_kept comes later, never from inside this call; SL_E_FULL at one of the bounds,
 *          SL_E_NOMEM, SL_E_STOPPING: it does not
 */
int media_keep(struct media *m, sl_buf *buf, sl_str text, media_fn *on_kept,
               void *user) SL_MUST_USE;

/* Why records stay without their picture. */
enum media_reason {
    MEDIA_BUSY,       /* too much waits for the disk */
    MEDIA_RATE,       /* their system allows itself no more */
    MEDIA_NO_PICTURE, /* what came is none */
    MEDIA_NO_MEMORY,
    MEDIA_DISK,  /* it did not take the file */
    MEDIA_STORE, /* it did not take the record that names the file */
    MEDIA_REASONS,
};

/* So many records stay without; rc: what media_keep, on_kept or the record's outcome had, or
 * SL_E_LIMIT: MEDIA_RATE. */
void media_leave_out(struct media *m, int rc, uint32_t records);

struct media_stats {
    uint64_t kept;  /* pictures written */
    uint64_t bytes; /* of all that is there: counted once, beside the rest, then kept up */
    uint64_t left_out[MEDIA_REASONS];
};

void media_get_stats(const struct media *m, struct media_stats *out);

/* GET /media/NAME; `user` is the struct media. */
#define MEDIA_ROUTES 1
extern const sl_route media_routes[MEDIA_ROUTES];

#endif
