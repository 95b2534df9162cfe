/* deadline.c: see deadline.h. Runs in the front. */
#include "front/deadline.h"

void deadline_class_init(struct deadline_class *class, double seconds)
{
    list_init(&class->running);
    class->duration = (uint64_t)(seconds * 1000);
}

void deadline_class_shorten(struct deadline_class *class, double seconds, uint64_t now)
{
    const uint64_t duration = (uint64_t)(seconds * 1000);
    if (duration >= class->duration)
        return;
    class->duration = duration;
    for (struct list *link = class->running.next; link != &class->running; link = link->next) {
        struct deadline *deadline = LIST_ENTRY(link, struct deadline, link);
        if (deadline->at > now + duration)
            deadline->at = now + duration; /* the order stays */
    }
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->link);
}

void deadline_start(struct deadline_class *class, struct deadline *deadline, uint64_t now)
{
    list_remove(&deadline->link);
    deadline->at = now + class->duration;
    list_append(&class->running, &deadline->link);
}

void deadline_stop(struct deadline *deadline)
{
    list_remove(&deadline->link);
}

struct deadline *deadline_expired(struct deadline_class *class, uint64_t now)
{
    if (list_empty(&class->running))
        return NULL;
    struct deadline *first = LIST_ENTRY(class->running.next, struct deadline, link);
    if (first->at > now)
        return NULL;
    deadline_stop(first);
    return first;
}
