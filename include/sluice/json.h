/* SPDX-License-Identifier: MIT */
/*
 * JSON (RFC 8259), read without copying: one validating pass leaves a flat index over the
 * caller's bytes, and every value is a raw slice of them. Numbers and strings pass through
 * byte for byte (2.8404 stays 2.8404, an escaped é stays escaped).
 */
#ifndef SLUICE_JSON_H
#define SLUICE_JSON_H

#include "sluice/buf.h"
#include "sluice/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum sl_json_type {
    SL_JSON_NONE, /* no such value */
    SL_JSON_NULL,
    SL_JSON_FALSE,
    SL_JSON_TRUE,
    SL_JSON_NUMBER,
    SL_JSON_STRING,
    SL_JSON_ARRAY,
    SL_JSON_OBJECT,
} sl_json_type;

/* What the scan of arriving bytes has already found: comes with a WebSocket message. */
typedef struct sl_json_index sl_json_index;

/* One value in the flat index, in document order; a container is followed by its content. */
typedef struct sl_json_node {
    uint32_t at, len; /* raw slice; a string's is without its quotes */
    uint32_t next;    /* the node behind this one and all it contains */
    uint8_t type;     /* sl_json_type */
    bool key;         /* an object's key; its value is the next node */
    bool escaped;     /* a string with a backslash in it */
} sl_json_node;

typedef struct sl_json_limits {
    uint32_t depth; /* containers inside each other, the root counts as one; 0: 64 */
    uint32_t nodes; /* 0: 1,000,000 */
} sl_json_limits;

/*
 * A document. Zero it once, read into it as often as you like, deinit it at the end: its
 * memory is kept between reads. Values borrow from the text that was read; after a failed
 * read it is empty.
 *
 * memory   16 bytes a node (at most limits->nodes, and one for two bytes of text), doubled
 *          as it grows; 64 KiB for the scan if a read had to do it
 */
typedef struct sl_json {
    sl_str text;
    sl_json_node *node; /* node[0] is the root */
    uint32_t n, cap;
    uint32_t *piece; /* private: positions in the part of the text that is scanned */
    uint32_t piece_cap;
} sl_json;

/* A value inside a document; type SL_JSON_NONE if there is none. Cheap, pass it by value. */
typedef struct sl_value {
    const sl_json *doc;
    uint32_t i;
} sl_value;

/*
 * Read one complete document.
 *
 * text     borrowed by `doc` until the next read; any bytes
 * index    what came with the message, or NULL: then the text is scanned as it is read, 16 KiB
 *          at a time. An index that overflowed, is unfinished or belongs to a text of another
 *          length counts as NULL
 * limits   NULL: the defaults
 * returns  0, SL_E_JSON, SL_E_UTF8, SL_E_DEPTH, SL_E_TOO_BIG (nodes, or a text of 4 GiB) or
 *          SL_E_NOMEM; `err` says what was expected and at which byte
 * source   RFC 8259; of equal keys in one object the last wins (§4). A lone surrogate as an
 *          escape (\ud800) is grammatical (§8.2) and read; sl_json_unescape refuses it
 */
SL_API int sl_json_read(sl_json *doc, sl_str text, const sl_json_index *index,
                        const sl_json_limits *limits, sl_error *err) SL_MUST_USE;

/*
 * The same for a document that begins at byte `from` of `text` and ends with it, as behind what
 * a wire puts in front (`42["chat"]`, from 2). `index` is of the whole text, and of use unless
 * the bytes in front have quotes, backslashes or control characters. Bytes count from the
 * beginning of `text`, in nodes and in `err`; those in front are not looked at.
 *
 * from     at most text.len
 */
SL_API int sl_json_read_from(sl_json *doc, sl_str text, size_t from, const sl_json_index *index,
                             const sl_json_limits *limits, sl_error *err) SL_MUST_USE;
SL_API void sl_json_deinit(sl_json *doc);

SL_API sl_value sl_json_root(const sl_json *doc);
SL_API sl_json_type sl_value_type(sl_value v);
SL_API sl_str sl_value_raw(sl_value v);                    /* as written; strings with quotes */
SL_API sl_value sl_value_get(sl_value object, sl_str key); /* last of equal keys wins */
SL_API uint32_t sl_value_count(sl_value container);        /* members or elements */

