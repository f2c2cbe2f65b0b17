/* SPDX-License-Identifier: MIT */
/* The text of a frame, as devices send it, and the picture that it stands for. */
#ifndef HUB_FRAMES_PICTURE_H
#define HUB_FRAMES_PICTURE_H

#include "sluice/buf.h"

/* What its bytes say it is; the numbers are the live wire's. */
enum picture_kind { PICTURE_NONE, PICTURE_JPEG, PICTURE_PNG, PICTURE_WEBP };

enum picture_kind picture_kind_of(sl_str bytes);
const char *picture_type(enum picture_kind kind); /* "image/jpeg" … */

/*
 * Base64 to bytes.
 *
 * text     base64 as it lies between a JSON string's quotes: escapes are resolved, and
 *          "data:image/…;base64," may be in front
 * front    bytes that are left free in front of the picture, for the caller to fill
 * out      one reference: its data is `front` bytes and then the picture; NULL on an error
 * returns  0; SL_E_INVAL with one sentence in `why`; SL_E_NOMEM
 * thread   any; costs about a millisecond per megabyte
 */
int picture_decode(sl_str text, size_t front, sl_buf **out, enum picture_kind *kind,
                   const char **why) SL_MUST_USE;

#endif
