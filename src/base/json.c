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
    struct source source;
    sl_json *doc;
    uint32_t depth_max, nodes_max;
    uint32_t from; /* where the document begins */
    /* the first thing that was wrong */
    int rc;
    uint32_t at;
    const char *why;
};

/* Where the reader is; like the cursor, all in registers. */
struct walk {
    struct cursor c;
    sl_json_node *node;
    uint32_t n, cap;      /* nodes; cap: at most the limit */
    uint32_t open, depth; /* the innermost open container */
    bool object;          /* it is one */
};

/* Remember what is wrong. returns false, so that a caller can pass it on */
static __attribute__((cold)) bool wrong(struct reader *r, int rc, uint32_t at, const char *why)
{
    r->rc = rc;
    r->at = at;
    r->why = why;
    return false;
}

static uint32_t usable(const struct reader *r)
{
    return r->doc->cap < r->nodes_max ? r->doc->cap : r->nodes_max;
}

/* Room for one more node; `at` is where it would begin. */
static __attribute__((cold)) bool grow(struct reader *r, uint32_t at)
{
    sl_json *doc = r->doc;
    uint64_t cap = doc->cap ? 2 * (uint64_t)doc->cap : NODES_FIRST;

    if (doc->cap >= r->nodes_max)
        return wrong(r, SL_E_TOO_BIG, at, "more values than the limit");
    if (cap > r->nodes_max) cap = r->nodes_max;
    sl_json_node *node = sl__realloc(doc->node, (size_t)cap * sizeof *node);
    if (node == NULL) return wrong(r, SL_E_NOMEM, at, "out of memory");
    doc->node = node;
    doc->cap = (uint32_t)cap;
    return true;
}

JSON_INLINE bool push(struct reader *r, struct walk *w, sl_json_node node)
{
    if (__builtin_expect(w->n == w->cap, 0)) {
        if (!grow(r, node.at)) return false;
        w->node = r->doc->node;
        w->cap = usable(r);
    }
    w->node[w->n++] = node;
    return true;
}

static __attribute__((cold)) bool wrong_string(struct reader *r, uint32_t bad, uint32_t len)
{
    if (bad == len) return wrong(r, SL_E_JSON, bad, "expected '\"' at the end of a string");
    return wrong(r, SL_E_JSON, bad,
                 "expected an escape: one of \"\\/bfnrt, or u and four digits");
}

JSON_INLINE bool read_string(struct reader *r, struct walk *w, uint32_t at, bool key)
{
    uint8_t byte;
    uint32_t end = cursor_next(&w->c, &byte), bad = end;
    bool escaped = false;

    if (__builtin_expect(byte != '"', 0)) {
        escaped = byte == '\\';
        if (escaped) w->c = json_skip_escapes(w->c, end, &end, &bad);
        if (!escaped || end == UINT32_MAX) return wrong_string(r, bad, w->c.len);
    }
    return push(r, w,
                (sl_json_node){at + 1, end - at - 1, w->n + 1, SL_JSON_STRING, key, escaped});
}

JSON_INLINE bool read_scalar(struct reader *r, struct walk *w, uint32_t at)
{
    const uint8_t *text = w->c.text;
    sl_json_type type;

    if (at == w->c.len) return wrong(r, SL_E_JSON, at, "expected a value, found the end");
    const uint8_t *end = json_scalar_end(text + at, text + w->c.len, &type);
    if (end == NULL) return wrong(r, SL_E_JSON, at, "expected a value");
    uint32_t len = (uint32_t)(end - text) - at;
    return push(r, w, (sl_json_node){at, len, w->n + 1, (uint8_t)type, false, false});
}

JSON_INLINE bool open_container(struct reader *r, struct walk *w, uint32_t at, bool object)
{
    uint8_t type = object ? SL_JSON_OBJECT : SL_JSON_ARRAY;

    if (w->depth == r->depth_max)
        return wrong(r, SL_E_DEPTH, at, "nested deeper than the limit");
    if (!push(r, w, (sl_json_node){at, 0, w->open, type, false, false})) return false;
    w->open = w->n - 1;
    w->object = object;
    w->depth++;
    return true;
}

JSON_INLINE void close_container(struct walk *w, uint32_t at)
{
    sl_json_node *node = &w->node[w->open];

    w->open = node->next;
    w->depth--;
    node->len = at + 1 - node->at;
    node->next = w->n;
    w->object = w->depth > 0 && w->node[w->open].type == SL_JSON_OBJECT;
}

/* A key and its colon; `at` is where the key should begin, and what stands there. */
JSON_INLINE bool read_key(struct reader *r, struct walk *w, uint32_t at, uint8_t byte)
{
    if (byte != '"') return wrong(r, SL_E_JSON, at, "expected '\"' and a key");
    if (!read_string(r, w, at, true)) return false;
    uint32_t colon = cursor_next(&w->c, &byte);
    if (byte == ':') return true;
    return wrong(r, SL_E_JSON, colon, "expected ':' after the key");
}

/* Any number of containers that end here, then what must follow. false: done, or wrong */
JSON_INLINE bool go_on(struct reader *r, struct walk *w)
{
    for (;;) {
        uint8_t c;
        uint32_t at = cursor_next(&w->c, &c);

        if (w->depth == 0) {
            if (at == w->c.len) return false;
            return wrong(r, SL_E_JSON, at, "expected the end behind the value");
        }
        if (c == ',') {
            if (!w->object) return true;
            at = cursor_next(&w->c, &c);
            return read_key(r, w, at, c);
        }
        if (c != (w->object ? '}' : ']'))
            return wrong(r, SL_E_JSON, at,
                         w->object ? "expected ',' or '}'" : "expected ',' or ']'");
        close_container(w, at);
    }
}

