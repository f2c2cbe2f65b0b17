/* SPDX-License-Identifier: MIT */
/*
 * Byte 0 says what the rest is:
 *
 *   0  offers of extensions: what is agreed on must be an offer that is agreed on again
 *   1  a message to compress, in two slices: it must come back the same
 *   2  a compressed message: whole and in fragments the same must be delivered, or refused
 */
#include "proto/deflate.h"
#include "proto/ws_tape_test.h"

#define LIMIT 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct deflate *shared;

static void offers(sl_str field)
{
    struct deflate_terms t = {0}, again = {0};
    char answer[DEFLATE_ANSWER_SIZE];

    if (deflate_read_offers(&t, field) < 0 || !t.agreed) return;
    SL_ASSERT(t.bits >= DEFLATE_BITS_MIN && t.bits <= DEFLATE_BITS_MAX);
    SL_ASSERT(deflate_answer(&t, answer) < sizeof answer);
    SL_ASSERT(deflate_read_offers(&again, sl_str_of(answer)) == 0 && again.agreed);
    SL_ASSERT(again.bits == t.bits && again.bits_asked == t.bits_asked);
}

static void round_trip(const uint8_t *data, size_t n)
{
    unsigned agreed = DEFLATE_BITS_MIN + n % 7;
    struct iovec iov[2] = {
        {(void *)data,           n / 2    },
        {(void *)(data + n / 2), n - n / 2}
    };
    sl_buf *b;
    sl_str piece;
    size_t at = 0;
    int rc = deflate_message(shared, deflate_bits(agreed, n), iov, 2, 0, &b);

    SL_ASSERT(rc == 0 || rc == 1);
    if (rc == 0) return;
    SL_ASSERT(sl_buf_str(b).len < n);
    SL_ASSERT(inflate_begin(shared, sl_buf_str(b)) == 0);
    do {
        rc = inflate_next(shared, &piece);
        SL_ASSERT(rc >= 0 && at + piece.len <= n);
        SL_ASSERT(piece.len == 0 || memcmp(piece.ptr, data + at, piece.len) == 0);
        at += piece.len;
    } while (rc == 1);
    SL_ASSERT(at == n);
    sl_buf_drop(b);
}

/* Masks are zero. `first` is the first frame's first byte, FIN aside. */
static size_t put_frame(uint8_t *out, unsigned first, bool fin, const uint8_t *bytes, size_t n)
{
    size_t k = ws_frame_head(out, WS_CONT, n);

    out[0] = (uint8_t)(first | (fin ? 0x80u : 0));
    out[1] |= 0x80;
    memset(out + k, 0, 4);
    if (n > 0) memcpy(out + k + 4, bytes, n);
    return k + 4 + n;
}

static void message(const uint8_t *data, size_t n)
{
    size_t cut = n / 3, len;
    uint8_t *wire = malloc(n + 64);
    struct tape whole, parts;

    SL_ASSERT(wire != NULL);
    tape_init(&whole, LIMIT, true, true);
    tape_init(&parts, LIMIT, true, true);
    whole.options.deflate = parts.options.deflate = shared;
    whole.note_index = parts.note_index = true;

    len = put_frame(wire, WS_RSV1 | WS_TEXT, true, data, n);
    int rc = tape_feed(&whole, wire, len);
    len = put_frame(wire, WS_RSV1 | WS_TEXT, false, data, cut);
    len += put_frame(wire + len, WS_CONT, true, data + cut, n - cut);
    SL_ASSERT(tape_feed_cut(&parts, wire, len, 50, 128, (uint32_t)n + 1) == rc);
    SL_ASSERT(whole.parser.close_code == parts.parser.close_code);
    SL_ASSERT(whole.len == parts.len && memcmp(whole.text, parts.text, parts.len) == 0);
    tape_deinit(&whole);
    tape_deinit(&parts);
    free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (shared == NULL)
        shared = deflate_new(); /* what one input leaves must not hurt the next */
    SL_ASSERT(shared != NULL);
    if (n == 0 || n > LIMIT / 2) return 0;
    if (data[0] == 0) offers((sl_str){(const char *)data + 1, n - 1});
    if (data[0] == 1) round_trip(data + 1, n - 1);
    if (data[0] == 2) message(data + 1, n - 1);
    return 0;
}
