/* SPDX-License-Identifier: MIT */
/*
 * The part of YAML that a configuration needs, as a small tree that knows its places: maps
 * with text keys, lists, and scalars that stay text. Anchors, aliases, tags and several
 * documents in one file are refused, and so are keys that come twice.
 */
#ifndef CLI_YAML_TREE_H
#define CLI_YAML_TREE_H

#include "base/arena.h"
#include "cli/report.h"

#define YAML_BYTES_MAX (1024 * 1024)
#define YAML_DEPTH_MAX 8
#define YAML_NODES_MAX 10000

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    int line, column; /* from 1 */
    bool is_bare;     /* a scalar without quotes: when empty, nothing was written */
    sl_str text;      /* of a scalar; terminated */
    const char *key;  /* inside a map */
    int key_line, key_column;
    struct yaml_node *first, *next; /* children; the one behind */
};

/*
 * Read a whole file's text.
 *
 * name     of the file, for complaints: "NAME:LINE:COLUMN: sentence"
 * out      the root; NULL when the text holds nothing but comments
 * returns  0, SL_E_INVAL after a complaint, or SL_E_NOMEM
 */
int yaml_read(const char *name, sl_str text, struct arena *a, struct report *r,
              struct yaml_node **out) SL_MUST_USE;

#endif
