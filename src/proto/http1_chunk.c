/* SPDX-License-Identifier: MIT */
/*
 * The chunked body, RFC 9112 §7.1, as one table: state and class of the byte give the next
 * state, and an empty cell is an error. Data bytes do not go through the table.
 *
 *   ┌──────────────────────────────────────────────────────────────────────────┐
 *   ▼                                                                          │
 *   SIZE_1 ─► SIZE ─► [extensions] ─CR─► SIZE_LF ─► DATA ─► DATA_CR ─► DATA_LF ┘
 *                                           │ size 0
 *                                           ▼
 *                                        TRAILER ─CR─► END_LF ─► DONE
 *                                         ▲    └► T_NAME ─► T_VALUE ─► T_LF
 *                                         └──────────────────────────────┘
 */
#include "base/assert.h"
#include "proto/chars.h"
#include "proto/http1.h"

enum {
    FAILED, /* what an empty cell says */
    SIZE_1,
    SIZE,
    GAP, /* white space that must be followed by ';' */
    EXT, /* behind ';' */
    EXT_NAME,
    EXT_NAME_GAP,
    EXT_VALUE, /* behind '=' */
    EXT_TOKEN,
    EXT_QUOTED,
    EXT_ESCAPED,
    EXT_END, /* behind the closing quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    T_NAME,
    T_VALUE,
    T_LF,
    END_LF,
    DONE,
    STATES,
};

/* Ordered so that each row below needs no more than ranges; HEX and TOKEN are both tchar. */
enum { CTL, QUOTE, BACKSLASH, HEX, TOKEN, SEMI, EQUALS, COLON, BLANK, TEXT, CR, LF, CLASSES };

/* clang-format off */
static const uint8_t next[STATES][CLASSES] = {
    [SIZE_1]       = {[HEX] = SIZE},
    [SIZE]         = {[HEX] = SIZE, [SEMI] = EXT, [BLANK] = GAP, [CR] = SIZE_LF},
    [GAP]          = {[BLANK] = GAP, [SEMI] = EXT},
    [EXT]          = {[BLANK] = EXT, [HEX ... TOKEN] = EXT_NAME},
    [EXT_NAME]     = {[HEX ... TOKEN] = EXT_NAME, [BLANK] = EXT_NAME_GAP, [EQUALS] = EXT_VALUE,
                      [SEMI] = EXT, [CR] = SIZE_LF},
    [EXT_NAME_GAP] = {[BLANK] = EXT_NAME_GAP, [EQUALS] = EXT_VALUE, [SEMI] = EXT},
    [EXT_VALUE]    = {[BLANK] = EXT_VALUE, [HEX ... TOKEN] = EXT_TOKEN, [QUOTE] = EXT_QUOTED},
    [EXT_TOKEN]    = {[HEX ... TOKEN] = EXT_TOKEN, [BLANK] = GAP, [SEMI] = EXT, [CR] = SIZE_LF},
    [EXT_QUOTED]   = {[HEX ... TEXT] = EXT_QUOTED, [BACKSLASH] = EXT_ESCAPED, [QUOTE] = EXT_END},
    [EXT_ESCAPED]  = {[QUOTE ... TEXT] = EXT_QUOTED},
    [EXT_END]      = {[BLANK] = GAP, [SEMI] = EXT, [CR] = SIZE_LF},
    [SIZE_LF]      = {[LF] = DATA},
    [DATA_CR]      = {[CR] = DATA_LF},
    [DATA_LF]      = {[LF] = SIZE_1},
    [TRAILER]      = {[HEX ... TOKEN] = T_NAME, [CR] = END_LF},
    [T_NAME]       = {[HEX ... TOKEN] = T_NAME, [COLON] = T_VALUE},
    [T_VALUE]      = {[QUOTE ... TEXT] = T_VALUE, [CR] = T_LF},
    [T_LF]         = {[LF] = TRAILER},
    [END_LF]       = {[LF] = DONE},
};
/* clang-format on */

static const char *const whys[STATES] = {
    [SIZE_1] = "a chunk must begin with its size in hexadecimal digits",
    [SIZE] = "a chunk size must be hexadecimal digits, then CR LF",
    [GAP] = "white space behind a chunk size: end the line with CR LF",
    [EXT] = "a chunk extension needs a name",
    [EXT_NAME] = "a chunk extension's name has a byte that may not stand there",
    [EXT_NAME_GAP] = "a chunk extension must be name=value",
    [EXT_VALUE] = "a chunk extension's value must be a token or quoted",
    [EXT_TOKEN] = "a chunk extension's value has a byte that may not stand there",
    [EXT_QUOTED] = "a control byte in a chunk extension",
    [EXT_ESCAPED] = "a control byte in a chunk extension",
    [EXT_END] = "a chunk extension goes on behind its closing quote",
    [SIZE_LF] = "a CR without LF behind a chunk size",
    [DATA_CR] = "no CR LF behind the chunk's data: its size is wrong",
    [DATA_LF] = "a CR without LF behind the chunk's data",
    [TRAILER] = "a trailer must begin with its name; an empty line ends the body",
    [T_NAME] = "a trailer must be a name of token characters, a colon, a value",
    [T_VALUE] = "a control byte in a trailer",
    [T_LF] = "a CR without LF in the trailers",
    [END_LF] = "a CR without LF at the end of the body",
};

static int refuse(struct http1_chunks *c, int status, const char *why)
{
    c->state = FAILED;
    c->status = status;
    c->why = why;
    return SL_E_HTTP;
}

static unsigned class_of(char byte)
{
    switch (byte) {
    case ';': return SEMI;
    case '=': return EQUALS;
    case '"': return QUOTE;
    case '\\': return BACKSLASH;
    case ':': return COLON;
    case ' ':
    case '\t': return BLANK;
    case '\r': return CR;
    case '\n': return LF;
    default: break;
    }
    if (chars_is(byte, CH_HEX)) return HEX;
    if (chars_is(byte, CH_TOKEN)) return TOKEN;
    return chars_is(byte, CH_VALUE) ? TEXT : CTL;
}

/* The size line is complete: refuse what is too much before it arrives. */
static int begin_chunk(struct http1_chunks *c)
{
    c->digits = 0;
    if (c->left > c->body_max - c->body) {
        return refuse(c, 413, "the body is larger than this place takes");
    }
    c->body += c->left;
    if (c->left == 0) c->state = TRAILER;
    return SL_E_PARTIAL;
}

/* One byte of framing. returns SL_E_PARTIAL to go on, 0 at the end */
static int step(struct http1_chunks *c, char byte)
{
    uint8_t from = c->state;

    c->state = next[from][class_of(byte)];
    if (c->state == FAILED) return refuse(c, 400, whys[from]);
    if (c->state == SIZE) {
        if (++c->digits > 16) return refuse(c, 400, "a chunk size has more than 16 digits");
        c->left = c->left << 4 | chars_hex(byte);
    } else if (c->state >= GAP && c->state <= EXT_END) {
        if (++c->ext_bytes > HTTP1_EXT_MAX) {
            return refuse(c, 431, "too many bytes of chunk extensions: send none");
        }
    } else if (c->state >= T_NAME && c->state <= T_LF) {
        if (++c->trailer_bytes > HTTP1_TRAILERS_MAX) {
            return refuse(c, 431, "the trailers are too long: send fewer");
        }
    }
    if (c->state == DATA) return begin_chunk(c);
    return c->state == DONE ? 0 : SL_E_PARTIAL;
}

void http1_chunks_init(struct http1_chunks *c, uint64_t body_max)
{
    *c = (struct http1_chunks){.body_max = body_max, .state = SIZE_1};
}

int http1_chunks_feed(struct http1_chunks *c, const char *in, size_t n, size_t *used,
                      sl_str *data)
{
    int rc = SL_E_PARTIAL;
    size_t i = 0;

    SL_ASSERT(c->state != DONE);
    *used = 0;
    *data = (sl_str){in, 0};
    if (c->state == FAILED) return SL_E_HTTP;
    while (rc == SL_E_PARTIAL && i < n && c->state != DATA)
        rc = step(c, in[i++]);
    if (rc == SL_E_PARTIAL && i < n) {
        size_t take = n - i < c->left ? n - i : (size_t)c->left;

        *data = (sl_str){in + i, take};
        i += take;
        c->left -= take;
        if (c->left == 0) c->state = DATA_CR;
    }
    *used = i;
    return rc;
}
