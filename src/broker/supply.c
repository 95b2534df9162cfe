/* supply.c: how many sandboxes of each environment stand ready, and when they are made. Runs in the broker. */
#include "broker/core.h"

enum { MAKING_MAX = 8 };
#define FILL_DELAY_NS 1500000ULL

/* One that has a nest already, if there is any. */
static struct slot *free_slot(struct environment *env)
{
    struct slot *found = NULL;
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        if (slot->state == SLOT_FREE && slot->init != 0)
            return slot;
        if (slot->state == SLOT_FREE && found == NULL)
            found = slot;
    }
    return found;
}

/* Ready, and not to be dropped soon. */
static bool is_fresh(const struct environment *env, const struct slot *slot)
{
    return slot->state == SLOT_READY && slot->zygote == env->zygote_serial && !slot->unwanted;
}

void supply_fill(struct broker *broker, struct environment *env)
{
    uint32_t ready = 0, making = 0;
    if (!env->warm || broker->stopping || broker->failed || broker->client_channel < 0)
        return;
    if (env->making_failures > 0 && now_ns() < env->make_again_at)
        return;
    slots_reclaim(env);
    for (uint32_t i = 0; i < env->slot_count; i++) {
        ready += is_fresh(env, &env->slots[i]);
        making += env->slots[i].state == SLOT_NESTING || env->slots[i].state == SLOT_FORKING;
    }
    struct slot *slot;
    while (ready + making < (uint64_t)env->config->pool && making < MAKING_MAX && env->warm && !broker->failed &&
           (slot = free_slot(env)) != NULL) {
        slot_make(broker, slot);
        making++;
    }
}

void supply_fill_all(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->environment_count; i++)
        supply_fill(broker, &broker->environments[i]);
}

/* Most runs are over within a millisecond: making the next sandbox meanwhile would only take the core from them. */
void supply_run_started(struct environment *env, uint64_t now)
{
    if (env->fill_at == 0)
        env->fill_at = now + FILL_DELAY_NS;
}

/* What an earlier zygote has forked is used as long as it is all there is: one is dropped for each new one. */
void supply_became_ready(struct broker *broker, struct environment *env)
{
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        if (slot->state == SLOT_READY && slot->zygote != env->zygote_serial && !slot->unwanted) {
            slot_unwanted(slot);
            return;
        }
    }
}
