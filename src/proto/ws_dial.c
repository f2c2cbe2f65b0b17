/* SPDX-License-Identifier: MIT */
#include "proto/ws_dial.h"

#include "base/codec.h"
#include "base/rand.h"

void ws_key(char out[WS_KEY_SIZE])
{
    uint8_t nonce[16];

    rand_bytes(nonce, sizeof nonce);
    out[sl__base64_encode(out, nonce, sizeof nonce)] = '\0';
}

const char *ws_objection(const struct reply *a, sl_str key)
{
    char accept[WS_ACCEPT_SIZE];

    if (a->status != 101) return "the answer is no upgrade";
    if (!http1_list_has(reply_find(a, "Upgrade"), "websocket"))
        return "the answer upgrades to something else than websocket";
    if (!http1_list_has(reply_find(a, "Connection"), "upgrade"))
        return "its Connection field does not say upgrade";
    if (!ws_accept(key, accept)
        || !sl_str_eq(reply_find(a, "Sec-WebSocket-Accept"), sl_str_of(accept)))
        return "its Sec-WebSocket-Accept does not fit our key: it may come from a cache";
    if (reply_find(a, "Sec-WebSocket-Extensions").ptr != NULL)
        return "it answers with an extension that was not offered";
    if (reply_find(a, "Sec-WebSocket-Protocol").ptr != NULL)
        return "it answers with a subprotocol that was not offered";
    return NULL;
}

size_t ws_masked_head(uint8_t out[WS_MASKED_HEAD_MAX], enum ws_op op, uint64_t len,
                      const uint8_t mask[4])
{
    size_t n = ws_frame_head(out, op, len);

    out[1] |= 0x80;
    memcpy(out + n, mask, 4);
    return n + 4;
}

void ws_mask(uint8_t *to, const void *from, size_t n, const uint8_t mask[4], size_t at)
{
    const uint8_t *in = from;
    uint8_t twice[8];
    uint64_t wide;
    size_t i = 0;

    for (size_t k = 0; k < sizeof twice; k++)
        twice[k] = mask[(at + k) & 3];
    memcpy(&wide, twice, sizeof wide);
    for (; i + 8 <= n; i += 8) {
        uint64_t word;

        memcpy(&word, in + i, sizeof word);
        word ^= wide;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < n; i++)
        to[i] = in[i] ^ twice[i & 7];
}

size_t ws_masked_frame(uint8_t *out, enum ws_op op, sl_str payload, const uint8_t mask[4])
{
    size_t n = ws_masked_head(out, op, payload.len, mask);

    ws_mask(out + n, payload.ptr, payload.len, mask, 0);
    return n + payload.len;
}
