/* SPDX-License-Identifier: MIT */
/* From a file's name to its media type. */
#ifndef SERVE_FILE_TYPE_H
#define SERVE_FILE_TYPE_H

#include "sluice/buf.h"

#include <stdbool.h>

struct file_type {
    const char *suffix, *type;
    bool packs; /* gzip makes it smaller: a twin beside it is looked for */
};

/* By the last suffix, in any case; application/octet-stream if it is unknown. */
const struct file_type *file_type_of(sl_str path);

#endif
