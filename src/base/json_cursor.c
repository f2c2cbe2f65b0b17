/* SPDX-License-Identifier: MIT */
#include "base/json_inside.h"
#include "base/scan_inside.h"

void source_init(struct source *s, sl_str text, uint32_t from, uint32_t *room, uint32_t cap)
{
    s->text = (const uint8_t *)text.ptr;
    s->len = (uint32_t)text.len;
    s->done = from;
    s->rc = 0;
    s->ended = false;
    s->piece = (sl_json_index){.at = room, .cap = cap, .max = cap};
    scan_init(&s->scan, SCAN_UTF8 | SCAN_JSON, NULL, &s->piece);
    s->scan.pos = from;
}

static int scan_piece(struct source *s)
{
    uint32_t n = (s->piece.cap - 64) / 64 * 64; /* no more entries than there is room */
    int rc = 0;

    if (n > s->len - s->done) n = s->len - s->done;
    s->piece.n = 0;
    if (n > 0) rc = scan_feed(&s->scan, NULL, s->text + s->done, n);
    s->done += n;
    if (rc == 0 && s->done == s->len) {
        s->ended = true;
        rc = scan_end(&s->scan);
    }
    return rc == 0 && s->piece.bad ? SL_E_JSON : rc;
}

struct entries source_refill(struct source *s)
{
    s->piece.n = 0;
    while (s->piece.n == 0 && !s->ended && s->rc == 0)
        s->rc = scan_piece(s);
    if (s->rc < 0) s->piece.n = 0;
    return (struct entries){s->piece.at, s->piece.at + s->piece.n};
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_escape(const struct cursor *c, uint32_t at)
{
    uint32_t left = c->len - at;

    if (left < 2) return false;
    switch (c->text[at + 1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return true;
    case 'u':
        if (left < 6) return false;
        for (unsigned i = 2; i < 6; i++)
            if (!is_hex(c->text[at + i])) return false;
        return true;
    default: return false;
    }
}

struct cursor json_skip_escapes(struct cursor c, uint32_t e, uint32_t *end, uint32_t *bad)
{
    uint8_t byte = '\\';

    *end = UINT32_MAX;
    while (byte == '\\') {
        if (!is_escape(&c, e)) {
            *bad = e;
            return c;
        }
        e = cursor_next(&c, &byte);
    }
    *bad = c.len;
    if (byte != 0) *end = e;
    return c;
}

uint32_t json_find_bad_utf8(const uint8_t *text, uint32_t from, uint32_t len)
{
    struct utf8_state u = {0};
    uint32_t i = from;

    while (i < len && utf8_step(&u, text[i]))
        i++;
    return i;
}

uint32_t json_find_bad(const uint8_t *text, uint32_t from, uint32_t len, const char **sentence)
{
    bool in_string = false;

    for (uint32_t i = from; i < len; i++) {
        uint8_t c = text[i];
        if (in_string && c < 0x20) {
            *sentence = "a control character inside a string must be escaped";
            return i;
        }
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
            *sentence = "a control character is not allowed here";
            return i;
        }
        if (!in_string && c == '\\') {
            *sentence = "a backslash is only allowed inside a string";
            return i;
        }
        if (c == '"') in_string = !in_string;
        if (c == '\\' && i + 1 < len && text[i + 1] >= 0x20) i++;
    }
    *sentence = "expected '\"' at the end of a string";
    return len;
}
