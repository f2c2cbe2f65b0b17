/* SPDX-License-Identifier: MIT */
#include "systems/glass_relay.h"

#include "base/buf.h"

#define COPY_MAX 2048
#define HEADROOM 16 /* for the framing of whichever wire it leaves by */
#define KEY_MAX  64 /* raw bytes: ten characters however they are escaped, ours have fewer */

/* Also when the sender wrote it with escapes: "device\u005fid" is device_id to a reader. */
static bool is_one_of(sl_str raw_key, const sl_str *key, size_t n)
{
    char text[KEY_MAX];
    sl_str k = raw_key;

    if (raw_key.len > KEY_MAX) return false;
    if (raw_key.len > 0 && memchr(raw_key.ptr, '\\', raw_key.len) != NULL) {
        int64_t len = sl_json_unescape(raw_key, text);

        if (len < 0) return false; /* a lone surrogate: none of ours */
        k = (sl_str){text, (size_t)len};
    }
    for (size_t i = 0; i < n; i++) {
        if (sl_str_eq(k, key[i])) return true;
    }
    return false;
}

static bool has_any(sl_value root, const sl_str *key, size_t n)
{
    sl_str k;

    for (sl_value v = sl_value_first(root, &k); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(root, v, &k)) {
        if (is_one_of(k, key, n)) return true;
    }
    return false;
}

static void put(sl_buf *b, sl_str text)
{
    memcpy(sl__buf_data(b) + b->len, text.ptr, text.len);
    b->len += text.len;
}

/*
 * The usual way: a small head of ours, then the device's bytes as they are. A few of those are
 * copied: one slice less for each of who knows how many receivers.
 */
static int join(sl_value root, sl_buf *buf, sl_str ours, sl_message *out)
{
    sl_str raw = sl_value_raw(root), rest = {raw.ptr + 1, raw.len - 1};
    bool is_small = rest.len <= COPY_MAX;
    sl_buf *head = sl_buf_new(HEADROOM, ours.len + 2 + (is_small ? rest.len : 0));

    if (head == NULL) return SL_E_NOMEM;
    put(head, SL_STR("{"));
    put(head, ours);
    put(head, SL_STR(","));
    if (is_small) put(head, rest);
    *out = (sl_message){.text = true};
    (void)!sl_message_add(out, head, sl_buf_str(head));
    if (!is_small) (void)!sl_message_add(out, sl_buf_hold(buf), rest);
    return 0;
}

/* It holds keys that are ours to say: written anew without them, values byte for byte. */
static int copy(sl_value root, sl_str ours, const sl_str *key, size_t n, sl_message *out)
{
    sl_buf *b = sl_buf_new(HEADROOM, ours.len + sl_value_raw(root).len + 2);
    sl_str k;

    if (b == NULL) return SL_E_NOMEM;
    put(b, SL_STR("{"));
    put(b, ours);
    for (sl_value v = sl_value_first(root, &k); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(root, v, &k)) {
        if (is_one_of(k, key, n)) continue;
        put(b, SL_STR(",\""));
        put(b, k);
        put(b, SL_STR("\":"));
        put(b, sl_value_raw(v));
    }
    put(b, SL_STR("}"));
    *out = (sl_message){.text = true};
    (void)!sl_message_add(out, b, sl_buf_str(b));
    return 0;
}

int relay_make(sl_value root, sl_buf *buf, sl_str ours, const sl_str *key, size_t n,
               sl_message *out)
{
    *out = (sl_message){0};
    if (sl_value_type(root) != SL_JSON_OBJECT || sl_value_count(root) == 0) return SL_E_INVAL;
    return has_any(root, key, n) ? copy(root, ours, key, n, out) : join(root, buf, ours, out);
}

void relay_drop(sl_message *m)
{
    for (int i = 0; i < m->n; i++)
        sl_buf_drop(m->slice[i].buf);
    *m = (sl_message){0};
}
