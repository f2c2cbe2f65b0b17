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

static void send_selection(sl_request *r, const sl_asset *a, const struct representation *p,
                           const struct selection *s, sl_str lines)
{
    const unsigned char *bytes = p->gzip ? a->gzip : a->bytes;

    if (s->status == 412)
        refuse(r, 412, lines, "the file has changed");
    else if (s->status == 416)
        refuse(r, 416, lines, "the range lies behind the end: there are %llu bytes",
               (unsigned long long)p->len);
    else if (s->status == 304)
        answer_send(r, &(struct answer){.status = 304, .lines = lines});
    else /* the bytes outlive every answer: nobody holds them, nobody copies them */
        answer_send(r, &(struct answer){
                           .status = s->status,
                           .type = a->type,
                           .lines = lines,
                           .ref = {NULL, {(const char *)bytes + s->at, (size_t)s->len}},
        });
}

void sl_answer_asset(sl_request *r, const sl_asset *assets, size_t n, sl_str path)
{
    const sl_asset *a = find_asset(assets, n, path);
    struct lines lines = {0};
    char etag[ETAG_SIZE];
    struct selection s;

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
    represent(r, &p, &s);
    represent_put(&lines, &p, &s);
    if (lines.failed)
        refuse(r, 503, (sl_str){0}, "out of memory");
    else
        send_selection(r, a, &p, &s, lines_text(&lines));
    lines_deinit(&lines);
}
