/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 40 /* longer words are near to nothing */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance: letters to insert, leave out or change. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b);

    if (la > WORD_MAX || lb > WORD_MAX) return WORD_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];

            row[j] = least(least(row[j - 1], above) + 1, corner + (a[i - 1] != b[j - 1]));
            corner = above;
        }
    }
    return row[lb];
}

const char *nearest(const char *word, const char *(*name)(const void *rows, size_t i),
                    const void *rows, size_t n)
{
    const char *best = NULL;
    size_t best_distance = 1 + strlen(word) / 3;

    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, name(rows, i));

        if (d > best_distance || (best != NULL && d == best_distance)) continue;
        best = name(rows, i);
        best_distance = d;
    }
    return best;
}

static const char *name_of_row(const void *rows, size_t i)
{
    return ((const struct option *)rows)[i].name;
}

static const struct option *find_row(const struct option *rows, size_t n, const char *arg,
                                     size_t len)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, arg, len) == 0) return &rows[i];
    }
    return NULL;
}

static bool read_number(const struct option *o, const char *value)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || v < o->min || v > o->max) {
        fprintf(stderr, "sluice: %s takes a whole number from %lld to %lld, not '%s'\n",
                o->name, (long long)o->min, (long long)o->max, value);
        return false;
    }
    *(int64_t *)o->into = v;
    return true;
}

static bool read_choice(const struct option *o, const char *value)
{
    const char *at = o->words;

    for (int i = 0;; i++) {
        size_t len = strcspn(at, "|");

        if (strlen(value) == len && memcmp(at, value, len) == 0) {
            *(int *)o->into = i;
            return true;
        }
        if (at[len] == '\0') break;
        at += len + 1;
    }
    fprintf(stderr, "sluice: %s is one of %s, not '%s'\n", o->name, o->words, value);
    return false;
}

static bool add_item(const struct option *o, const char *value)
{
    struct option_list *list = o->into;

    if (list->n == OPTION_LIST_MAX) {
        fprintf(stderr, "sluice: %s may be given %d times at most\n", o->name, OPTION_LIST_MAX);
        return false;
    }
    list->item[list->n++] = value;
    return true;
}

static bool take(const struct option *o, const char *value)
{
    switch (o->kind) {
    case OPTION_SWITCH:
    case OPTION_TEXT: *(const char **)o->into = value; return true;
    case OPTION_LIST: return add_item(o, value);
    case OPTION_NUMBER: return read_number(o, value);
    case OPTION_CHOICE: return read_choice(o, value);
    }
    return false;
}

static void refuse(const char *command, const struct option *rows, size_t n, const char *arg,
                   size_t len)
{
    char word[WORD_MAX + 1];
    const char *near;

    snprintf(word, sizeof word, "%.*s", (int)least(len, WORD_MAX), arg);
    near = nearest(word, name_of_row, rows, n);
    fprintf(stderr, "sluice: there is no option '%s'", word);
    if (near != NULL) fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, " See: sluice %s --help\n", command);
}

bool options_read(const char *command, const struct option *rows, size_t n, int argc,
                  char **argv)
{
    for (int i = 0; i < argc; i++) {
        size_t len = strcspn(argv[i], "=");
        const struct option *o = find_row(rows, n, argv[i], len);
        const char *value;

        if (o == NULL) {
            refuse(command, rows, n, argv[i], len);
            return false;
        }
        if (argv[i][len] == '=') {
            value = argv[i] + len + 1;
        } else if (o->kind == OPTION_SWITCH) {
            value = "true";
        } else if (i + 1 < argc) {
            value = argv[++i];
        } else {
            fprintf(stderr, "sluice: %s needs a value: %s %s\n", o->name, o->name, o->word);
            return false;
        }
        if (!take(o, value)) return false;
    }
    return true;
}

void options_print(const struct option *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char left[WORD_MAX];

        snprintf(left, sizeof left, "%s %s", rows[i].name, rows[i].word);
        printf("  %-24s %s\n", left, rows[i].help);
    }
}
