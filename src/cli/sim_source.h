/* SPDX-License-Identifier: MIT */
/*
 * Where a camera's pictures come from, apart from whom it tells of them: today a scene that is
 * drawn, one day a lens.
 */
#ifndef CLI_SIM_SOURCE_H
#define CLI_SIM_SOURCE_H

#include "sluice/buf.h"

#define SIGHTINGS_MAX 4

/* A defect in a picture; its box in pixels. */
struct sighting {
    const char *type;
    double confidence; /* 0 to 1 */
    int x, y, w, h;
};

struct view {
    sl_buf *jpeg; /* the taker's reference */
    int width, height;
    struct sighting seen[SIGHTINGS_MAX];
    int n;
};

/* One source may serve several cameras, each on its own thread. */
struct source {
    /* The picture of that moment. returns 0; SL_E_NOMEM; SL_E_INVAL: it cannot be made */
    int (*take)(struct source *s, uint64_t at_ms, struct view *out);
    void (*free)(struct source *s);
};

/*
 * The scene of sim_scene.h. A picture is drawn and compressed when it is first wanted and then
 * kept, up to a bound, for every camera that comes to the same moment.
 *
 * fps      how many different pictures there are in a second
 * returns  0 or SL_E_NOMEM
 */
int source_synthetic_new(int width, int height, int fps, struct source **out) SL_MUST_USE;

#define SOURCE_KEPT_BYTES_MAX (64 * 1024 * 1024)

#endif
