/* SPDX-License-Identifier: MIT */
/* What a glass camera says, contract by contract the words of the original script. */
#ifndef CLI_SIM_WORDS_H
#define CLI_SIM_WORDS_H

#include "sluice/json.h"

#include "base/clock.h"
#include "cli/sim_source.h"

#include <stdbool.h>

/* The original's thresholds. */
#define WORDS_CONFIDENCE_MIN 0.5
#define WORDS_COOLDOWN_MS    2000
#define WORDS_PING_MS        30000

/* Each writes one message onto a reset `out`, whose rc tells. */
void words_register(sl_json_out *out, sl_str device);
void words_ping(sl_json_out *out);

/*
 * A detection as the original says it, and the box in pixels and the picture's size besides.
 * One without a box (w 0) has neither.
 */
void words_detection(sl_json_out *out, const struct sighting *seen, int width, int height,
                     struct wall at);

/* "2026-03-01T09:30:00.120000+00:00", as Python's isoformat writes it; returns buf */
#define WORDS_TIME_SIZE 48
const char *words_time(struct wall at, char buf[WORDS_TIME_SIZE]);

/* A picture's bytes. The text is put together in `room`, which grows. returns 0, SL_E_NOMEM */
struct words_room {
    char *ptr; /* free it with sl__free */
    size_t cap;
};
int words_frame(struct words_room *room, sl_str jpeg, sl_str *out) SL_MUST_USE;
/* The same with other words around it. */
int words_picture(struct words_room *room, sl_str head, sl_str jpeg, sl_str tail,
                  sl_str *out) SL_MUST_USE;

/* ---- when ---- */

/* Zeroed: nothing was told yet. */
struct cooldown {
    bool has_told;
    uint64_t told_ms;
};

/*
 * Which of a picture's sightings are to be told at this moment: those above the threshold, all
 * of them together, unless others were told within the last two seconds.
 *
 * due      their places in `v`
 * returns  how many; if any, the cooldown begins
 */
int words_due(struct cooldown *c, const struct view *v, uint64_t now_ms,
              int due[SIGHTINGS_MAX]);

#endif
