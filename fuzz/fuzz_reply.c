/* SPDX-License-Identifier: MIT */
/*
 * An HTTP answer, whole and cut: both readers come to the same end, with the same status and
 * body. The first byte says how it is cut.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "proto/http1_reply.h"

#include <stdlib.h>

static int feed_cut(struct reply *r, const char *text, size_t n, size_t cut, size_t *taken)
{
    int rc = SL_E_PARTIAL;

    *taken = 0;
    while (*taken < n && rc == SL_E_PARTIAL) {
        size_t len = n - *taken < cut ? n - *taken : cut, used;

        rc = reply_feed(r, text + *taken, len, &used);
        SL_ASSERT(used <= len && (rc != SL_E_PARTIAL || used == len));
        *taken += used;
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reply *whole = sl__zalloc(sizeof *whole), *cut = sl__zalloc(sizeof *cut);
    size_t all, some;
    int rc;

    if (size > 1 && whole != NULL && cut != NULL) {
        const char *text = (const char *)data + 1;

        rc = feed_cut(whole, text, size - 1, size, &all);
        SL_ASSERT(feed_cut(cut, text, size - 1, 1 + data[0] % 16, &some) == rc);
        if (rc == 0) SL_ASSERT(all == some && whole->status == cut->status);
        SL_ASSERT(rc < 0 || sl_str_eq(whole->body, cut->body));
        SL_ASSERT(whole->body.len <= REPLY_BODY_MAX);
        (void)reply_find(whole, "Server");
        SL_ASSERT(reply_end(whole) == reply_end(cut) || rc < 0);
    }
    if (whole != NULL) reply_deinit(whole);
    if (cut != NULL) reply_deinit(cut);
    sl__free(whole);
    sl__free(cut);
    return 0;
}
