/* SPDX-License-Identifier: MIT */
/*
 * The picture of a detection that has none of its own: the camera's newest frame, if it came
 * within five seconds before, contract 5.4. The detection is not held up for it:
 *
 *   detection ─► shot taken ─► commit, told ─► file written ─► record: rows get its URL ─► told
 *
 * What a camera sends within a second shares one shot: one file, and a record for all that came
 * while the one before was on its way. The file is on the disk before any row names it; the
 * device's own picture always wins.
 *
 * thread   the loop's, but for the record's hook
 */
#ifndef SYSTEMS_GLASS_PICTURES_H
#define SYSTEMS_GLASS_PICTURES_H

#include "systems/glass_live.h"

#define PICTURE_FRESH_US       5000000 /* a frame this old is still a detection's */
#define PICTURE_APART_US       1000000 /* between two shots of a camera: cards wear out */
#define PICTURE_DETECTIONS_MAX 256     /* of one shot; the others stay without */
#define PICTURE_TEXT_MAX       (32 * 1024 * 1024) /* bytes held until the commit, all cameras */

/*
 * A detection has come in: the shot that is its picture, taken now if need be. Call
 * shots_attach with it once the detection is stored.
 *
 * returns  0: it has none
 */
uint64_t shots_take(struct glass *g, struct camera *cam, struct wall now);

/*
 * `n` detections of this camera are stored, in rows that follow each other.
 *
 * shot     what shots_take returned for them, not 0
 * last     the number of the last row
 */
void shots_attach(struct glass *g, struct camera *cam, uint64_t shot, int64_t last, uint32_t n);

/* After the loop: nothing is on its way any more. */
void shots_stop(struct glass *g);

/* {"url":"/media/…","seqs":[…]}: MERGED with the rows that have it now, as JSON array. */
extern const struct record_kind glass_picture;

#endif
