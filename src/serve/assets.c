/* SPDX-License-Identifier: MIT */
#include "sluice/http.h"

#include "base/str.h"
#include "serve/answer.h"
#include "serve/represent.h"

/* Paths are equal whether or not they begin with the slash: "*rest" has none. */
static const sl_asset *find_asset(const sl_asset *assets, size_t n, sl_str path)
{
    if (path.len > 0 && path.ptr[0] == '/') path = str_part(path, 1, path.len);
    for (size_t i = 0; i < n; i++) {
        sl_str own = sl_str_of(assets[i].path);
        if (own.len > 0 && own.ptr[0] == '/') own = str_part(own, 1, own.len);
        if (sl_str_eq(own, path)) return &assets[i];
    }
    return NULL;
}

/*
 * The twin's tag: "abc" becomes "abc-gz", for the same tag must not name different bytes.
 * returns "" if it does not fit
 */
static sl_str gzip_etag(sl_str etag, char buf[ETAG_SIZE])
{
    if (etag.len < 2 || etag.len + 3 > ETAG_SIZE) return SL_STR("");
    memcpy(buf, etag.ptr, etag.len - 1);
    memcpy(buf + etag.len - 1, "-gz\"", 4);
    return (sl_str){buf, etag.len + 3};
}

void sl_answer_asset(sl_request *r, const sl_asset *assets, size_t n, sl_str path)
{
    const sl_asset *a = find_asset(assets, n, path);
    char etag[ETAG_SIZE];

    if (!answer_claim(r)) return;
    if (a == NULL) {
        refuse(r, 404, (sl_str){0}, "no such file");
        return;
    }
    struct representation p = {
        .len = a->len,
        .etag = sl_str_of(a->etag),
        .modified_s = -1,
        .varies = a->gzip != NULL,
    };
    if (a->gzip != NULL && represent_takes_gzip(r)) {
        p.gzip = true;
        p.len = a->gzip_len;
        p.etag = gzip_etag(p.etag, etag);
    }
    const unsigned char *bytes = p.gzip ? a->gzip : a->bytes;
    /* they outlive every answer: nobody holds them, nobody copies them */
    represent_answer(r, a->type,
                     (sl_slice){
                         NULL, {(const char *)bytes, (size_t)p.len}
    },
                     &p);
}
