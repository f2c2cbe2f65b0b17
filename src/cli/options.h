/* SPDX-License-Identifier: MIT */
/* Command lines as tables: one row per option, which also is its line in the help. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTION_LIST_MAX 16

/* An option that may be given several times. */
struct option_list {
    const char *item[OPTION_LIST_MAX];
    int n;
};

enum option_kind {
    OPTION_TEXT,   /* const char * */
    OPTION_SWITCH, /* const char *: "true", or what stands behind "=" */
    OPTION_LIST,   /* struct option_list */
    OPTION_NUMBER, /* int64_t, from min to max */
    OPTION_CHOICE, /* int: which of the words in `words`, separated by '|' */
};

struct option {
    const char *name; /* "--listen" */
    const char *word; /* what its value is called in the help: "HOST:PORT" */
    const char *help;
    enum option_kind kind;
    void *into;
    int64_t min, max;
    const char *words;
};

/*
 * Read argv into the rows. "--name VALUE" and "--name=VALUE" are the same.
 *
 * returns  true; or false after a sentence on stderr: the caller ends with EX_USAGE
 */
bool options_read(const char *command, const struct option *rows, size_t n, int argc,
                  char **argv);

/* One line per row, on stdout. */
void options_print(const struct option *rows, size_t n);

/* The row whose name is nearest, or NULL when none is near. */
const char *nearest(const char *word, const char *(*name)(const void *rows, size_t i),
                    const void *rows, size_t n);

#endif
