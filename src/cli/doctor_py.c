/* SPDX-License-Identifier: MIT */
#include "cli/doctor_py.h"

#include "base/str.h"

#include <stdlib.h>

#define TARGETS_MAX 16
#define DEPTH_MAX   8 /* brackets and defaults inside each other */

const char *const py_name_text[PY_NAMES] = {
    [PY_DEVICE_ID] = "DEVICE_ID",
    [PY_BACKEND_URL] = "BACKEND_URL",
    [PY_WIDTH] = "WIDTH",
    [PY_HEIGHT] = "HEIGHT",
    [PY_MODEL_NAME] = "MODEL_NAME",
    [PY_ZOO_PATH] = "ZOO_PATH",
    [PY_DEVICE_TYPE] = "DEVICE_TYPE",
    [PY_MIN_CONFIDENCE] = "MIN_CONFIDENCE",
    [PY_UPLOAD_COOLDOWN] = "UPLOAD_COOLDOWN",
    [PY_SPATIAL_DIST] = "SPATIAL_DIST",
    [PY_SUPABASE_URL] = "SUPABASE_URL",
    [PY_SUPABASE_KEY] = "SUPABASE_SERVICE_ROLE_KEY",
    [PY_BUCKET_NAME] = "BUCKET_NAME",
};

/* ---- letters ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\\';
}

static bool is_name_letter(char c)
{
    return (str_lower(c) >= 'a' && str_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static sl_str trim(sl_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = str_part(s, 1, s.len);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Bytes of the text literal that begins at `s` with a quote, or 0 if it never ends. */
static size_t literal_len(sl_str s)
{
    char quote = s.ptr[0];
    bool triple = s.len >= 3 && s.ptr[1] == quote && s.ptr[2] == quote;
    size_t i = triple ? 3 : 1;

    for (; i < s.len; i++) {
        if (s.ptr[i] == '\\') {
            i++;
        } else if (!triple && s.ptr[i] == '\n') {
            return 0;
        } else if (s.ptr[i] == quote) {
            if (!triple) return i + 1;
            if (i + 2 < s.len && s.ptr[i + 1] == quote && s.ptr[i + 2] == quote) return i + 3;
        }
    }
    return 0;
}

/* ---- statements: a line, or several held together by brackets, texts and backslashes ---- */

struct walk {
    sl_str rest;
    int depth; /* of brackets */
};

/* One step over the text: returns its bytes; 0 for a literal without end. */
static size_t step_len(const struct walk *w)
{
    char c = w->rest.ptr[0];
    size_t n;

    if (c == '"' || c == '\'') return literal_len(w->rest);
    if (c == '#') return str_find_byte(w->rest, '\n');
    if (c != '\\') return 1;
    n = w->rest.len > 2 && w->rest.ptr[1] == '\r' && w->rest.ptr[2] == '\n' ? 3 : 2;
    return n < w->rest.len ? n : w->rest.len;
}

/*
 * Take the next statement, comments behind it left out; those inside it stay.
 *
 * returns  1, 0 at the end, SL_E_INVAL
 */
static int next_statement(struct walk *w, sl_str *out)
{
    size_t end = 0;
    const char *begin = w->rest.ptr;

    if (w->rest.len == 0) return 0;
    w->depth = 0;
    while (w->rest.len > 0) {
        char c = w->rest.ptr[0];
        size_t n = step_len(w);

        if (n == 0) return SL_E_INVAL;
        if (c == '(' || c == '[' || c == '{') w->depth++;
        if ((c == ')' || c == ']' || c == '}') && w->depth > 0) w->depth--;
        w->rest = str_part(w->rest, n, w->rest.len);
        if ((c == '\n' || c == ';') && w->depth == 0) break;
        if (c != '#') end = (size_t)(w->rest.ptr - begin);
    }
    *out = (sl_str){begin, end};
    return w->depth == 0 ? 1 : SL_E_INVAL;
}

