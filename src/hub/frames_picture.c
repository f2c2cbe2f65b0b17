/* SPDX-License-Identifier: MIT */
#include "hub/frames_picture.h"

#include "sluice/json.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/str.h"

/* ---- what it is ---- */

/* The first bytes of each; in between some that are its length. */
static const struct {
    sl_str first, then;
    size_t then_at;
} magics[] = {
    [PICTURE_JPEG] = {{"\xff\xd8\xff", 3},      {NULL, 0},   0},
    [PICTURE_PNG] = {{"\x89PNG\r\n\x1a\n", 8}, {NULL, 0},   0},
    [PICTURE_WEBP] = {{"RIFF", 4},              {"WEBP", 4}, 8},
};

enum picture_kind picture_kind_of(sl_str bytes)
{
    for (int k = PICTURE_JPEG; k <= PICTURE_WEBP; k++) {
        if (!str_starts(bytes, magics[k].first)) continue;
        if (str_starts(str_part(bytes, magics[k].then_at, bytes.len), magics[k].then))
            return (enum picture_kind)k;
    }
    return PICTURE_NONE;
}

const char *picture_type(enum picture_kind kind)
{
    static const char *const types[] = {
        [PICTURE_NONE] = "application/octet-stream",
        [PICTURE_JPEG] = "image/jpeg",
        [PICTURE_PNG] = "image/png",
        [PICTURE_WEBP] = "image/webp",
    };

    return types[kind];
}

/* ---- from text ---- */

/* As pages say it: data:image/jpeg;base64,… */
static sl_str without_scheme(sl_str text)
{
    size_t comma;

    if (!str_starts(text, SL_STR("data:image/"))) return text;
    comma = str_find_byte(str_part(text, 0, 100), ',');
    if (comma == 100 || !str_ends(str_part(text, 0, comma), SL_STR(";base64"))) return text;
    return str_part(text, comma + 1, text.len);
}

static int decode(sl_str text, size_t front, sl_buf **out, enum picture_kind *kind,
                  const char **why)
{
    size_t cap = text.len / 4 * 3, n;
    sl_buf *b = sl_buf_new(0, front + cap);
    int rc = SL_E_INVAL;

    if (b == NULL) return SL_E_NOMEM;
    if (sl__base64_decode(sl__buf_data(b) + front, cap, text, &n) < 0) {
        *why = "its frames are not base64 text";
        goto failed;
    }
    b->len = front + n;
    *kind = picture_kind_of((sl_str){(const char *)sl__buf_data(b) + front, n});
    if (*kind == PICTURE_NONE) {
        *why = "its frames are base64, but of no JPEG, PNG or WebP picture";
        goto failed;
    }
    *out = b;
    return 0;
failed:
    sl_buf_drop(b);
    return rc;
}

/* Some writers of JSON put a backslash before each slash. */
static int decode_escaped(sl_str text, size_t front, sl_buf **out, enum picture_kind *kind,
                          const char **why)
{
    char *plain = sl__alloc(text.len);
    int64_t len;
    int rc = SL_E_INVAL;

    if (plain == NULL) return SL_E_NOMEM;
    len = sl_json_unescape(text, plain);
    if (len >= 0)
        rc = decode(without_scheme((sl_str){plain, (size_t)len}), front, out, kind, why);
    else
        *why = "its frames are not base64 text";
    sl__free(plain);
    return rc;
}

int picture_decode(sl_str text, size_t front, sl_buf **out, enum picture_kind *kind,
                   const char **why)
{
    *out = NULL;
    *kind = PICTURE_NONE;
    *why = NULL;
    if (text.len > 0 && memchr(text.ptr, '\\', text.len) != NULL)
        return decode_escaped(text, front, out, kind, why);
    return decode(without_scheme(text), front, out, kind, why);
}
