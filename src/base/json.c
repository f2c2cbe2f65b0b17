/* SPDX-License-Identifier: MIT */
/*
 * The reader. It walks along the entries of the index, not along the text: keys, strings and
 * containers cost an entry each whatever their length, only numbers and literals are looked
 * at byte by byte. No recursion: an open container's `next` holds the number of the container
 * around it until its end is known.
 */
#include "sluice/json.h"

#include "base/alloc.h"
#include "base/json_inside.h"

#define NODES_DEFAULT 1000000
#define NODES_FIRST   64
#define PIECE         16384 /* bytes scanned at a time when no index came with the text */
#define NO_NODE       UINT32_MAX

struct reader {
    struct cursor c;
    sl_json *doc;
    uint32_t depth, depth_max, nodes_max;
    uint32_t open; /* the innermost open container */
    /* the first thing that was wrong */
    int rc;
    uint32_t at;
    const char *why;
};

/* Remember what is wrong. returns false, so that a caller can pass it on */
static bool wrong(struct reader *r, int rc, uint32_t at, const char *why)
{
    if (r->c.rc < 0) return false; /* the scan stopped: that is the reason */
    r->rc = rc;
    r->at = at;
    r->why = why;
    return false;
}

static bool grow(struct reader *r)
{
    sl_json *doc = r->doc;
    uint32_t cap = doc->cap < NODES_FIRST ? NODES_FIRST : doc->cap * 2;

    if (doc->n >= r->nodes_max) {
        wrong(r, SL_E_TOO_BIG, r->at, "more values than the limit");
        return false;
    }
    if (cap > r->nodes_max || cap < doc->cap) cap = r->nodes_max;
    sl_json_node *node = sl__realloc(doc->node, (size_t)cap * sizeof *node);
    if (node == NULL) return wrong(r, SL_E_NOMEM, r->at, "out of memory");
    doc->node = node;
    doc->cap = cap;
    return true;
}

static inline sl_json_node *push(struct reader *r, uint32_t at, uint32_t len, sl_json_type type)
{
    sl_json *doc = r->doc;

    if (__builtin_expect(doc->n == doc->cap || doc->n >= r->nodes_max, 0)) {
        r->at = at;
        if (!grow(r)) return NULL;
    }
    sl_json_node *node = &doc->node[doc->n++];
    *node = (sl_json_node){.at = at, .len = len, .next = doc->n, .type = (uint8_t)type};
    return node;
}

