/* SPDX-License-Identifier: MIT */
/*
 * The same bytes fed at once and fed in pieces, some of them in place, must deliver the same
 * and end the same.
 *
 *   byte 0   1: frames from a client  2: with JSON index  4: permessage-deflate was agreed on
 *            the rest: share of pieces in place
 *   byte 1   low nibble: pieces of up to 2^n bytes  high nibble: limit of 2^n * 16 bytes
 *   byte 2-  the wire
 */
#include "proto/deflate.h"
#include "proto/ws_tape_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct deflate *shared;
    struct tape whole, cut;

    if (n < 2) return 0;
    if (shared == NULL) shared = deflate_new();
    SL_ASSERT(shared != NULL);
    bool from_client = data[0] & 1, json = data[0] & 2;
    size_t limit = (size_t)16 << (data[1] >> 4), most = (size_t)1 << (data[1] & 15);
    uint32_t seed = 1 + (uint32_t)n * 2654435761u;

    tape_init(&whole, limit, from_client, json);
    tape_init(&cut, limit, from_client, json);
    whole.note_index = cut.note_index = true;
    whole.options.deflate = cut.options.deflate = data[0] & 4 ? shared : NULL;
    int rc = tape_feed(&whole, data + 2, n - 2);
    SL_ASSERT(tape_feed_cut(&cut, data + 2, n - 2, most, data[0] & 0xF8, seed) == rc);
    SL_ASSERT(whole.parser.close_code == cut.parser.close_code);
    SL_ASSERT(whole.parser.stopped == cut.parser.stopped);
    SL_ASSERT(ws_is_partial(&whole.parser) == ws_is_partial(&cut.parser));
    SL_ASSERT(whole.len == cut.len && memcmp(whole.text, cut.text, cut.len) == 0);
    tape_deinit(&whole);
    tape_deinit(&cut);
    return 0;
}
