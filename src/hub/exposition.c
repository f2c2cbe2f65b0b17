/* SPDX-License-Identifier: MIT */
#include "hub/exposition.h"

#include <stdio.h>

static void add(struct exposition *x, const char *z)
{
    lines_add(&x->text, sl_str_of(z));
}

/* Backslash and line feed; quotes only where a value stands in them. */
static void add_escaped(struct exposition *x, const char *z, bool in_quotes)
{
    const char *special = in_quotes ? "\\\n\"" : "\\\n";

    while (*z != '\0') {
        size_t plain = strcspn(z, special);

        lines_add(&x->text, (sl_str){z, plain});
        z += plain;
        if (*z == '\0') return;
        lines_add(&x->text, *z == '\n'  ? SL_STR("\\n")
                            : *z == '"' ? SL_STR("\\\"")
                                        : SL_STR("\\\\"));
        z++;
    }
}

static void begin_sample(struct exposition *x, const char *suffix, const struct label *labels)
{
    const char *before = "{";

    add(x, x->family);
    add(x, suffix);
    if (labels == NULL || labels->name == NULL) {
        add(x, " ");
        return;
    }
    for (; labels->name != NULL; labels++) {
        add(x, before);
        add(x, labels->name);
        add(x, "=\"");
        add_escaped(x, labels->value, true);
        add(x, "\"");
        before = ",";
    }
    add(x, "} ");
}

static void put_count(struct exposition *x, uint64_t v)
{
    lines_add_u64(&x->text, v);
    add(x, "\n");
}

/* Exact, however long it has been running: no float comes near it. */
static void put_seconds(struct exposition *x, uint64_t us)
{
    char text[32];

    snprintf(text, sizeof text, "%llu.%06u\n", (unsigned long long)(us / 1000000),
             (unsigned)(us % 1000000));
    add(x, text);
}

void exposition_deinit(struct exposition *x)
{
    lines_deinit(&x->text);
}

void exposition_reset(struct exposition *x)
{
    lines_reset(&x->text);
    x->family = NULL;
}

void exposition_family(struct exposition *x, const char *name, const char *type,
                       const char *help)
{
    x->family = name;
    add(x, "# HELP ");
    add(x, name);
    add(x, " ");
    add_escaped(x, help, false);
    add(x, "\n# TYPE ");
    add(x, name);
    add(x, " ");
    add(x, type);
    add(x, "\n");
}

void exposition_count(struct exposition *x, const struct label *labels, uint64_t v)
{
    begin_sample(x, "", labels);
    put_count(x, v);
}

void exposition_seconds(struct exposition *x, const struct label *labels, uint64_t us)
{
    begin_sample(x, "", labels);
    put_seconds(x, us);
}

void exposition_histogram(struct exposition *x, const uint64_t *bucket, const uint32_t *le_us,
                          int bounds, uint64_t sum_us)
{
    uint64_t n = 0;
    char le[24];

    for (int i = 0; i <= bounds; i++) {
        const struct label labels[] = {
            {"le", le},
            {0   }
        };

        if (i < bounds)
            snprintf(le, sizeof le, "%g", le_us[i] / 1e6);
        else
            snprintf(le, sizeof le, "+Inf");
        n += bucket[i];
        begin_sample(x, "_bucket", labels);
        put_count(x, n);
    }
    begin_sample(x, "_sum", NULL);
    put_seconds(x, sum_us);
    begin_sample(x, "_count", NULL);
    put_count(x, n);
}