/* One value after the other; of a container only its beginning. Ends at the end, or r->rc. */
JSON_INLINE uint32_t read_values(struct reader *r, struct cursor cursor)
{
    struct walk w = {.c = cursor, .node = r->doc->node, .cap = usable(r), .open = NO_NODE};

    for (;;) {
        uint8_t c;
        uint32_t at = cursor_next(&w.c, &c);

    value:
        if (c == '"') {
            if (!read_string(r, &w, at, false)) break;
        } else if (c == '{') {
            if (!open_container(r, &w, at, true)) break;
            at = cursor_next(&w.c, &c);
            if (c != '}') {
                if (!read_key(r, &w, at, c)) break;
                continue;
            }
            close_container(&w, at);
        } else if (c == '[') {
            if (!open_container(r, &w, at, false)) break;
            at = cursor_next(&w.c, &c);
            if (c != ']') goto value;
            close_container(&w, at);
        } else if (!read_scalar(r, &w, at)) {
            break;
        }
        if (!go_on(r, &w)) break;
    }
    return w.n;
}

/* The memory for scanning, at most a piece's worth. */
static int start_scan(struct reader *r, sl_str text, uint32_t from)
{
    sl_json *doc = r->doc;
    uint32_t cap = (uint32_t)((text.len < PIECE ? text.len + 63 : PIECE) / 64 * 64) + 64;

    if (cap < 128) cap = 128;
    if (doc->piece_cap < cap) {
        uint32_t *piece = sl__realloc(doc->piece, cap * sizeof *piece);
        if (piece == NULL) return SL_E_NOMEM;
        doc->piece = piece;
        doc->piece_cap = cap;
    }
    source_init(&r->source, text, from, doc->piece, doc->piece_cap);
    return 0;
}

/* Say where and why. What the scan refused comes first: the walk ended because of it. */
static __attribute__((cold)) int fail(struct reader *r, int rc, sl_error *err)
{
    const uint8_t *text = (const uint8_t *)r->doc->text.ptr;
    uint32_t len = (uint32_t)r->doc->text.len;
    const char *why = r->why ? r->why : "out of memory";
    size_t at = r->at;

    if (rc == SL_E_UTF8) {
        at = json_find_bad_utf8(text, r->from, len);
        why = "expected valid UTF-8";
    } else if (rc == SL_E_JSON && (r->source.rc < 0 || r->why == NULL)) {
        at = json_find_bad(text, r->from, len, &why);
    }
    r->doc->n = 0;
    sl_fail(err, rc, "json", "%s at byte %zu", why, at);
    if (err) err->offset = at;
    return rc;
}

/*
 * Whether an index of the whole text says the truth about what begins at `from`: in front of it
 * must be no quote or backslash, and no control character (`bad` may be due to it); nor may a
 * number or literal there run on into the document.
 */
static bool index_holds_from(const sl_json_index *x, sl_str text, size_t from)
{
    if (!index_covers(x, text) || x->bad || from == text.len) return false;
    for (size_t i = 0; i < from; i++)
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') return false;
    char c = text.ptr[from];
    return c == '[' || c == '{' || c == '"';
}

/* Past the entries that lie in front of `from`: they are few. */
static struct cursor skip_front(struct cursor c, uint32_t from)
{
    while (c.left.at != c.left.end && *c.left.at < from)
        c.left.at++;
    return c;
}

int sl_json_read_from(sl_json *doc, sl_str text, size_t from, const sl_json_index *index,
                      const sl_json_limits *limits, sl_error *err)
{
    struct reader r;

    doc->text = (sl_str){0};
    doc->n = 0;
    if (text.len >= UINT32_MAX)
        return sl_fail(err, SL_E_TOO_BIG, "json", "a text of 4 GiB or more");
    if (from > text.len) return sl_fail(err, SL_E_INVAL, "json", "begins behind its end");
    if (from > 0 && !index_holds_from(index, text, from)) index = NULL;
    doc->text = text;
    r.doc = doc;
    r.from = (uint32_t)from;
    r.source.rc = 0;
    r.rc = 0;
    r.at = 0;
    r.why = NULL;
    r.depth_max = limits && limits->depth ? limits->depth : JSON_DEPTH_DEFAULT;
    r.nodes_max = limits && limits->nodes ? limits->nodes : NODES_DEFAULT;
    int rc = 0;
    if (!index_covers(index, text))
        rc = start_scan(&r, text, r.from);
    else if (index->bad)
        rc = SL_E_JSON;
    if (rc < 0) return fail(&r, rc, err);

    struct cursor c = cursor_of(text, index, &r.source);
    uint32_t n = read_values(&r, from > 0 ? skip_front(c, r.from) : c);
    rc = r.source.rc < 0 ? r.source.rc : r.rc;
    if (rc < 0) return fail(&r, rc, err);
    doc->n = n;
    return 0;
}

int sl_json_read(sl_json *doc, sl_str text, const sl_json_index *index,
                 const sl_json_limits *limits, sl_error *err)
{
    return sl_json_read_from(doc, text, 0, index, limits, err);
}

void sl_json_deinit(sl_json *doc)
{
    sl__free(doc->node);
    sl__free(doc->piece);
    *doc = (sl_json){0};
}
