/* SPDX-License-Identifier: MIT */
#include "cli/yaml_tree.h"

#include "base/str.h"

#include <yaml.h>

#include <string.h>

/* An open map or list. */
struct level {
    struct yaml_node *node;
    struct yaml_node **end; /* where the next child goes */
    struct yaml_node *key;  /* a map's key that waits for its value */
};

struct reader {
    const char *name;
    struct arena *arena;
    struct report *report;
    struct level level[YAML_DEPTH_MAX];
    int depth, nodes, documents;
    struct yaml_node *root;
};

static int refuse(struct reader *r, yaml_mark_t at, const char *sentence)
{
    report(r->report, "%s:%zu:%zu: %s", r->name, at.line + 1, at.column + 1, sentence);
    return SL_E_INVAL;
}

/* ---- building ---- */

static int check_key(struct reader *r, const struct level *l, const struct yaml_node *key,
                     yaml_mark_t at)
{
    if (key->kind != YAML_SCALAR) return refuse(r, at, "a key must be a plain word");
    if (memchr(key->text.ptr, '\0', key->text.len) != NULL)
        return refuse(r, at, "a key must not hold a NUL character");
    for (const struct yaml_node *n = l->node->first; n != NULL; n = n->next) {
        if (strcmp(n->key, key->text.ptr) != 0) continue;
        report(r->report,
               "%s:%zu:%zu: the key %.60s is here twice; it was given in line %d already",
               r->name, at.line + 1, at.column + 1, n->key, n->key_line);
        return SL_E_INVAL;
    }
    return 0;
}

/* Put a node where it belongs; in a map every other one is a key. */
static int attach(struct reader *r, struct yaml_node *n, yaml_mark_t at)
{
    struct level *l = r->depth > 0 ? &r->level[r->depth - 1] : NULL;

    if (l == NULL) {
        r->root = n;
        return 0;
    }
    if (l->node->kind == YAML_MAP && l->key == NULL) {
        int rc = check_key(r, l, n, at);

        l->key = n;
        return rc;
    }
    if (l->node->kind == YAML_MAP) {
        n->key = l->key->text.ptr;
        n->key_line = l->key->line;
        n->key_column = l->key->column;
        l->key = NULL;
    }
    *l->end = n;
    l->end = &n->next;
    return 0;
}

static int add_node(struct reader *r, enum yaml_kind kind, const yaml_event_t *e,
                    struct yaml_node **out)
{
    struct yaml_node *n;

    if (++r->nodes > YAML_NODES_MAX)
        return refuse(r, e->start_mark, "the file has more entries than a configuration needs");
    n = arena_zalloc(r->arena, sizeof *n);
    if (n == NULL) return SL_E_NOMEM;
    n->kind = kind;
    n->line = (int)e->start_mark.line + 1;
    n->column = (int)e->start_mark.column + 1;
    *out = n;
    return 0;
}

static int refuse_marks(struct reader *r, const yaml_event_t *e, const yaml_char_t *anchor,
                        const yaml_char_t *tag)
{
    if (anchor != NULL)
        return refuse(r, e->start_mark,
                      "anchors (&name) are not used here: write the value out");
    if (tag != NULL)
        return refuse(r, e->start_mark,
                      "tags (!name) are not used here: write the plain value");
    return 0;
}

static int take_scalar(struct reader *r, const yaml_event_t *e)
{
    sl_str text = {(const char *)e->data.scalar.value, e->data.scalar.length};
    struct yaml_node *n;
    int rc = refuse_marks(r, e, e->data.scalar.anchor, e->data.scalar.tag);

    if (rc == 0) rc = add_node(r, YAML_SCALAR, e, &n);
    if (rc < 0) return rc;
    n->is_bare = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->text = arena_copy(r->arena, text);
    if (n->text.ptr == NULL) return SL_E_NOMEM;
    return attach(r, n, e->start_mark);
}

static int begin(struct reader *r, const yaml_event_t *e, enum yaml_kind kind,
                 const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct yaml_node *n;
    int rc = refuse_marks(r, e, anchor, tag);

    if (rc == 0 && r->depth == YAML_DEPTH_MAX)
        rc = refuse(r, e->start_mark, "this is nested deeper than a configuration needs");
    if (rc == 0) rc = add_node(r, kind, e, &n);
    if (rc == 0) rc = attach(r, n, e->start_mark);
    if (rc < 0) return rc;
    r->level[r->depth++] = (struct level){.node = n, .end = &n->first};
    return 0;
}

/* ---- events ---- */

static int take_event(struct reader *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return take_scalar(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return begin(r, e, YAML_LIST, e->data.sequence_start.anchor,
                     e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return begin(r, e, YAML_MAP, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: r->depth--; return 0;
    case YAML_ALIAS_EVENT:
        return refuse(r, e->start_mark,
                      "aliases (*name) are not used here: write the value out");
    case YAML_DOCUMENT_START_EVENT:
        if (++r->documents > 1)
            return refuse(r, e->start_mark,
                          "a second document begins here: one file, one document");
        return 0;
    default: return 0;
    }
}

/* What libyaml did not understand. Bytes that are no characters have no place but an offset. */
static int complain(struct reader *r, const yaml_parser_t *p)
{
    if (p->error == YAML_MEMORY_ERROR) return SL_E_NOMEM;
    if (p->error == YAML_READER_ERROR) {
        report(r->report, "%s: byte %zu is no text: %s", r->name, p->problem_offset,
               p->problem ? p->problem : "not UTF-8");
        return SL_E_INVAL;
    }
    report(r->report, "%s:%zu:%zu: this is not YAML: %s%s%s", r->name, p->problem_mark.line + 1,
           p->problem_mark.column + 1, p->problem ? p->problem : "it cannot be read",
           p->context ? " " : "", p->context ? p->context : "");
    return SL_E_INVAL;
}

static int read_events(struct reader *r, yaml_parser_t *p)
{
    for (bool is_end = false; !is_end;) {
        yaml_event_t e;
        int rc;

        if (!yaml_parser_parse(p, &e)) return complain(r, p);
        rc = take_event(r, &e);
        is_end = e.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
        if (rc < 0) return rc;
    }
    return 0;
}

int yaml_read(const char *name, sl_str text, struct arena *a, struct report *r,
              struct yaml_node **out)
{
    struct reader reader = {.name = name, .arena = a, .report = r};
    yaml_parser_t p;
    int rc;

    *out = NULL;
    if (text.len > YAML_BYTES_MAX) {
        report(r, "%s: the file is larger than 1 MiB", name);
        return SL_E_INVAL;
    }
    if (!yaml_parser_initialize(&p)) return SL_E_NOMEM;
    yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p, (const unsigned char *)text.ptr, text.len);
    rc = read_events(&reader, &p);
    yaml_parser_delete(&p);
    if (rc == 0) *out = reader.root;
    return rc;
}
