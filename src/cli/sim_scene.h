/* SPDX-License-Identifier: MIT */
/* What the simulated camera sees: panes of glass on a belt, some of them with a defect. */
#ifndef CLI_SIM_SCENE_H
#define CLI_SIM_SCENE_H

#include "sluice/err.h"

#include <stdint.h>

struct scene {
    int width, height;
    uint8_t *rgb; /* width * height * 3, row by row */
};

/* A defect under the inspection line. */
struct sighting {
    const char *type; /* NULL: none */
    double confidence;
};

int scene_init(struct scene *s, int width, int height); /* 0 or SL_E_NOMEM */
void scene_deinit(struct scene *s);

/* Draw the belt as it is `ms` after the start; the same moment always looks the same. */
struct sighting scene_draw(struct scene *s, uint64_t ms);

#endif
