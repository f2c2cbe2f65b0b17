/* SPDX-License-Identifier: MIT */
/*
 * Shapes: what a message must look like, as data. A field is a row; reading a message by its
 * shape gives each field's value at its row's place, or one sentence naming the field.
 *
 * Members that no row names are none of the shape's business: they are kept and relayed. A
 * member that is null counts as absent.
 *
 * thread   any; nothing here has state
 */
#ifndef HUB_SHAPE_H
#define HUB_SHAPE_H

#include "sluice/json.h"

#include "base/clock.h"

enum field_type {
    FIELD_TEXT,   /* min, max: bytes; holds no NUL, no lone surrogate */
    FIELD_OPAQUE, /* the same, but never looked into: pictures */
    FIELD_ID,     /* text or a number as it is written; min, max: bytes */
    FIELD_NUMBER, /* min, max: value */
    FIELD_WHOLE,  /* digits only; min, max: value */
    FIELD_BOOL,
    FIELD_TIME,   /* ISO 8601, see wall_parse */
    FIELD_ARRAY,  /* of objects of the shape `each`, or of anything; min, max: items */
    FIELD_OBJECT, /* of the shape `each`, or any */
    FIELD_ANY,
};

enum {
    FIELD_REQUIRED = 1 << 0,
    FIELD_LENIENT = 1 << 1,     /* a value that is wrong counts as absent */
    FIELD_DEVICE_TIME = 1 << 2, /* when it happened, by the device's clock */
};

struct shape;

struct field {
    const char *name;
    enum field_type type;
    unsigned flags;
    double min, max;           /* both 0: no bound */
    const char *alias;         /* another spelling; `name` wins if both are there */
    const char *const *one_of; /* NULL-terminated texts; else NULL */
    const struct shape *each;
};

#define SHAPE_FIELDS_MAX 16

struct shape {
    const struct field *field;
    uint32_t n; /* at most SHAPE_FIELDS_MAX */
};

#define SHAPE(rows)                           \
    {                                         \
        (rows), sizeof(rows) / sizeof *(rows) \
    }

/* A message's values by row; type SL_JSON_NONE where there is none. Borrows from the document.
 */
struct fields {
    sl_value value[SHAPE_FIELDS_MAX];
};

/*
 * returns  0; SL_E_INVAL: `err` names the field in `where` ("detections[2].confidence") and
 *          says what was expected; SL_E_NOMEM
 */
int shape_read(const struct shape *s, sl_value object, struct fields *out,
               sl_error *err) SL_MUST_USE;

/* Room for any text of at most `max` bytes, whichever way it was escaped. */
#define FIELD_ROOM(max) (6 * (max))

static inline bool fields_has(const struct fields *f, uint32_t row)
{
    return sl_value_type(f->value[row]) != SL_JSON_NONE;
}

/*
 * A text without its escapes, a number as it is written.
 *
 * out      points into the document or into `room`; ptr NULL if there is none
 * returns  false: larger than `size`, or no text
 */
bool fields_text(const struct fields *f, uint32_t row, char *room, size_t size, sl_str *out);

/* false if there is none */
bool fields_time(const struct fields *f, uint32_t row, struct wall *out);

/* The value of the row that is the device's time. false if there is none */
bool shape_device_time(const struct shape *s, const struct fields *f, struct wall *out);

#endif