/* Where `byte` first stands outside of texts and brackets, or s.len. */
static size_t find_outside(sl_str s, char byte)
{
    struct walk w = {.rest = s};
    int depth = 0;

    while (w.rest.len > 0) {
        char c = w.rest.ptr[0];
        size_t n = step_len(&w);

        if (c == byte && depth == 0) return s.len - w.rest.len;
        if (n == 0) break;
        if (c == '(' || c == '[' || c == '{') depth++;
        if (c == ')' || c == ']' || c == '}') depth--;
        w.rest = str_part(w.rest, n, w.rest.len);
    }
    return s.len;
}

/* The '=' of an assignment: none of == <= >= != += -= and their kin; or s.len. */
static size_t find_assign(sl_str s)
{
    size_t at = find_outside(s, '=');

    if (at == s.len || at == 0) return s.len;
    if (at + 1 < s.len && s.ptr[at + 1] == '=') return s.len;
    return memchr("<>!+-*/%&|^@:", s.ptr[at - 1], 13) != NULL ? s.len : at;
}

/* ---- values ---- */

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* The usual escapes; others stay as they are written. false: too long, or beyond us */
static bool unescape(sl_str in, bool raw, char out[PY_TEXT_SIZE])
{
    static const char from[] = "nrt\\'\"", to[] = "\n\r\t\\'\"";
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        const char *known;

        if (n + 2 >= PY_TEXT_SIZE || c == '\0') return false;
        if (c != '\\' || raw || i + 1 == in.len) {
            out[n++] = c;
            continue;
        }
        c = in.ptr[++i];
        if (c == '\n') continue;
        if (c == 'x' || c == 'u' || c == 'U' || c == 'N' || is_octal(c)) return false;
        known = memchr(from, c, sizeof from - 1);
        if (known == NULL) out[n++] = '\\';
        out[n++] = known != NULL ? to[known - from] : c;
    }
    out[n] = '\0';
    return true;
}

/* r"..", b'..', """..""": one literal and nothing behind it. */
static bool read_text(sl_str s, struct py_value *v)
{
    bool raw = false;
    size_t prefix = 0, quotes;

    while (prefix < s.len && prefix < 2 && memchr("rRuU", s.ptr[prefix], 4) != NULL) {
        raw |= str_lower(s.ptr[prefix]) == 'r';
        prefix++;
    }
    s = str_part(s, prefix, s.len);
    if (s.len < 2 || (s.ptr[0] != '"' && s.ptr[0] != '\'') || literal_len(s) != s.len)
        return false;
    quotes = s.len >= 6 && s.ptr[1] == s.ptr[0] && s.ptr[2] == s.ptr[0] ? 3 : 1;
    v->kind =
        unescape(str_part(s, quotes, s.len - 2 * quotes), raw, v->text) ? PY_TEXT : PY_OTHER;
    return true;
}

static bool read_number(sl_str s, struct py_value *v)
{
    char digits[64], *end;
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '_') continue; /* 1_000 */
        if (memchr("0123456789.eE+-", s.ptr[i], 15) == NULL) return false;
        if (n + 1 == sizeof digits) return false;
        digits[n++] = s.ptr[i];
    }
    digits[n] = '\0';
    v->number = strtod(digits, &end);
    if (n == 0 || *end != '\0') return false;
    v->kind = PY_NUMBER;
    return true;
}

static void read_value(sl_str s, int depth, py_getenv_fn *env, struct py_value *v);

/* os.environ.get("X"), os.getenv("X", default), os.environ["X"] */
static bool read_lookup(sl_str s, int depth, py_getenv_fn *env, struct py_value *v)
{
    static const char *const heads[] = {"os.environ.get(", "os.getenv(", "os.environ[",
                                        "environ.get(",    "getenv(",    "environ["};
    struct py_value name = {0};
    const char *set;
    size_t comma;
    sl_str inside = {0};

    for (size_t i = 0; i < sizeof heads / sizeof *heads && inside.ptr == NULL; i++) {
        if (str_starts(s, sl_str_of(heads[i]))) inside = str_part(s, strlen(heads[i]), s.len);
    }
    if (inside.len == 0 || memchr(")]", inside.ptr[inside.len - 1], 2) == NULL) return false;
    inside.len--;
    comma = find_outside(inside, ',');
    if (!read_text(trim(str_part(inside, 0, comma)), &name) || name.kind != PY_TEXT)
        return false;
    set = env(name.text);
    if (set != NULL) {
        v->kind = strlen(set) < PY_TEXT_SIZE ? PY_TEXT : PY_OTHER;
        if (v->kind == PY_TEXT) memcpy(v->text, set, strlen(set) + 1);
    } else if (comma < inside.len) {
        read_value(str_part(inside, comma + 1, inside.len), depth + 1, env, v);
    } else {
        v->kind = PY_LOOKUP;
    }
    return true;
}

