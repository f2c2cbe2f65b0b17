/* SPDX-License-Identifier: MIT */
/* Looking around in a document that has been read. */
#include "base/json_inside.h"

#include <string.h>

static const sl_json_node *node_of(sl_value v)
{
    return v.doc && v.i < v.doc->n ? &v.doc->node[v.i] : NULL;
}

static sl_value none(void)
{
    return (sl_value){0};
}

static sl_str slice(sl_value v, uint32_t at, uint32_t len)
{
    return (sl_str){v.doc->text.ptr + at, len};
}

static sl_str key_of(sl_value key)
{
    const sl_json_node *k = node_of(key);
    return slice(key, k->at, k->len);
}

sl_value sl_json_root(const sl_json *doc)
{
    return (sl_value){doc, 0};
}

sl_json_type sl_value_type(sl_value v)
{
    const sl_json_node *n = node_of(v);
    return n ? (sl_json_type)n->type : SL_JSON_NONE;
}

sl_str sl_value_raw(sl_value v)
{
    const sl_json_node *n = node_of(v);

    if (n == NULL) return (sl_str){0};
    if (n->type == SL_JSON_STRING) return slice(v, n->at - 1, n->len + 2);
    return slice(v, n->at, n->len);
}

sl_value sl_value_get(sl_value object, sl_str key)
{
    const sl_json_node *o = node_of(object);
    sl_value found = none();

    if (o == NULL || o->type != SL_JSON_OBJECT) return found;
    const sl_json_node *node = object.doc->node;
    for (uint32_t k = object.i + 1; k < o->next; k = node[k + 1].next) {
        if (!node[k].escaped && node[k].len != key.len) continue;
        sl_str raw = slice(object, node[k].at, node[k].len);
        if (json_raw_is(raw, node[k].escaped, key)) found = (sl_value){object.doc, k + 1};
    }
    return found;
}

/* The child at node `i`, or none; of an object a key lies there and the value behind it. */
static sl_value child(sl_value container, uint32_t i, sl_str *raw_key)
{
    const sl_json_node *c = node_of(container);

    if (raw_key) *raw_key = (sl_str){0};
    if (i >= c->next) return none();
    if (c->type == SL_JSON_ARRAY) return (sl_value){container.doc, i};
    if (raw_key) *raw_key = key_of((sl_value){container.doc, i});
    return (sl_value){container.doc, i + 1};
}

static bool is_container(const sl_json_node *n)
{
    return n && (n->type == SL_JSON_ARRAY || n->type == SL_JSON_OBJECT);
}

sl_value sl_value_first(sl_value container, sl_str *raw_key)
{
    if (is_container(node_of(container))) return child(container, container.i + 1, raw_key);
    if (raw_key) *raw_key = (sl_str){0};
    return none();
}

sl_value sl_value_next(sl_value container, sl_value v, sl_str *raw_key)
{
    const sl_json_node *n = node_of(v);

    if (n && is_container(node_of(container))) return child(container, n->next, raw_key);
    if (raw_key) *raw_key = (sl_str){0};
    return none();
}

uint32_t sl_value_count(sl_value container)
{
    uint32_t n = 0;

    for (sl_value v = sl_value_first(container, NULL); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(container, v, NULL))
        n++;
    return n;
}

bool sl_value_str(sl_value v, sl_str *raw)
{
    const sl_json_node *n = node_of(v);

    if (n == NULL || n->type != SL_JSON_STRING) return false;
    *raw = slice(v, n->at, n->len);
    return true;
}

bool sl_value_is_str(sl_value v, sl_str text)
{
    const sl_json_node *n = node_of(v);

    if (n == NULL || n->type != SL_JSON_STRING) return false;
    return json_raw_is(slice(v, n->at, n->len), n->escaped, text);
}
