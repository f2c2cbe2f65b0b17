/* SPDX-License-Identifier: MIT */
#include "systems/glass_shapes.h"

#include "systems/glass_cameras.h"

static const char *const statuses[] = {"pending", "reviewed", "resolved", NULL};

/* clang-format off */
#define DEVICE(flags)     {"device_id", FIELD_ID, (flags), 0, DEVICE_ID_MAX}
#define TYPE(flags)       {"defect_type", FIELD_TEXT, (flags), 1, DEFECT_TYPE_MAX}
#define CONFIDENCE        {"confidence", FIELD_NUMBER, 0, 0, 1}
#define TIME_AS(name)     {(name), FIELD_TIME, FIELD_DEVICE_TIME}

/* name, type, flags, min, max */
static const struct field register_rows[] = {
    [REGISTER_DEVICE] = DEVICE(0),
};
static const struct field viewer_rows[] = {
    [VIEWER_KIND] = {"client_type", FIELD_ANY},
};
static const struct field frame_rows[] = {
    [FRAME_DEVICE] = {"device_id", FIELD_ID, FIELD_LENIENT, 0, DEVICE_ID_MAX},
    [FRAME_FRAME]  = {"frame", FIELD_OPAQUE, FIELD_REQUIRED, 1, 64.0 * 1024 * 1024},
};
static const struct field detection_rows[] = {
    [DETECTION_DEVICE]     = DEVICE(0),
    [DETECTION_TYPE]       = TYPE(FIELD_REQUIRED),
    [DETECTION_CONFIDENCE] = CONFIDENCE,
    TIME_AS("timestamp"),
};
static const struct field item_rows[] = {
    [DETECTION_DEVICE]     = DEVICE(0),
    [DETECTION_TYPE]       = {"defect_type", FIELD_TEXT, FIELD_REQUIRED, 1, DEFECT_TYPE_MAX, "type"},
    [DETECTION_CONFIDENCE] = CONFIDENCE,
    TIME_AS("timestamp"),
};
static const struct field list_rows[] = {
    [LIST_DEVICE]     = DEVICE(0),
    [LIST_DETECTIONS] = {"detections", FIELD_ARRAY, FIELD_REQUIRED, 0, LIST_MAX, NULL, NULL, &glass_item_shape},
    TIME_AS("timestamp"),
};

#define OLDER_DEVICE {"deviceId", FIELD_ID, FIELD_LENIENT, 0, DEVICE_ID_MAX}
static const struct field hello_rows[] = {
    [HELLO_DEVICE] = OLDER_DEVICE,
    [HELLO_ROLE]   = {"role", FIELD_TEXT, FIELD_LENIENT, 0, ROLE_MAX},
};
static const struct field older_rows[] = {
    [REGISTER_DEVICE] = OLDER_DEVICE,
};
static const struct field status_rows[] = {
    [STATUS_DEVICE] = {"deviceId", FIELD_ANY},
};
static const struct field shot_rows[] = {
    [SHOT_DEVICE]  = OLDER_DEVICE,
    [SHOT_IMAGE]   = {"image", FIELD_OPAQUE, FIELD_REQUIRED, 1, 64.0 * 1024 * 1024},
    [SHOT_MIME]    = {"mime", FIELD_TEXT, FIELD_LENIENT, 0, 256},
    [SHOT_TIME]    = {"time", FIELD_ANY},
    [SHOT_DEFECTS] = {"defects", FIELD_ANY},
};

#define DEFECT_ROWS(required)                                                            \
    [DEFECT_DEVICE]     = {"device_id", FIELD_ID, (required), 1, DEVICE_ID_MAX},         \
    [DEFECT_TYPE]       = TYPE(required),                                                \
    [DEFECT_AT]         = TIME_AS("detected_at"),                                        \
    [DEFECT_IMAGE_URL]  = {"image_url", FIELD_TEXT, 0, 0, IMAGE_PLACE_MAX},              \
    [DEFECT_IMAGE_PATH] = {"image_path", FIELD_TEXT, 0, 0, IMAGE_PLACE_MAX},             \
    [DEFECT_STATUS]     = {"status", FIELD_TEXT, 0, 0, 0, NULL, statuses},               \
    [DEFECT_CONFIDENCE] = CONFIDENCE,                                                    \
    [DEFECT_NOTES]      = {"notes", FIELD_TEXT, 0, 0, NOTES_MAX}

static const struct field defect_rows[] = {DEFECT_ROWS(FIELD_REQUIRED)};
static const struct field edit_rows[] = {DEFECT_ROWS(0)};
/* clang-format on */

const struct shape glass_register_shape = SHAPE(register_rows);
const struct shape glass_viewer_shape = SHAPE(viewer_rows);
const struct shape glass_frame_shape = SHAPE(frame_rows);
const struct shape glass_detection_shape = SHAPE(detection_rows);
const struct shape glass_item_shape = SHAPE(item_rows);
const struct shape glass_list_shape = SHAPE(list_rows);
const struct shape glass_hello_shape = SHAPE(hello_rows);
const struct shape glass_older_shape = SHAPE(older_rows);
const struct shape glass_status_shape = SHAPE(status_rows);
const struct shape glass_shot_shape = SHAPE(shot_rows);
const struct shape glass_defect_shape = SHAPE(defect_rows);
const struct shape glass_edit_shape = SHAPE(edit_rows);
