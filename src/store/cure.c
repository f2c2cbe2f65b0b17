/* SPDX-License-Identifier: MIT */
#include "store/cure.h"

#include "sluice/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* code, HTTP status, what is wrong, what helps; the folder's name follows */
static const struct row {
    int rc, status;
    const char *cause, *cure;
} rows[] = {
    {-ENOSPC,   507, "the disk is full",                      "free space in"                       },
    {-EDQUOT,   507, "this user's share of the disk is full", "free space in"                       },
    {-EROFS,    503, "the disk is read-only",                 "make it writable:"                   },
    {-EACCES,   503, "this user may not write there",         "give it the right to"                },
    {-EIO,      503, "the disk reports an error",             "check it and the cable:"             },
    {-EUCLEAN,  503, "the database is damaged",               "stop the hub and restore a backup in"},
    {SL_E_BUSY, 503, "another program holds the database",    "close what has it open in"           },
};

static const struct row *find_row(int rc)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].rc == rc) return &rows[i];
    }
    return NULL;
}

bool cure_is_known(int rc)
{
    return find_row(rc) != NULL;
}

int cure_status(int rc)
{
    const struct row *row = find_row(rc);

    return row != NULL ? row->status : 503;
}

const char *cure_text(int rc, const char *path, char *buf, size_t size)
{
    const struct row *row = find_row(rc);
    const char *slash = strrchr(path, '/');

    if (row == NULL) return sl_strerror(rc, buf, size);
    if (slash == NULL) {
        snprintf(buf, size, "%s: %s the hub's data folder", row->cause, row->cure);
    } else {
        int len = slash == path ? 1 : (int)(slash - path);

        snprintf(buf, size, "%s: %s %.*s", row->cause, row->cure, len, path);
    }
    return buf;
}
