/* run_table.h: the runs that wait or run, by id. */
#pragma once

#include "front/run.h"

enum { RUN_TABLE_BUCKETS = 1024 };

struct run_table {
    struct list buckets[RUN_TABLE_BUCKETS];
};

void run_table_init(struct run_table *table);

/* The run leaves the table when it is removed, or freed. */
void run_table_add(struct run_table *table, struct run *run);
void run_table_remove(struct run *run);

/* The run of this id that somebody still waits for, or NULL. */
struct run *run_table_find(const struct run_table *table, const char *id);
