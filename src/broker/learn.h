/* learn.h: which sets of modules programs begin with, how often lately, and which of them is worth an interpreter of its own. Sets are
 * of the setting `learn`, see common/modules.h. Counting only: it knows no process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEARN_CANDIDATES = 16 };

/* Runs, of which one loses half of its weight in LEARN_HALF_LIFE_NS. */
struct tally {
    float weight;
    uint64_t at; /* when that was its weight */
};

#define LEARN_HALF_LIFE_NS 600000000000ULL
#define LEARN_WORTH 2.5f /* the third run of a few minutes */

float tally_weight(const struct tally *tally, uint64_t now);
void tally_add(struct tally *tally, uint64_t now);

struct candidate {
    uint32_t modules; /* 0: the place is free */
    struct tally runs;
    uint64_t bytes; /* what its interpreter held when there last was one; 0: there was none */
};

struct learn {
    struct candidate candidates[LEARN_CANDIDATES];
};

/* One more program begins with this set. Where there is no place, the one with the least weight goes. */
struct candidate *learn_note(struct learn *learn, uint32_t modules, uint64_t now);

/* What is known of the set; NULL: nothing. */
struct candidate *learn_find(struct learn *learn, uint32_t modules);

/* Whether an interpreter that was made with `needs`, and has `has`, is all that a program with the set wants. */
static inline bool learn_serves(uint32_t needs, uint32_t has, uint32_t modules)
{
    return (needs & ~modules) == 0 && (modules & ~has) == 0;
}

/* What an interpreter has of the set; 0 also where it has what the program does not import. */
static inline int learn_fit(uint32_t needs, uint32_t has, uint32_t modules)
{
    return needs == 0 || (needs & ~modules) != 0 ? 0 : __builtin_popcount(has & modules);
}

/* The heaviest set that is worth an interpreter, has none of the `blocked` modules, and for which `served` says no. NULL: none. */
struct candidate *learn_best(struct learn *learn, uint32_t blocked, uint64_t now, bool (*served)(const void *data, uint32_t modules),
                             const void *data);
