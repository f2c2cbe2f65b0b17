/* SPDX-License-Identifier: MIT */
#include "cli/env_file.h"

#include "base/str.h"

static sl_str skip_blanks(sl_str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = str_part(s, 1, s.len);
    return s;
}

static bool is_name_byte(char c, bool is_first)
{
    char l = str_lower(c);

    return (l >= 'a' && l <= 'z') || c == '_' || (!is_first && c >= '0' && c <= '9');
}

static bool is_name(sl_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_name_byte(s.ptr[i], i == 0)) return false;
    }
    return s.len > 0;
}

/* Behind a closing quote only blanks and a comment may stand. */
static bool is_over(sl_str rest)
{
    sl_str s = skip_blanks(rest);

    return s.len == 0 || (s.ptr[0] == '#' && s.ptr != rest.ptr);
}

static char unescape(char c)
{
    return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

/* Shortens in place: `out` has room for `s`. returns the complaint, or NULL */
static const char *read_quoted(sl_str s, char *out, size_t *len)
{
    char quote = s.ptr[0];
    size_t i = 1, n = 0;

    for (; i < s.len && s.ptr[i] != quote; i++) {
        if (quote == '"' && s.ptr[i] == '\\' && i + 1 < s.len)
            out[n++] = unescape(s.ptr[++i]);
        else
            out[n++] = s.ptr[i];
    }
    if (i == s.len) return "the quote is not closed in its line";
    if (!is_over(str_part(s, i + 1, s.len))) return "something stands behind the closing quote";
    *len = n;
    return NULL;
}

/* Until " #", without the blanks at the end. */
static sl_str bare_value(sl_str s)
{
    if (s.len > 0 && s.ptr[0] == '#') return str_part(s, 0, 0);
    for (size_t i = 1; i < s.len; i++) {
        bool is_comment = s.ptr[i] == '#' && (s.ptr[i - 1] == ' ' || s.ptr[i - 1] == '\t');

        if (is_comment) return str_trim_ows(str_part(s, 0, i));
    }
    return str_trim_ows(s);
}

static const char *read_value(sl_str s, struct arena *a, sl_str *out)
{
    char *text;
    const char *why;
    size_t len;

    s = skip_blanks(s);
    if (s.len == 0 || (s.ptr[0] != '"' && s.ptr[0] != '\'')) {
        *out = arena_copy(a, bare_value(s));
        return NULL;
    }
    text = arena_alloc(a, s.len + 1);
    *out = (sl_str){0};
    if (text == NULL) return NULL;
    why = read_quoted(s, text, &len);
    if (why != NULL) return why;
    text[len] = '\0';
    *out = (sl_str){text, len};
    return NULL;
}

/* "export NAME = …" is an error in every shell, "export NAME=…" is not. */
static sl_str without_export(sl_str line)
{
    sl_str word = SL_STR("export");

    if (!str_starts(line, word) || line.len == word.len) return line;
    if (line.ptr[word.len] != ' ' && line.ptr[word.len] != '\t') return line;
    return skip_blanks(str_part(line, word.len, line.len));
}

/* returns 0, what fn said, or SL_E_NOMEM; a complaint about the line is counted in `r` */
static int take_line(const char *file, int number, sl_str line, struct arena *a,
                     struct report *r, env_file_fn *fn, void *user)
{
    size_t equals;
    sl_str name, value;
    const char *why;

    line = skip_blanks(line);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    if (line.len == 0 || line.ptr[0] == '#') return 0;
    line = without_export(line);
    equals = str_find_byte(line, '=');
    if (equals == line.len || !is_name(str_part(line, 0, equals))) {
        report(r, "%s:%d: a line must be NAME=VALUE, for example SLUICE_LOG_LEVEL=warn", file,
               number);
        return 0;
    }
    why = read_value(str_part(line, equals + 1, line.len), a, &value);
    if (why == NULL && value.ptr != NULL && memchr(value.ptr, '\0', value.len) != NULL)
        why = "the value holds a NUL byte";
    if (why != NULL) {
        report(r, "%s:%d: %s", file, number, why);
        return 0;
    }
    name = arena_copy(a, str_part(line, 0, equals));
    if (name.ptr == NULL || value.ptr == NULL) return SL_E_NOMEM;
    return fn(name.ptr, value, number, user);
}

int env_file_read(const char *file, sl_str text, struct arena *a, struct report *r,
                  env_file_fn *fn, void *user)
{
    int number = 0, before = r->count;

    if (text.len > ENV_FILE_BYTES_MAX) {
        report(r, "%s: the file is larger than 64 KiB", file);
        return SL_E_INVAL;
    }
    if (str_starts(text, SL_STR("\xef\xbb\xbf"))) text = str_part(text, 3, text.len);
    for (sl_str rest = text, line; str_split(&rest, '\n', &line);) {
        int rc = take_line(file, ++number, line, a, r, fn, user);

        if (rc != 0) return rc;
    }
    return r->count > before ? SL_E_INVAL : 0;
}
