/* learn.c: see learn.h. Runs in the broker. What comes from outside is a number of 32 bits, whatever they are. */
#include "broker/learn.h"

float tally_weight(const struct tally *tally, uint64_t now)
{
    const uint64_t age = now > tally->at ? now - tally->at : 0, halves = age / LEARN_HALF_LIFE_NS;
    const float rest = (float)(age % LEARN_HALF_LIFE_NS) / (float)LEARN_HALF_LIFE_NS;
    return halves > 32 ? 0 : tally->weight / (float)(UINT64_C(1) << halves) * (1 - rest / 2); /* between two halves a line will do */
}

void tally_add(struct tally *tally, uint64_t now)
{
    *tally = (struct tally){.weight = tally_weight(tally, now) + 1, .at = now};
}

struct candidate *learn_find(struct learn *learn, uint32_t modules)
{
    for (size_t i = 0; i < LEARN_CANDIDATES; i++)
        if (learn->candidates[i].modules == modules)
            return &learn->candidates[i];
    return NULL;
}

struct candidate *learn_note(struct learn *learn, uint32_t modules, uint64_t now)
{
    struct candidate *candidate = learn_find(learn, modules);
    if (candidate == NULL) {
        candidate = &learn->candidates[0];
        for (size_t i = 1; i < LEARN_CANDIDATES; i++)
            if (tally_weight(&learn->candidates[i].runs, now) < tally_weight(&candidate->runs, now))
                candidate = &learn->candidates[i];
        *candidate = (struct candidate){.modules = modules};
    }
    tally_add(&candidate->runs, now);
    return candidate;
}

struct candidate *learn_best(struct learn *learn, uint32_t blocked, uint64_t now, bool (*served)(const void *data, uint32_t modules),
                             const void *data)
{
    struct candidate *best = NULL;
    float most = LEARN_WORTH;
    for (size_t i = 0; i < LEARN_CANDIDATES; i++) {
        struct candidate *candidate = &learn->candidates[i];
        const float weight = tally_weight(&candidate->runs, now);
        if (candidate->modules == 0 || weight < most || (candidate->modules & blocked) != 0 || served(data, candidate->modules))
            continue;
        best = candidate;
        most = weight;
    }
    return best;
}
