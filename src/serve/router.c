/* SPDX-License-Identifier: MIT */
#include "serve/router.h"

#include "base/alloc.h"

#include <stdio.h>

/*
 * The tree. Nodes lie in one array and point at each other by index; 0 is the root and at
 * the same time "none", because nobody's child is the root.
 */
struct node {
    sl_str literal; /* borrowed from the row's pattern */
    uint32_t first_literal, next_literal;
    uint32_t param, rest;
    uint32_t first_row; /* index + 1 into router.row; 0: none ends here */
};

struct row {
    const sl_route *route;
    uint32_t next; /* of the same node, index + 1 */
    uint8_t n;     /* names, in the order of the path */
    sl_str name[ROUTE_PARAMS_MAX];
};

struct router {
    uint32_t nodes, rows;
    struct node *node;
    struct row *row;
};

/* ---- compiling ---- */

/* Cut the next segment off `rest`; false when there is none left. */
static bool next_segment(sl_str *rest, sl_str *segment)
{
    if (rest->ptr == NULL) return false;
    const char *slash = rest->len ? memchr(rest->ptr, '/', rest->len) : NULL;

    if (slash == NULL) {
        *segment = *rest;
        *rest = (sl_str){0};
        return true;
    }
    size_t len = (size_t)(slash - rest->ptr);
    *segment = (sl_str){rest->ptr, len};
    *rest = (sl_str){slash + 1, rest->len - len - 1};
    return true;
}

static const char *find_row_fault(const sl_route *row)
{
    const unsigned all =
        SL_GET | SL_HEAD | SL_POST | SL_PUT | SL_PATCH | SL_DELETE | SL_OPTIONS;

    if (row->path == NULL || row->path[0] != '/') return "the path must begin with '/'";
    if (row->right == 0) return "the row has no right: say SL_RIGHT_OPEN if anybody may";
    if (row->methods == 0 || (row->methods & ~all) != 0) return "the row names no known method";
    if (row->on_request == NULL && row->ws == NULL) return "the row needs on_request or ws";
    if (row->on_request == NULL && row->methods != SL_GET)
        return "a WebSocket row answers GET only";
    if (row->ws != NULL && (row->methods & SL_GET) == 0)
        return "a row with ws must take GET: an upgrade is one";
    return NULL;
}

static bool is_name(sl_str s)
{
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                  || c == '_' || c == '-';
        if (!ok) return false;
    }
    return true;
}

static const char *find_segment_fault(sl_str s, bool last, const struct row *row)
{
    if (s.len == 0) return last ? NULL : "the path has an empty segment";
    if (s.ptr[0] != ':' && s.ptr[0] != '*') return NULL;
    if (!is_name((sl_str){s.ptr + 1, s.len - 1}))
        return "a parameter's name is letters, digits, '_' and '-'";
    if (s.ptr[0] == '*' && !last) return "'*' may only stand in the last segment";
    if (row->n == ROUTE_PARAMS_MAX) return "the path has more than 8 parameters";
    return NULL;
}

static uint32_t add_node(struct router *r, sl_str literal)
{
    r->node[r->nodes] = (struct node){.literal = literal};
    return r->nodes++;
}

static uint32_t enter(struct router *r, uint32_t at, sl_str s)
{
    bool param = s.len > 0 && s.ptr[0] == ':', rest = s.len > 0 && s.ptr[0] == '*';

    if (param || rest) {
        uint32_t child = param ? r->node[at].param : r->node[at].rest;
        if (child != 0) return child;
        child = add_node(r, (sl_str){0});
        if (param) r->node[at].param = child;
        if (rest) r->node[at].rest = child;
        return child;
    }
    for (uint32_t i = r->node[at].first_literal; i != 0; i = r->node[i].next_literal)
        if (sl_str_eq(r->node[i].literal, s)) return i;
    uint32_t child = add_node(r, s);
    r->node[child].next_literal = r->node[at].first_literal;
    r->node[at].first_literal = child;
    return child;
}

/* Two rows for the same request: one of them would never be asked. */
static const sl_route *find_twin(const struct router *r, uint32_t at, const sl_route *row)
{
    for (uint32_t i = r->node[at].first_row; i != 0; i = r->row[i - 1].next) {
        const sl_route *other = r->row[i - 1].route;
        bool plain = other->on_request != NULL && row->on_request != NULL;
        if (other->ws != NULL && row->ws != NULL) return other;
        if (plain && (other->methods & row->methods) != 0) return other;
    }
    return NULL;
}

static int add_row(struct router *r, const sl_route *route, size_t index, sl_error *err)
{
    struct row *row = &r->row[r->rows];
    char where[sizeof err->where];
    const char *fault = find_row_fault(route);
    uint32_t at = 0, depth = 0;

    snprintf(where, sizeof where, "route %zu, %.60s", index, route->path ? route->path : "");
    if (fault != NULL) return sl_fail(err, SL_E_INVAL, where, "%s", fault);

    *row = (struct row){.route = route};
    sl_str rest = {route->path + 1, strlen(route->path) - 1}, s;
    while (next_segment(&rest, &s)) {
        fault = find_segment_fault(s, rest.ptr == NULL, row);
        if (fault == NULL && depth++ == ROUTE_SEGMENTS_MAX)
            fault = "the path has more than 16 segments";
        if (fault != NULL) return sl_fail(err, SL_E_INVAL, where, "%s", fault);
        if (s.len > 0 && (s.ptr[0] == ':' || s.ptr[0] == '*'))
            row->name[row->n++] = (sl_str){s.ptr + 1, s.len - 1};
        at = enter(r, at, s);
    }

    const sl_route *twin = find_twin(r, at, route);
    if (twin != NULL)
        return sl_fail(err, SL_E_INVAL, where, "the row \"%s\" takes the same requests",
                       twin->path);
    row->next = r->node[at].first_row;
    r->node[at].first_row = ++r->rows;
    return 0;
}