static inline bool read_string(struct reader *r, uint32_t at, bool key)
{
    uint32_t end = cursor_next(&r->c), where = r->c.len;
    bool escaped = false;

    if (__builtin_expect(cursor_byte(&r->c, end) != '"', 0)) {
        end = json_skip_escapes(&r->c, end, &where);
        escaped = true;
        if (end == UINT32_MAX && where < r->c.len)
            return wrong(r, SL_E_JSON, where,
                         "expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
        if (end == UINT32_MAX)
            return wrong(r, SL_E_JSON, where, "expected '\"' at the end of a string");
    }
    sl_json_node *node = push(r, at + 1, end - at - 1, SL_JSON_STRING);
    if (node == NULL) return false;
    node->key = key;
    node->escaped = escaped;
    return true;
}

static inline bool read_scalar(struct reader *r, uint32_t at)
{
    sl_json_type type;
    const uint8_t *text = r->c.text;

    if (at == r->c.len) return wrong(r, SL_E_JSON, at, "expected a value, found the end");
    const uint8_t *end = json_scalar_end(text + at, text + r->c.len, &type);
    if (end == NULL) return wrong(r, SL_E_JSON, at, "expected a value");
    return push(r, at, (uint32_t)(end - text) - at, type) != NULL;
}

static bool open_container(struct reader *r, uint32_t at, sl_json_type type)
{
    if (r->depth == r->depth_max)
        return wrong(r, SL_E_DEPTH, at, "nested deeper than the limit");
    sl_json_node *node = push(r, at, 0, type);
    if (node == NULL) return false;
    node->next = r->open;
    r->open = r->doc->n - 1;
    r->depth++;
    return true;
}

static void close_container(struct reader *r, uint32_t at)
{
    sl_json_node *node = &r->doc->node[r->open];

    r->open = node->next;
    r->depth--;
    node->len = at + 1 - node->at;
    node->next = r->doc->n;
}

/* A key and its colon; `at` is where the key should begin. */
static inline bool read_key(struct reader *r, uint32_t at)
{
    if (cursor_byte(&r->c, at) != '"')
        return wrong(r, SL_E_JSON, at, "expected '\"' and a key");
    if (!read_string(r, at, true)) return false;
    uint32_t colon = cursor_next(&r->c);
    if (cursor_byte(&r->c, colon) != ':')
        return wrong(r, SL_E_JSON, colon, "expected ':' after the key");
    return true;
}

/* Any number of containers that end here, then what must follow. false: done, or wrong */
static inline bool go_on(struct reader *r)
{
    for (;;) {
        uint32_t at = cursor_next(&r->c);
        uint8_t c = cursor_byte(&r->c, at);

        if (r->depth == 0) {
            if (at != r->c.len) wrong(r, SL_E_JSON, at, "expected the end behind the value");
            return false;
        }
        bool object = r->doc->node[r->open].type == SL_JSON_OBJECT;
        if (c == ',') return !object || read_key(r, cursor_next(&r->c));
        if (c != (object ? '}' : ']'))
            return wrong(r, SL_E_JSON, at,
                         object ? "expected ',' or '}'" : "expected ',' or ']'");
        close_container(r, at);
    }
}

/* One value; of a container only its beginning. false: wrong */
static void read_values(struct reader *r)
{
    for (;;) {
        uint32_t at = cursor_next(&r->c);
        uint8_t c = cursor_byte(&r->c, at);

    value:
        if (c == '"') {
            if (!read_string(r, at, false)) return;
        } else if (c == '{') {
            if (!open_container(r, at, SL_JSON_OBJECT)) return;
            at = cursor_next(&r->c);
            if (cursor_byte(&r->c, at) != '}') {
                if (!read_key(r, at)) return;
                continue;
            }
            close_container(r, at);
        } else if (c == '[') {
            if (!open_container(r, at, SL_JSON_ARRAY)) return;
            at = cursor_next(&r->c);
            c = cursor_byte(&r->c, at);
            if (c != ']') goto value;
            close_container(r, at);
        } else if (!read_scalar(r, at)) {
            return;
        }
        if (!go_on(r)) return;
    }
}

/* The memory for scanning, at most a piece's worth. */
static int lend_room(struct reader *r, size_t len)
{
    sl_json *doc = r->doc;
    uint32_t cap = (uint32_t)((len < PIECE ? len + 63 : PIECE) / 64 * 64) + 64;

    if (cap < 128) cap = 128;
    if (doc->piece_cap < cap) {
        uint32_t *piece = sl__realloc(doc->piece, cap * sizeof *piece);
        if (piece == NULL) return SL_E_NOMEM;
        doc->piece = piece;
        doc->piece_cap = cap;
    }
    cursor_lend(&r->c, doc->piece, doc->piece_cap);
    return 0;
}

static int fail(struct reader *r, int rc, sl_error *err)
{
    const char *why = r->why ? r->why : "not valid JSON";
    size_t at = r->at;

    if (rc == SL_E_UTF8) {
        at = json_find_bad_utf8(r->c.text, r->c.len);
        why = "expected a byte that continues valid UTF-8";
    } else if (rc == SL_E_JSON && r->rc == 0) { /* the scan refused it */
        at = json_find_bad(r->c.text, r->c.len, &why);
    } else if (rc == SL_E_NOMEM) {
        why = "out of memory";
    }
    r->doc->n = 0;
    sl_fail(err, rc, "json", "%s at byte %zu", why, at);
    if (err) err->offset = at;
    return rc;
}

int sl_json_read(sl_json *doc, sl_str text, const sl_json_index *index,
                 const sl_json_limits *limits, sl_error *err)
{
    struct reader r = {.doc = doc, .open = NO_NODE};

    r.depth_max = limits && limits->depth ? limits->depth : JSON_DEPTH_DEFAULT;
    r.nodes_max = limits && limits->nodes ? limits->nodes : NODES_DEFAULT;
    doc->text = text;
    doc->n = 0;
    int rc = cursor_init(&r.c, text, index);
    if (rc == SL_E_TOO_BIG) {
        doc->text = (sl_str){0};
        return sl_fail(err, rc, "json", "a text of 4 GiB or more");
    }
    if (rc == 0 && r.c.scanning) rc = lend_room(&r, text.len);
    if (rc < 0) return fail(&r, rc, err);

    read_values(&r);
    rc = r.c.rc < 0 ? r.c.rc : r.rc;
    return rc < 0 ? fail(&r, rc, err) : 0;
}

void sl_json_deinit(sl_json *doc)
{
    sl__free(doc->node);
    sl__free(doc->piece);
    *doc = (sl_json){0};
}
