/* SPDX-License-Identifier: MIT */
#include "sluice/err.h"

#include "base/str.h"

#include <uv.h>

#include <stdarg.h>
#include <stdio.h>

#define LIBUV_LOWEST -4095

static const struct {
    int code;
    const char *text;
} sentences[] = {
#define SL_ERROR_ROW(name, code, text) {code, text},
    SL_ERRORS(SL_ERROR_ROW)
#undef SL_ERROR_ROW
};

static const char *find_sentence(int code)
{
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        if (sentences[i].code == code) return sentences[i].text;
    }
    return NULL;
}

const char *sl_strerror(int code, char *buf, size_t size)
{
    const char *text = code == 0 ? "success" : find_sentence(code);

    if (size == 0) return buf;
    if (text != NULL) {
        snprintf(buf, size, "%s", text);
    } else if (code < 0 && code >= LIBUV_LOWEST) {
        uv_strerror_r(code, buf, size); /* plain uv_strerror leaks on unknown codes */
    } else {
        snprintf(buf, size, "unknown error %d", code);
    }
    return buf;
}

/* A terminated copy, cut between characters; `text` may lie in `dst`. */
static void put_text(char *dst, size_t size, const char *text)
{
    sl_str s = str_cut_utf8(sl_str_of(text), size - 1);

    if (s.len > 0) memmove(dst, s.ptr, s.len);
    dst[s.len] = '\0';
}

int sl_fail(sl_error *err, int code, const char *where, const char *fmt, ...)
{
    char text[2 * sizeof err->text]; /* err->text may be among the arguments */
    va_list args;

    if (err == NULL) return code;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);

    err->code = code;
    err->offset = 0;
    put_text(err->where, sizeof err->where, where);
    put_text(err->text, sizeof err->text, text);
    return code;
}