static size_t count_segments(const sl_route *rows, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        for (const char *p = rows[i].path; p != NULL && *p != '\0'; p++)
            count += *p == '/';
    return count;
}

int router_new(const sl_route *rows, size_t n, struct router **out, sl_error *err)
{
    struct router *r = sl__zalloc(sizeof *r);
    int rc = 0;

    *out = NULL;
    if (r == NULL) return sl_fail(err, SL_E_NOMEM, "", "no memory for the routes");
    r->node = sl__zalloc((1 + count_segments(rows, n)) * sizeof *r->node);
    r->row = sl__zalloc((n + 1) * sizeof *r->row);
    if (r->node == NULL || r->row == NULL) {
        rc = sl_fail(err, SL_E_NOMEM, "", "no memory for the routes");
        goto done;
    }
    r->nodes = 1;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_row(r, &rows[i], i, err);
done:
    if (rc < 0) {
        router_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

void router_free(struct router *r)
{
    if (r == NULL) return;
    sl__free(r->node);
    sl__free(r->row);
    sl__free(r);
}

/* ---- reading a path ---- */

void path_split(struct path *p, sl_str decoded)
{
    *p = (struct path){.text = decoded};
    for (size_t i = 0; i < decoded.len && p->n < PATH_SEGMENTS_MAX; i++) {
        if (decoded.ptr[i] != '/') continue;
        if (p->n > 0) p->len[p->n - 1] = (uint32_t)i - p->at[p->n - 1];
        p->at[p->n++] = (uint32_t)i + 1;
    }
    if (p->n > 0) p->len[p->n - 1] = (uint32_t)decoded.len - p->at[p->n - 1];
}

/* ---- finding ---- */

struct search {
    const struct router *r;
    const struct path *p;
    struct route_match *out;
    unsigned method;
    bool ws;
    sl_str value[ROUTE_PARAMS_MAX];
};

static unsigned methods_of(const sl_route *row)
{
    unsigned m = row->methods;

    /* HEAD is served by GET rows, RFC 9110 §9.3.2 */
    if ((m & SL_GET) != 0) m |= SL_HEAD;
    return m;
}

/* The rows that end at this node. A HEAD row of its own comes before a GET row that would do.
 */
static bool look_at_rows(struct search *s, uint32_t at)
{
    const struct row *found = NULL;

    for (uint32_t i = s->r->node[at].first_row; i != 0; i = s->r->row[i - 1].next) {
        const struct row *row = &s->r->row[i - 1];
        if (row->route->ws != NULL) {
            s->out->has_ws = true;
            if (s->ws) found = row;
            if (row->route->on_request == NULL) continue;
        }
        s->out->allowed |= methods_of(row->route);
        if (s->ws || (methods_of(row->route) & s->method) == 0) continue;
        if (found == NULL || (row->route->methods & s->method) != 0) found = row;
    }
    if (found == NULL) return false;
    s->out->row = found->route;
    s->out->upgrade = s->ws;
    s->out->n = found->n;
    for (uint8_t i = 0; i < found->n; i++) {
        s->out->name[i] = found->name[i];
        s->out->value[i] = s->value[i];
    }
    return true;
}

/*
 * Every node is visited at most once per search: it has one place in the tree, and depth
 * fixes the segment. So the work is bounded by the table, whatever the path.
 */
static bool search_from(struct search *s, uint32_t at, uint16_t depth, uint8_t captured)
{
    const struct node *node = &s->r->node[at];

    if (depth == s->p->n) return look_at_rows(s, at);
    sl_str segment = {s->p->text.ptr + s->p->at[depth], s->p->len[depth]};

    for (uint32_t i = node->first_literal; i != 0; i = s->r->node[i].next_literal)
        if (sl_str_eq(s->r->node[i].literal, segment)
            && search_from(s, i, (uint16_t)(depth + 1), captured))
            return true;
    if (node->param != 0 && segment.len > 0) {
        s->value[captured] = segment;
        if (search_from(s, node->param, (uint16_t)(depth + 1), (uint8_t)(captured + 1)))
            return true;
    }
    if (node->rest == 0) return false;
    s->value[captured] = (sl_str){segment.ptr, s->p->text.len - s->p->at[depth]};
    return look_at_rows(s, node->rest);
}

void router_find(const struct router *r, unsigned method, bool upgrade, const struct path *p,
                 struct route_match *out)
{
    struct search s = {.r = r, .p = p, .out = out, .method = method, .ws = upgrade};

    *out = (struct route_match){0};
    if (search_from(&s, 0, 0, 0) || !upgrade) return;
    s.ws = false;
    search_from(&s, 0, 0, 0);
}

const char *methods_text(unsigned methods, char buf[METHODS_TEXT_SIZE])
{
    static const struct {
        unsigned method;
        const char *name;
    } names[] = {
        {SL_GET,     "GET"    },
        {SL_HEAD,    "HEAD"   },
        {SL_POST,    "POST"   },
        {SL_PUT,     "PUT"    },
        {SL_PATCH,   "PATCH"  },
        {SL_DELETE,  "DELETE" },
        {SL_OPTIONS, "OPTIONS"},
    };
    int len = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((methods & names[i].method) != 0)
            len += snprintf(buf + len, METHODS_TEXT_SIZE - (size_t)len, "%s%s", len ? ", " : "",
                            names[i].name);
    return buf;
}
