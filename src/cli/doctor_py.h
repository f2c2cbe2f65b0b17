/* SPDX-License-Identifier: MIT */
/*
 * A device's config.py, read without Python: the names it gives at the top level, and the
 * values of those that are plain texts or numbers. Nothing is executed.
 *
 *   NAME = "text"     NAME: int = 768     A = B = 1     A, B = 1, 2
 *   NAME = os.environ.get("X", "default")     os.getenv("X")     os.environ["X"]
 *
 * Of names that are given several times the last one counts, below `if` and `try` as well;
 * inside `def` and `class` none does.
 */
#ifndef CLI_DOCTOR_PY_H
#define CLI_DOCTOR_PY_H

#include "sluice/buf.h"
#include "sluice/err.h"

#include <stdbool.h>

#define PY_FILE_BYTES_MAX (256 * 1024)
#define PY_TEXT_SIZE      512

/* The names that the glass device wants, contract glass §7. */
enum py_name {
    PY_DEVICE_ID,
    PY_BACKEND_URL,
    PY_WIDTH,
    PY_HEIGHT,
    PY_MODEL_NAME,
    PY_ZOO_PATH,
    PY_DEVICE_TYPE,
    PY_MIN_CONFIDENCE,
    PY_UPLOAD_COOLDOWN,
    PY_SPATIAL_DIST,
    PY_SUPABASE_URL,
    PY_SUPABASE_KEY,
    PY_BUCKET_NAME,
    PY_NAMES
};

extern const char *const py_name_text[PY_NAMES];

enum py_kind {
    PY_ABSENT,
    PY_TEXT,
    PY_NUMBER,
    PY_NONE,   /* None */
    PY_LOOKUP, /* of the environment, without a default, and nothing is set there */
    PY_OTHER,  /* an expression that only Python can tell, or a text too long for us */
};

struct py_value {
    enum py_kind kind;
    char text[PY_TEXT_SIZE]; /* of PY_TEXT */
    double number;           /* of PY_NUMBER */
};

struct py_config {
    struct py_value value[PY_NAMES];
};

/* As getenv; tests have their own. */
typedef char *py_getenv_fn(const char *name);

/*
 * Read the text of a config.py.
 *
 * out      in any case what was found so far
 * returns  0; SL_E_INVAL: a text or bracket that never ends: the rest could not be read
 */
int py_config_read(sl_str text, py_getenv_fn *env, struct py_config *out) SL_MUST_USE;

#endif
