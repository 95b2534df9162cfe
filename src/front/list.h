/* list.h: a doubly linked ring with a sentinel; the links live in the members. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define LIST_ENTRY(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}

/* Also true for a member that is in no list. */
static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *member)
{
    member->prev = list->prev;
    member->next = list;
    list->prev->next = member;
    list->prev = member;
}

static inline void list_prepend(struct list *list, struct list *member)
{
    list_append(list->next, member);
}

static inline void list_remove(struct list *member)
{
    member->prev->next = member->next;
    member->next->prev = member->prev;
    list_init(member);
}
