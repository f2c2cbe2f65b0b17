/* SPDX-License-Identifier: MIT */
/* What the simulated camera sees: panes of glass on a belt, some of them with defects. */
#ifndef CLI_SIM_SCENE_H
#define CLI_SIM_SCENE_H

#include "cli/sim_source.h"

#define SCENE_LOOP_MS 16000 /* then the same panes come again, picture for picture */

struct scene {
    int width, height;
    uint8_t *rgb; /* width * height * 3, row by row */
};

int scene_init(struct scene *s, int width, int height); /* 0 or SL_E_NOMEM */
void scene_deinit(struct scene *s);

/* Draw the belt as it is `ms` after the start, with boxes as the device draws them. */
void scene_draw(struct scene *s, uint64_t ms);

/* What is under the inspection line at that moment. returns how many */
int scene_look(int width, int height, uint64_t ms, struct sighting seen[SIGHTINGS_MAX]);

#endif
