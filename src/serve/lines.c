/* SPDX-License-Identifier: MIT */
#include "serve/lines.h"

#include "base/alloc.h"

#define LINES_KEEP 16384 /* what a reset lets stand */

void lines_deinit(struct lines *l)
{
    sl__free(l->ptr);
    *l = (struct lines){0};
}

void lines_reset(struct lines *l)
{
    if (l->cap > LINES_KEEP) lines_deinit(l);
    l->len = 0;
    l->failed = false;
}

void lines_add(struct lines *l, sl_str text)
{
    if (l->failed || text.len == 0) return;
    if (text.len > l->cap - l->len) {
        size_t cap = l->cap ? l->cap : 512;
        while (cap - l->len < text.len)
            cap *= 2;
        char *grown = sl__realloc(l->ptr, cap);
        if (grown == NULL) {
            l->failed = true;
            return;
        }
        l->ptr = grown;
        l->cap = cap;
    }
    memcpy(l->ptr + l->len, text.ptr, text.len);
    l->len += text.len;
}

void lines_add_u64(struct lines *l, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    lines_add(l, (sl_str){digits + at, sizeof digits - at});
}

void lines_put(struct lines *l, const char *name, sl_str value)
{
    lines_add(l, sl_str_of(name));
    lines_add(l, SL_STR(": "));
    lines_add(l, value);
    lines_add(l, SL_STR("\r\n"));
}
