/* rotation.c: when an environment's zygote is replaced by a new one. Every program that a zygote forks has the zygote's
 * memory layout and hash seed: who learns them from one run knows them for the next, so they do not stay the same for
 * ever, and not after a run that died as one dies whose attack has failed. Runs in the broker.
 *
 * A rotation never holds anybody up: the new zygote warms beside the old one. It costs a start of the interpreter and the
 * sandboxes that stand ready, so a program cannot ask for one more often than the machine can bear. */
#include "broker/core.h"

#define REST_MIN_NS 1000000000ULL    /* between two rotations, at least */
#define RETRY_NS 30000000000ULL      /* after a zygote that did not become warm */
enum { GROWTH_BYTES = 32 << 20 };
enum { REST_WARM_UPS = 20 };         /* and at least so many times what a warm-up takes */

void rotation_wanted(struct environment *env, uint64_t at, const char *why)
{
    uint64_t rest = env->warm_up_ns * REST_WARM_UPS;
    if (rest < REST_MIN_NS)
        rest = REST_MIN_NS;
    if (at < env->zygote_since + rest)
        at = env->zygote_since + rest;
    if (env->rotate_at != 0 && env->rotate_at <= at)
        return;
    env->rotate_at = at;
    env->rotate_why = why;
}

void rotation_took_over(struct environment *env, uint64_t now)
{
    env->zygote_since = now;
    env->rotate_at = 0;
    env->runs = env->zygote_bytes = 0;
}

/* The age counts from the first run on: a layout that nobody has seen need not change. */
void rotation_run_started(struct environment *env, uint64_t now)
{
    const struct config_environment *config = env->config;
    env->runs++;
    if (env->runs == 1 && config->rotate_age > 0)
        rotation_wanted(env, env->zygote_since + (uint64_t)(config->rotate_age * 1e9), "age");
    if (config->rotate_runs > 0 && env->runs == (uint64_t)config->rotate_runs)
        rotation_wanted(env, now, "runs");
}

void rotation_run_faulted(struct environment *env, uint64_t now)
{
    if (env->config->rotate_faults)
        rotation_wanted(env, now, "memory fault");
}

/* It runs nothing but our own loop, which keeps nothing; yet what it has preloaded may (a signal's handler, a leak in libc), and each
 * fork copies the tables of all of it. */
void rotation_zygote_holds(struct environment *env, uint64_t bytes, uint64_t now)
{
    if (env->zygote_bytes == 0)
        env->zygote_bytes = bytes;
    else if (bytes > env->zygote_bytes + GROWTH_BYTES)
        rotation_wanted(env, now, "memory");
}

void rotation_failed(struct environment *env, uint64_t now)
{
    env->rotate_at = now + RETRY_NS;
}

bool rotation_due(const struct environment *env, uint64_t now)
{
    return env->rotate_at != 0 && env->rotate_at <= now && env->warm && env->next.pid == 0 && env->old.pid == 0;
}
