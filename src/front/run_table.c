/* run_table.c: see run_table.h. Runs in the front. Clients may choose ids: at worst a search walks the runs there are. */
#include "front/run_table.h"

#include <string.h>

static size_t bucket_of(const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return hash % RUN_TABLE_BUCKETS;
}

void run_table_init(struct run_table *table)
{
    for (size_t i = 0; i < RUN_TABLE_BUCKETS; i++)
        list_init(&table->buckets[i]);
}

void run_table_add(struct run_table *table, struct run *run)
{
    list_append(&table->buckets[bucket_of(run->id)], &run->same_bucket);
}

void run_table_remove(struct run *run)
{
    list_remove(&run->same_bucket);
}

struct run *run_table_find(const struct run_table *table, const char *id)
{
    const struct list *bucket = &table->buckets[bucket_of(id)];
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct run *run = LIST_ENTRY(link, struct run, same_bucket);
        if (run->ended != NULL && strcmp(run->id, id) == 0)
            return run;
    }
    return NULL;
}
