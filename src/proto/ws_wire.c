/* SPDX-License-Identifier: MIT */
/* What is written on the wire: frame headers, close payloads, the answer to a key. */
#include "base/codec.h"
#include "proto/ws.h"

#include <endian.h>

size_t ws_frame_head(uint8_t out[WS_HEAD_MAX], enum ws_op op, uint64_t len)
{
    out[0] = 0x80 | (uint8_t)op;
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    if (len < 65536) {
        out[1] = 126;
        out[2] = (uint8_t)(len >> 8);
        out[3] = (uint8_t)len;
        return 4;
    }
    uint64_t be = htobe64(len);

    out[1] = 127;
    memcpy(out + 2, &be, 8);
    return 10;
}

static bool is_utf8(const uint8_t *text, size_t n)
{
    struct scan s;

    scan_init(&s, SCAN_UTF8, NULL, NULL);
    return scan_feed(&s, NULL, text, n) == 0 && scan_end(&s) == 0;
}

size_t ws_close_payload(uint8_t out[WS_CONTROL_MAX], int code, sl_str reason)
{
    const size_t max = WS_CONTROL_MAX - 2;
    size_t n = reason.len;

    if (code == WS_NO_STATUS || code == WS_ABNORMAL) return 0;
    if (n > max) {
        n = max;
        while (n > 0 && ((uint8_t)reason.ptr[n] & 0xC0) == 0x80)
            n--;
    }
    out[0] = (uint8_t)(code >> 8);
    out[1] = (uint8_t)code;
    if (n > 0) memcpy(out + 2, reason.ptr, n);
    if (!is_utf8(out + 2, n)) n = 0;
    return 2 + n;
}

int ws_close_read(sl_str payload, sl_str *reason)
{
    const uint8_t *b = (const uint8_t *)payload.ptr;
    bool coded = payload.len >= 2;

    if (reason != NULL)
        *reason = coded ? (sl_str){payload.ptr + 2, payload.len - 2} : SL_STR("");
    return coded ? b[0] << 8 | b[1] : WS_NO_STATUS;
}

bool ws_close_code_is_valid(int code)
{
    /* 1000-1003 and 1007-1014 are registered for the wire; 3000-4999 are anybody's */
    const unsigned registered = 0xFu | 0xFFu << 7;

    if (code >= 1000 && code < 1015) return registered >> (code - 1000) & 1;
    return code >= 3000 && code <= 4999;
}

/*
 * 22 characters and "==". The last of them holds four bits that belong to nothing, and the
 * example key of §4.1 itself has one of those set: so the padding is read as two more
 * characters, and the bits may be anything.
 */
static bool is_key(sl_str key)
{
    char text[24];
    uint8_t bytes[18];
    size_t n;

    if (key.len != sizeof text || memcmp(key.ptr + 22, "==", 2) != 0) return false;
    memcpy(text, key.ptr, 22);
    memcpy(text + 22, "AA", 2);
    return sl__base64_decode(bytes, sizeof bytes, (sl_str){text, sizeof text}, &n) == 0;
}

bool ws_accept(sl_str key, char out[WS_ACCEPT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[24 + sizeof guid - 1];
    uint8_t digest[SHA1_BYTES];

    if (!is_key(key)) return false;
    memcpy(text, key.ptr, 24);
    memcpy(text + 24, guid, sizeof guid - 1);
    sl__sha1((sl_str){text, sizeof text}, digest);
    out[sl__base64_encode(out, digest, sizeof digest)] = 0;
    return true;
}
