/* SPDX-License-Identifier: MIT */
/* A circular doubly linked list whose nodes live inside what they link. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define LIST_ENTRY(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_add_last(struct list *l, struct list *node)
{
    node->prev = l->prev;
    node->next = l;
    l->prev->next = node;
    l->prev = node;
}

/* Taking out a node that is in no list (initialised alone) is fine. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Move all to `to`, which is overwritten: for walks during which callbacks change the list. */
static inline void list_move_all(struct list *from, struct list *to)
{
    if (list_is_empty(from)) {
        list_init(to);
        return;
    }
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

static inline struct list *list_take_first(struct list *l)
{
    struct list *node = l->next;

    if (node == l) return NULL;
    list_remove(node);
    return node;
}

#endif
