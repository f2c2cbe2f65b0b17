/* SPDX-License-Identifier: MIT */
#include "cli/sim_source.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "cli/sim_scene.h"

#include <turbojpeg.h>

#include <pthread.h>

#define JPEG_QUALITY 80

/* The loop of the scene as a row of moments: | 0 | 1 | … | n - 1 |, then 0 again */
struct reel {
    struct source source; /* first: a reel is a source */
    pthread_mutex_t lock; /* of everything below but fps and n */
    struct scene scene;
    tjhandle jpeg;
    unsigned char *room; /* for one picture as it is compressed */
    int fps;
    uint64_t n;
    size_t kept_bytes;
    sl_buf *kept[]; /* NULL: not made yet, or too much to keep */
};

static sl_buf *make_picture(struct reel *r, uint64_t at_ms, int *rc)
{
    unsigned long len = tjBufSize(r->scene.width, r->scene.height, TJSAMP_420);
    sl_buf *made;

    scene_draw(&r->scene, at_ms);
    *rc = SL_E_INVAL;
    if (tjCompress2(r->jpeg, r->scene.rgb, r->scene.width, 0, r->scene.height, TJPF_RGB,
                    &r->room, &len, TJSAMP_420, JPEG_QUALITY, TJFLAG_NOREALLOC)
        < 0) {
        SL_ERROR("sim", "msg=\"no picture\" cause=\"%s\"", tjGetErrorStr2(r->jpeg));
        return NULL;
    }
    made = sl_buf_copy((sl_str){(const char *)r->room, len});
    *rc = made != NULL ? 0 : SL_E_NOMEM;
    return made;
}

/* Under the lock: who comes second to a moment finds it made. */
static int take_picture(struct reel *r, uint64_t moment, uint64_t at_ms, sl_buf **out)
{
    size_t bytes;
    int rc;

    if (r->kept[moment] != NULL) {
        *out = sl_buf_hold(r->kept[moment]);
        return 0;
    }
    *out = make_picture(r, at_ms, &rc);
    if (*out == NULL) return rc;
    bytes = sl_buf_str(*out).len;
    if (bytes <= SOURCE_KEPT_BYTES_MAX - r->kept_bytes) {
        r->kept[moment] = sl_buf_hold(*out);
        r->kept_bytes += bytes;
    }
    return 0;
}

static int take(struct source *s, uint64_t at_ms, struct view *out)
{
    struct reel *r = (struct reel *)s;
    uint64_t moment = at_ms % SCENE_LOOP_MS * (uint64_t)r->fps / 1000;
    int rc;

    at_ms = moment * 1000 / (uint64_t)r->fps;
    *out = (struct view){.width = r->scene.width, .height = r->scene.height};
    out->n = scene_look(out->width, out->height, at_ms, out->seen);
    pthread_mutex_lock(&r->lock);
    rc = take_picture(r, moment, at_ms, &out->jpeg);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static void free_reel(struct source *s)
{
    struct reel *r = (struct reel *)s;

    for (uint64_t i = 0; i < r->n; i++)
        sl_buf_drop(r->kept[i]);
    scene_deinit(&r->scene);
    if (r->jpeg != NULL) tjDestroy(r->jpeg);
    sl__free(r->room);
    pthread_mutex_destroy(&r->lock);
    sl__free(r);
}

int source_synthetic_new(int width, int height, int fps, struct source **out)
{
    uint64_t n = SCENE_LOOP_MS * (uint64_t)fps / 1000;
    struct reel *r = sl__zalloc(sizeof *r + n * sizeof r->kept[0]);

    *out = NULL;
    if (r == NULL) return SL_E_NOMEM;
    r->source = (struct source){.take = take, .free = free_reel};
    pthread_mutex_init(&r->lock, NULL);
    r->fps = fps;
    r->n = n;
    r->jpeg = tjInitCompress();
    r->room = sl__alloc(tjBufSize(width, height, TJSAMP_420));
    if (scene_init(&r->scene, width, height) < 0 || r->jpeg == NULL || r->room == NULL) {
        free_reel(&r->source);
        return SL_E_NOMEM;
    }
    *out = &r->source;
    return 0;
}
