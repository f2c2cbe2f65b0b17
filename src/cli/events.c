/* SPDX-License-Identifier: MIT */
/* `sluice events`: the command line, and the tables for people to read. */
#include "cli/events.h"

#include "cli/commands.h"
#include "cli/options.h"
#include "systems/systems.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

#define ARRAY_N(a) (sizeof(a) / sizeof *(a))
#define INDENT     "          "

/* ---- words ---- */

const char *events_method(unsigned bit)
{
    static const struct {
        unsigned bit;
        const char *word;
    } rows[] = {
        {SL_GET,    "GET"   },
        {SL_POST,   "POST"  },
        {SL_PUT,    "PUT"   },
        {SL_PATCH,  "PATCH" },
        {SL_DELETE, "DELETE"},
    };

    for (size_t i = 0; i < ARRAY_N(rows); i++)
        if (rows[i].bit == bit) return rows[i].word;
    return "";
}

const char *events_class(enum intake_class class)
{
    static const char *const words[] = {
        [CLASS_RECORD] = "record",
        [CLASS_FRAME] = "frame",
        [CLASS_STATE] = "state",
        [CLASS_REPLY] = "reply",
    };

    return words[class];
}

const char *events_type(enum field_type type)
{
    static const char *const words[] = {
        [FIELD_TEXT] = "text",     [FIELD_OPAQUE] = "base64", [FIELD_ID] = "id",
        [FIELD_NUMBER] = "number", [FIELD_WHOLE] = "whole",   [FIELD_BOOL] = "true or false",
        [FIELD_TIME] = "time",     [FIELD_ARRAY] = "list",    [FIELD_OBJECT] = "object",
        [FIELD_ANY] = "anything",
    };

    return words[type];
}

/* ---- for people ---- */

static void print_bounds(FILE *to, const struct field *f)
{
    bool is_number = f->type == FIELD_NUMBER || f->type == FIELD_WHOLE;
    const char *unit = f->type == FIELD_ARRAY ? " items" : is_number ? "" : " bytes";

    if (f->min == 0 && f->max == 0) return;
    if (f->min == 0 && !is_number)
        fprintf(to, ", at most %.0f%s", f->max, unit);
    else
        fprintf(to, ", %.*g to %.*g%s", 15, f->min, 15, f->max, unit);
}

static void print_shape(FILE *to, const struct shape *s, const char *lead)
{
    for (uint32_t i = 0; s != NULL && i < s->n; i++) {
        const struct field *f = &s->field[i];

        fprintf(to, INDENT "%s%-14s %s%s", lead, f->name, events_type(f->type),
                f->flags & FIELD_REQUIRED ? ", required" : "");
        print_bounds(to, f);
        if (f->alias != NULL) fprintf(to, ", or as %s", f->alias);
        for (const char *const *w = f->one_of; w != NULL && *w != NULL; w++)
            fprintf(to, "%s%s", w == f->one_of ? ": " : ", ", *w);
        fprintf(to, "\n");
        if (f->each != NULL) print_shape(to, f->each, "  each ");
    }
}

static void print_size(FILE *to, size_t bytes)
{
    bool is_large = bytes % (1024 * 1024) == 0;

    fprintf(to, INDENT "at most %zu %s\n", bytes / (is_large ? 1024 * 1024 : 1024),
            is_large ? "MiB" : "KiB");
}

static void print_wires(FILE *to, const struct intake *in)
{
    const char *comma = "";

    fprintf(to, INDENT);
    if (in->ws_type != NULL) {
        fprintf(to, "WebSocket {\"type\":\"%s\"}", in->ws_type);
        comma = ", ";
    }
    for (const char *const *name = in->events; name != NULL && *name != NULL; name++) {
        fprintf(to, "%sSocket.IO %s", comma, *name);
        comma = ", ";
    }
    if (in->http_path != NULL)
        fprintf(to, "%s%s %s", comma, events_method(in->http_method), in->http_path);
    fprintf(to, "\n");
}

static void print_sender(FILE *to, const struct system *sys, const struct intake *in)
{
    const char *lead = "from ";

    if (in->from == 0) return;
    fprintf(to, INDENT);
    for (unsigned role = 0; in->from >> role != 0; role++) {
        if ((in->from >> role & 1) == 0) continue;
        fprintf(to, "%s%s", lead,
                role == 0 ? "who has said nothing yet" : sys->roles[role - 1]);
        lead = " or ";
    }
    fprintf(to, "\n");
}

