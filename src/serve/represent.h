/* SPDX-License-Identifier: MIT */
/*
 * What a client gets of one representation (a file, an asset, their gzip twins): all of it, a
 * range of it, or the word that it has it already.
 *
 * source   RFC 9110 §13 (conditions), §14 (ranges), §12.5.3 (Accept-Encoding)
 */
#ifndef SERVE_REPRESENT_H
#define SERVE_REPRESENT_H

#include "serve/lines.h"
#include "serve/request.h"

#define ETAG_SIZE 72 /* W/ and three numbers in hex, quoted */

struct representation {
    uint64_t len;
    sl_str etag;        /* quoted, W/ in front if weak; "" for none */
    int64_t modified_s; /* since 1970; negative: unknown */
    bool gzip;          /* these bytes are the gzip twin's */
    bool varies;        /* there may be a twin: a cache must look at Accept-Encoding */
};

struct selection {
    int status; /* 200, 206, 304, 412 or 416 */
    uint64_t at, len;
};

/* Thread: any; it reads the request's headers only. */
void represent(const sl_request *r, const struct representation *p, struct selection *out);

/* Whether this client would rather have gzip. */
bool represent_takes_gzip(const sl_request *r);

/*
 * Answer with what `represent` gives, `all` of it being in memory. The request is claimed.
 * Thread: the loop's.
 */
void represent_answer(sl_request *r, const char *type, sl_slice all,
                      const struct representation *p);

/* ETag, Last-Modified, Content-Range and so on, as they belong to the status. */
void represent_put(struct lines *l, const struct representation *p, const struct selection *s);

#endif