/* Walk a container: `v = first(c); type(v) != NONE; v = next(c, v)`. An object's keys
 * come in `raw_key`. */
SL_API sl_value sl_value_first(sl_value container, sl_str *raw_key);
SL_API sl_value sl_value_next(sl_value container, sl_value v, sl_str *raw_key);

/* Typed access: false if the value is of another type or does not fit. */
SL_API bool sl_value_str(sl_value v, sl_str *raw);    /* between the quotes, still escaped */
SL_API bool sl_value_is_str(sl_value v, sl_str text); /* equal after unescaping */
SL_API bool sl_value_i64(sl_value v, int64_t *out);   /* digits only: not 1.0, not 1e3 */
SL_API bool sl_value_f64(sl_value v, double *out); /* the nearest double; false beyond range */
SL_API bool sl_value_bool(sl_value v, bool *out);

/*
 * The text of a string with its escapes resolved.
 *
 * into     room for raw.len bytes (it never grows)
 * returns  bytes written, or SL_E_UTF8 for a lone surrogate
 */
SL_API int64_t sl_json_unescape(sl_str raw, char *into);

/*
 * Find top-level keys of an object without building an index of what lies deeper: the whole
 * text is still checked for balance and strings, and the top level for its members. Numbers
 * and literals are checked where they are found, and what lies inside deeper containers only
 * for its brackets. Never allocates.
 *
 * key, n   what to look for, at most 16
 * found    n slices: where each value lies, raw; ptr NULL if absent. Last of equal keys wins
 * member   n slices or NULL: the whole `"key": value` text, for cutting it out
 * returns  0, SL_E_JSON (also when the text is no object), SL_E_UTF8, SL_E_DEPTH (beyond 64),
 *          SL_E_INVAL for more than 16 keys, SL_E_TOO_BIG for a text of 4 GiB
 */
SL_API int sl_json_peek(sl_str text, const sl_json_index *index, const sl_str *key, uint32_t n,
                        sl_str *found, sl_str *member) SL_MUST_USE;

/* ---- writing: append-only, onto a growing text ---- */

/*
 * Commas and colons come by themselves. At the outermost level values follow each other
 * without a separator, so that a text can begin with what a wire wants in front of it.
 *
 * rc       the first failure sticks, look once at the end: SL_E_NOMEM, SL_E_DEPTH (beyond 64),
 *          SL_E_INVAL for a member without key, a key where none belongs, an end too many
 */
typedef struct sl_json_out {
    char *ptr;
    size_t len, cap;
    uint32_t depth;
    uint64_t has_item; /* bit per level: a comma is due */
    uint64_t objects;  /* bit per level: it is an object */
    bool after_key;
    int rc;
} sl_json_out;

SL_API void sl_out_deinit(sl_json_out *o); /* a zeroed one is ready for use */
SL_API void sl_out_reset(sl_json_out *o);  /* keep the memory */
SL_API void sl_out_object(sl_json_out *o);
SL_API void sl_out_array(sl_json_out *o);
SL_API void sl_out_end(sl_json_out *o); /* of the innermost object or array */
SL_API void sl_out_key(sl_json_out *o, const char *key);
SL_API void sl_out_str(sl_json_out *o, sl_str text); /* escaped; invalid UTF-8 becomes U+FFFD */
SL_API void sl_out_i64(sl_json_out *o, int64_t v);
SL_API void sl_out_f64(sl_json_out *o, double v); /* the shortest; null if not finite */
SL_API void sl_out_bool(sl_json_out *o, bool v);
SL_API void sl_out_null(sl_json_out *o);
SL_API void sl_out_raw(sl_json_out *o, sl_str json); /* already JSON: passed through */
/* More of the value that was last written, a raw one in pieces: no comma comes in front. */
SL_API void sl_out_more(sl_json_out *o, sl_str json);
/* Empty after a failure; valid until the next call. */
SL_API sl_str sl_out_text(const sl_json_out *o);

#endif
