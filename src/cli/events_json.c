/* SPDX-License-Identifier: MIT */
/* The tables of a system for programs: docs/events.md is made of this. */
#include "cli/events.h"

static void put_text(sl_json_out *o, const char *key, const char *text)
{
    if (text == NULL) return;
    sl_out_key(o, key);
    sl_out_str(o, sl_str_of(text));
}

static void put_texts(sl_json_out *o, const char *key, const char *const *text)
{
    if (text == NULL) return;
    sl_out_key(o, key);
    sl_out_array(o);
    for (; *text != NULL; text++)
        sl_out_str(o, sl_str_of(*text));
    sl_out_end(o);
}

static void put_fields(sl_json_out *o, const char *key, const struct shape *s)
{
    if (s == NULL) return;
    sl_out_key(o, key);
    sl_out_array(o);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct field *f = &s->field[i];

        sl_out_object(o);
        put_text(o, "name", f->name);
        put_text(o, "type", events_type(f->type));
        sl_out_key(o, "required");
        sl_out_bool(o, (f->flags & FIELD_REQUIRED) != 0);
        if (f->min != 0 || f->max != 0) {
            sl_out_key(o, "min");
            sl_out_f64(o, f->min);
            sl_out_key(o, "max");
            sl_out_f64(o, f->max);
        }
        put_text(o, "alias", f->alias);
        put_texts(o, "one_of", f->one_of);
        put_fields(o, "each", f->each);
        sl_out_end(o);
    }
    sl_out_end(o);
}

static void put_from(sl_json_out *o, const struct system *sys, unsigned from)
{
    if (from == 0) return;
    sl_out_key(o, "from");
    sl_out_array(o);
    for (unsigned role = 1; from >> role != 0; role++)
        if (from >> role & 1) sl_out_str(o, sl_str_of(sys->roles[role - 1]));
    sl_out_end(o);
}

static void put_intake(sl_json_out *o, const struct system *sys, const struct intake *in)
{
    sl_out_object(o);
    put_text(o, "class", events_class(in->class));
    put_text(o, "help", in->help);
    put_text(o, "ws_type", in->ws_type);
    put_texts(o, "events", in->events);
    if (in->http_path != NULL) put_text(o, "method", events_method(in->http_method));
    put_text(o, "path", in->http_path);
    put_from(o, sys, in->from);
    if (in->bytes_max > 0) {
        sl_out_key(o, "bytes_max");
        sl_out_i64(o, (int64_t)in->bytes_max);
    }
    put_fields(o, "fields", in->shape);
    put_text(o, "list", in->list);
    put_fields(o, "list_fields", in->list_shape);
    put_texts(o, "unique", in->unique);
    sl_out_end(o);
}

static void put_query(sl_json_out *o, const struct query *q)
{
    sl_out_object(o);
    put_text(o, "path", q->path);
    sl_out_key(o, "params");
    sl_out_array(o);
    for (uint32_t i = 0; i < q->param_count; i++) {
        const struct query_param *p = &q->param[i];

        sl_out_object(o);
        put_text(o, "name", p->name);
        put_text(o, "type", p->is_whole ? "whole" : "text");
        if (p->is_whole) {
            sl_out_key(o, "usual");
            sl_out_i64(o, p->usual);
        }
        if (p->is_whole && p->max != INT64_MAX) {
            sl_out_key(o, "max");
            sl_out_i64(o, p->max);
        }
        sl_out_end(o);
    }
    sl_out_end(o);
    sl_out_end(o);
}

void events_put_json(sl_json_out *o, const struct system *sys)
{
    sl_out_object(o);
    put_text(o, "name", sys->name);
    put_texts(o, "roles", sys->roles);
    put_texts(o, "ws_paths", sys->ws_paths);
    sl_out_key(o, "takes");
    sl_out_array(o);
    for (size_t i = 0; i < sys->intake_count; i++)
        put_intake(o, sys, &sys->intakes[i]);
    sl_out_end(o);
    sl_out_key(o, "queries");
    sl_out_array(o);
    for (size_t i = 0; i < sys->query_count; i++)
        put_query(o, &sys->queries[i]);
    sl_out_end(o);
    sl_out_key(o, "pages");
    sl_out_array(o);
    for (size_t i = 0; i < sys->route_count; i++) {
        sl_out_object(o);
        put_text(o, "method", events_method(sys->routes[i].methods));
        put_text(o, "path", sys->routes[i].path);
        sl_out_end(o);
    }
    sl_out_end(o);
    sl_out_end(o);
}
