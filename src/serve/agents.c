/* SPDX-License-Identifier: MIT */
#include "serve/agents.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/str.h"

struct agent {
    uint32_t refs;
    uint8_t number;
    sl_str text;
    char bytes[];
};

struct agents {
    struct map *by_text;
    struct agent *row[AGENTS_MAX + 1]; /* 0 is nobody's */
    uint32_t n;                        /* rows that have been in use */
    uint8_t first_free;                /* of those; 0: none */
    uint8_t next_free[AGENTS_MAX + 1];
};

static struct agents *agents_new(void)
{
    struct agents *all = sl__zalloc(sizeof *all);

    if (all == NULL) return NULL;
    all->by_text = map_new();
    if (all->by_text != NULL) return all;
    sl__free(all);
    return NULL;
}

void agents_free(struct agents *all)
{
    if (all == NULL) return;
    for (uint32_t i = 1; i <= all->n; i++)
        sl__free(all->row[i]);
    map_free(all->by_text);
    sl__free(all);
}

/* A number that nobody has; 0: none is left. Not taken yet. */
static uint8_t find_free(const struct agents *all)
{
    if (all->first_free != 0) return all->first_free;
    return all->n < AGENTS_MAX ? (uint8_t)(all->n + 1) : 0;
}

static uint8_t add(struct agents *all, sl_str text)
{
    uint8_t number = find_free(all);
    struct agent *a = number != 0 ? sl__alloc(sizeof *a + text.len) : NULL;

    if (a == NULL) return 0;
    *a = (struct agent){
        .refs = 1, .number = number, .text = {a->bytes, text.len}
    };
    memcpy(a->bytes, text.ptr, text.len); /* behind the assignment: it may reach that far */
    if (map_put(all->by_text, a->text, a, NULL) < 0) {
        sl__free(a);
        return 0;
    }
    if (number == all->first_free)
        all->first_free = all->next_free[number];
    else
        all->n++;
    all->row[number] = a;
    return number;
}

uint8_t agents_hold(struct agents **all, sl_str text)
{
    struct agent *a;

    if (text.ptr == NULL || text.len == 0) return 0;
    if (*all == NULL) *all = agents_new();
    if (*all == NULL) return 0;
    text = str_part(text, 0, AGENT_BYTES_MAX);
    a = map_find((*all)->by_text, text);
    if (a == NULL) return add(*all, text);
    a->refs++;
    return a->number;
}

uint8_t agents_hold_again(struct agents *all, uint8_t agent)
{
    if (agent != 0) all->row[agent]->refs++;
    return agent;
}

void agents_drop(struct agents *all, uint8_t agent)
{
    struct agent *a = agent != 0 ? all->row[agent] : NULL;

    if (a == NULL || --a->refs > 0) return;
    map_remove(all->by_text, a->text);
    sl__free(a);
    all->row[agent] = NULL;
    all->next_free[agent] = all->first_free;
    all->first_free = agent;
}

sl_str agents_text(const struct agents *all, uint8_t agent)
{
    return agent != 0 ? all->row[agent]->text : (sl_str){0};
}