static void print_intake(FILE *to, const struct system *sys, const struct intake *in)
{
    fprintf(to, "  %-7s %s\n", events_class(in->class), in->help != NULL ? in->help : "");
    print_wires(to, in);
    print_sender(to, sys, in);
    if (in->bytes_max > 0) print_size(to, in->bytes_max);
    print_shape(to, in->shape, "");
    if (in->list != NULL) {
        fprintf(to, INDENT "or, over HTTP, several in \"%s\":\n", in->list);
        print_shape(to, in->list_shape, "");
    }
    fprintf(to, "\n");
}

static void print_query(FILE *to, const struct query *q)
{
    fprintf(to, "  %-7s GET %s\n", "query", q->path);
    for (uint32_t i = 0; i < q->param_count; i++) {
        const struct query_param *p = &q->param[i];

        fprintf(to, INDENT "%-14s %s", p->name, p->is_whole ? "whole" : "text");
        if (p->is_whole) fprintf(to, ", usually %" PRId64, p->usual);
        if (p->is_whole && p->max != INT64_MAX) fprintf(to, ", at most %" PRId64, p->max);
        fprintf(to, "\n");
    }
}

void events_print(FILE *to, const struct system *sys)
{
    fprintf(to, "%s", sys->name);
    for (const char *const *p = sys->ws_paths; p != NULL && *p != NULL; p++)
        fprintf(to, "%s%s", p == sys->ws_paths ? ": raw WebSocket at " : " and ", *p);
    fprintf(to, "\n\n");
    for (size_t i = 0; i < sys->intake_count; i++)
        print_intake(to, sys, &sys->intakes[i]);
    for (size_t i = 0; i < sys->query_count; i++)
        print_query(to, &sys->queries[i]);
    for (size_t i = 0; i < sys->route_count; i++)
        fprintf(to, "  %-7s %s %s\n", "page", events_method(sys->routes[i].methods),
                sys->routes[i].path);
}

/* ---- the command ---- */

static int print_json(void)
{
    sl_json_out o = {0};
    bool is_good;

    sl_out_object(&o);
    sl_out_key(&o, "systems");
    sl_out_array(&o);
    for (size_t i = 0; i < system_count; i++)
        events_put_json(&o, systems[i]);
    sl_out_end(&o);
    sl_out_end(&o);
    is_good = o.rc == 0;
    if (is_good) printf("%.*s\n", (int)sl_out_text(&o).len, sl_out_text(&o).ptr);
    sl_out_deinit(&o);
    return is_good ? EX_OK : EX_OSERR;
}

static const char *name_of_system(const void *rows, size_t i)
{
    return ((const struct system *const *)rows)[i]->name;
}

static int no_system(const char *name)
{
    const char *near = nearest(name, name_of_system, systems, system_count);

    fprintf(stderr, "sluice: there is no system '%s'", name);
    if (near != NULL) fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, " All of them: sluice events\n");
    return EX_USAGE;
}

static int help(const struct option *rows, size_t n)
{
    printf("What the hub takes and tells, of each system: its messages by every wire, their\n"
           "fields and limits, and what can be asked for.\n\n"
           "examples:\n"
           "  sluice events                of all systems\n"
           "  sluice events glass          of one\n"
           "  sluice events --json         for programs\n\n"
           "usage: sluice events [SYSTEM] [OPTION]\n\n");
    options_print(rows, n);
    return EX_OK;
}

int cmd_events(int argc, char **argv)
{
    const char *json = NULL, *wanted = NULL;
    bool found = false;
    const struct option rows[] = {
        {"--json", NULL, "all systems, as one JSON object", OPTION_SWITCH, &json, 0, 0, NULL},
    };

    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))
        return help(rows, ARRAY_N(rows));
    if (argc > 0 && argv[0][0] != '-') {
        wanted = argv[0];
        argc--;
        argv++;
    }
    if (!options_read("events", rows, ARRAY_N(rows), argc, argv)) return EX_USAGE;
    if (json != NULL) return print_json();
    for (size_t i = 0; i < system_count; i++) {
        if (wanted != NULL && strcmp(systems[i]->name, wanted) != 0) continue;
        events_print(stdout, systems[i]);
        found = true;
    }
    return found ? EX_OK : no_system(wanted);
}
