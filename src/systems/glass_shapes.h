/* SPDX-License-Identifier: MIT */
/* What the messages of glass look like, and which row of its shape is which field. */
#ifndef SYSTEMS_GLASS_SHAPES_H
#define SYSTEMS_GLASS_SHAPES_H

#include "hub/system.h"

#define DEFECT_TYPE_MAX 200 /* bytes, as the next two */
#define IMAGE_PLACE_MAX 2048
#define NOTES_MAX       4096
#define LIST_MAX        1000 /* detections of one request */

extern const struct shape glass_register_shape; /* contract 1.2, 1.4 */
enum { REGISTER_DEVICE };

extern const struct shape glass_viewer_shape;
enum { VIEWER_KIND };

extern const struct shape glass_frame_shape;
enum { FRAME_DEVICE, FRAME_FRAME };

/* The same in a message of its own and in a list; there "type" may stand for defect_type. */
extern const struct shape glass_detection_shape, glass_item_shape;
enum { DETECTION_DEVICE, DETECTION_TYPE, DETECTION_CONFIDENCE };

extern const struct shape glass_list_shape;
enum { LIST_DEVICE, LIST_DETECTIONS };

/* Contract §2; a device's id under the name that it has there. */
#define ROLE_MAX 64
extern const struct shape glass_hello_shape, glass_older_shape, glass_status_shape;
enum { HELLO_DEVICE, HELLO_ROLE };
enum { STATUS_DEVICE };

extern const struct shape glass_shot_shape;
enum { SHOT_DEVICE, SHOT_IMAGE, SHOT_MIME, SHOT_TIME, SHOT_DEFECTS };

/* A row as it is inserted, and some of its columns as they are edited. */
extern const struct shape glass_defect_shape, glass_edit_shape;
enum {
    DEFECT_DEVICE,
    DEFECT_TYPE,
    DEFECT_AT,
    DEFECT_IMAGE_URL,
    DEFECT_IMAGE_PATH,
    DEFECT_STATUS,
    DEFECT_CONFIDENCE,
    DEFECT_NOTES,
};

#endif
