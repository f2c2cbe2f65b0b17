/* SPDX-License-Identifier: MIT */
#include "base/json_inside.h"
#include "base/scan_inside.h"

int cursor_init(struct cursor *c, sl_str text, const sl_json_index *index)
{
    if (text.len >= UINT32_MAX) return SL_E_TOO_BIG;
    c->text = (const uint8_t *)text.ptr;
    c->len = (uint32_t)text.len;
    c->at = c->end = NULL;
    c->rc = 0;
    c->done = 0;
    c->scanning =
        index == NULL || !index->complete || index->overflow || index->len != text.len;
    c->ended = !c->scanning;
    if (c->scanning) return 0;
    if (index->bad) return SL_E_JSON;
    c->at = index->at;
    c->end = index->at + index->n;
    return 0;
}

void cursor_lend(struct cursor *c, uint32_t *room, uint32_t cap)
{
    c->piece = (sl_json_index){.at = room, .cap = cap, .max = cap};
    scan_init(&c->scan, SCAN_UTF8 | SCAN_JSON, NULL, &c->piece);
}

bool cursor_refill(struct cursor *c)
{
    while (c->at == c->end && !c->ended && c->rc == 0) {
        uint32_t left = c->len - c->done;
        uint32_t n = (c->piece.cap - 64) / 64 * 64; /* no more entries than there is room */
        if (n > left) n = left;

        c->piece.n = 0;
        c->rc = scan_feed(&c->scan, NULL, c->text + c->done, n);
        c->done += n;
        if (c->rc == 0 && c->done == c->len) {
            c->ended = true;
            c->rc = scan_end(&c->scan);
        }
        if (c->rc == 0 && c->piece.bad) c->rc = SL_E_JSON;
        if (c->rc < 0) return false;
        c->at = c->piece.at;
        c->end = c->at + c->piece.n;
    }
    return c->at != c->end;
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

uint32_t json_skip_escapes(struct cursor *c, uint32_t e, uint32_t *at)
{
    while (cursor_byte(c, e) == '\\') {
        if (!is_escape(c, e)) {
            *at = e;
            return UINT32_MAX;
        }
        e = cursor_next(c);
    }
    *at = c->len;
    return e < c->len ? e : UINT32_MAX;
}

uint32_t json_find_bad_utf8(const uint8_t *text, uint32_t len)
{
    struct utf8_state u = {0};
    uint32_t i = 0;

    while (i < len && utf8_step(&u, text[i]))
        i++;
    return i;
}

uint32_t json_find_bad(const uint8_t *text, uint32_t len, const char **sentence)
{
    bool in_string = false;

    for (uint32_t i = 0; i < len; i++) {
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