static void read_value(sl_str s, int depth, py_getenv_fn *env, struct py_value *v)
{
    s = trim(s);
    *v = (struct py_value){.kind = PY_OTHER};
    if (depth > DEPTH_MAX) return;
    if (sl_str_eq(s, SL_STR("None"))) {
        v->kind = PY_NONE;
        return;
    }
    if (read_text(s, v) || read_number(s, v) || read_lookup(s, depth, env, v)) return;
    v->kind = PY_OTHER;
    if (s.len > 2 && s.ptr[0] == '(' && s.ptr[s.len - 1] == ')') /* ("as it is") */
        read_value(str_part(s, 1, s.len - 2), depth + 1, env, v);
}

/* ---- assignments ---- */

/* "NAME" or "NAME: type" -> which of ours, or PY_NAMES */
static enum py_name find_name(sl_str target)
{
    size_t n = 0;

    target = trim(target);
    while (n < target.len && is_name_letter(target.ptr[n]))
        n++;
    if (n < target.len) {
        sl_str behind = trim(str_part(target, n, target.len));

        if (behind.len == 0 || behind.ptr[0] != ':') return PY_NAMES;
    }
    for (int i = 0; i < PY_NAMES; i++) {
        if (sl_str_eq(str_part(target, 0, n), sl_str_of(py_name_text[i])))
            return (enum py_name)i;
    }
    return PY_NAMES;
}

static bool split_at_comma(sl_str *rest, sl_str *piece)
{
    size_t at;

    if (rest->ptr == NULL) return false;
    at = find_outside(*rest, ',');
    *piece = str_part(*rest, 0, at);
    *rest = at < rest->len ? str_part(*rest, at + 1, rest->len) : (sl_str){0};
    return true;
}

/* A, B = 1, 2: value by value if there are as many. */
static void assign(sl_str targets, sl_str values, py_getenv_fn *env, struct py_config *out)
{
    bool is_row = find_outside(targets, ',') < targets.len;
    sl_str target, value = values;

    while (split_at_comma(&targets, &target)) {
        enum py_name name = find_name(target);
        bool has_value = !is_row || split_at_comma(&values, &value);

        if (name == PY_NAMES) continue;
        read_value(value, 0, env, &out->value[name]);
        if (!has_value) out->value[name] = (struct py_value){.kind = PY_OTHER};
    }
}

/* A = B = 1 */
static void take_assignment(sl_str s, py_getenv_fn *env, struct py_config *out)
{
    sl_str targets[TARGETS_MAX];
    size_t n = 0, at;

    while (n < TARGETS_MAX && (at = find_assign(s)) < s.len) {
        targets[n++] = str_part(s, 0, at);
        s = str_part(s, at + 1, s.len);
    }
    for (size_t i = 0; i < n; i++)
        assign(targets[i], s, env, out);
}

static bool begins_scope(sl_str s)
{
    return str_starts(s, SL_STR("def ")) || str_starts(s, SL_STR("class "))
           || str_starts(s, SL_STR("async "));
}

int py_config_read(sl_str text, py_getenv_fn *env, struct py_config *out)
{
    struct walk w;
    bool in_scope = false;
    sl_str s;
    int rc;

    *out = (struct py_config){0};
    if (str_starts(text, SL_STR("\xef\xbb\xbf"))) text = str_part(text, 3, text.len);
    w = (struct walk){.rest = text};
    while ((rc = next_statement(&w, &s)) > 0) {
        bool is_indented = s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t');

        if (trim(s).len == 0) continue;
        if (!is_indented) in_scope = begins_scope(s);
        if (!is_indented || !in_scope) take_assignment(s, env, out);
    }
    return rc;
}
