/* sets.c: zygotes with learned modules, as in SOCK (USENIX ATC'18): an environment gets one for a set of modules that programs begin
 * with again and again, and loses it when nobody asks any more or another set is asked for more. Runs in the broker; which set a
 * program begins with the client has told, as a number.
 *
 * Such a zygote is started as one that takes over in a rotation is, and has the same life: it imports, checks itself, warms up. Whatever
 * becomes of it, a program that gets no sandbox of a set in time runs in a plain one, and imports for itself. */
#include "broker/core.h"
#include "broker/process.h"
#include "common/log.h"
#include "common/machine.h"
#include "common/modules.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    COST = 20,           /* a zygote's warm-up is paid for with so many times what it took: 5 % of a core at most */
    AT_ONCE = SETS_MAX,  /* so many may be on credit: a workload that is new has what it needs soon */
    MEMORY_SHARE = 8,    /* of the machine's memory one part, at most */
    DEATHS_MAX = 8,
    NAMES_MAX = 256,
};
#define REST_MIN_NS 1000000000ULL
#define DEATH_REST_NS 1000000000ULL    /* after one that died, and twice that after the next */
#define WARM_UP_MAX_NS 60000000000ULL
#define UNUSED_NS 900000000000ULL      /* for so long nobody wanted it: it goes */
#define SETTLED_NS 60000000000ULL      /* before that it does not make place for another one */

void sets_init(const struct broker *broker, struct environment *env)
{
    const size_t count = broker->config->learn_memory > 0 ? modules_count(env->config->learn) : 0;
    env->growth.learnable = count < MODULES_MAX ? (1U << count) - 1 : ~0U;
    for (uint32_t set = SET_PLAIN; set <= SETS_MAX; set++)
        env->sets[set].zygote = MAKER_NONE;
    for (uint32_t i = 0; i < SETS_MAX; i++)
        env->growth.ended[i] = MAKER_NONE;
    env->growth.zygote = MAKER_NONE;
}

static const char *names(const struct environment *env, uint32_t modules, char text[NAMES_MAX])
{
    modules_text(env->config->learn, modules, text, NAMES_MAX);
    return text;
}

/* --- the choice ------------------------------------------------------------------------------------------------------ */

uint32_t sets_best(const struct environment *env, uint32_t modules)
{
    uint32_t best = SET_PLAIN;
    int most = 0;
    for (uint32_t set = 1; set <= SETS_MAX && modules != 0; set++) {
        const int fit = set_is_warm(env, set) ? learn_fit(env->sets[set].needs, env->sets[set].has, modules) : 0;
        if (fit > most) {
            best = set;
            most = fit;
        }
    }
    return best;
}

static bool is_served(const void *data, uint32_t modules)
{
    const struct environment *env = data;
    for (uint32_t set = 1; set <= SETS_MAX; set++)
        if (set_is_warm(env, set) && learn_serves(env->sets[set].needs, env->sets[set].has, modules))
            return true;
    return false;
}

/* The set that is wanted least, among all environments or in one; NULL: there is none. */
static struct set *least_wanted(struct broker *broker, const struct environment *only, uint64_t now, struct environment **whose)
{
    struct set *least = NULL;
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        struct environment *env = &broker->environments[i];
        for (uint32_t set = 1; set <= SETS_MAX && (only == NULL || env == only); set++) {
            struct set *one = &env->sets[set];
            if (!set_is_warm(env, set) || (least != NULL && tally_weight(&one->wanted, now) >= tally_weight(&least->wanted, now)))
                continue;
            least = one;
            *whose = env;
        }
    }
    return least;
}

/* --- memory ---------------------------------------------------------------------------------------------------------- */

static uint64_t budget(const struct broker *broker)
{
    static uint64_t share;
    if (share == 0)
        share = (uint64_t)machine_memory() / MEMORY_SHARE;
    return (uint64_t)broker->config->learn_memory < share ? (uint64_t)broker->config->learn_memory : share;
}

static uint64_t held(const struct broker *broker)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < broker->environment_count; i++)
        for (uint32_t set = 1; set <= SETS_MAX; set++)
            bytes += set_is_warm(&broker->environments[i], set) ? broker->environments[i].sets[set].bytes : 0;
    return bytes;
}

/* What is the process's own, and its part of what it shares (PSS). Before it has forked anything. */
static uint64_t proportional(pid_t pid)
{
    char path[64], line[128];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL && sscanf(line, "Pss: %llu", &kib) != 1)
        ;
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

/* --- the end of one -------------------------------------------------------------------------------------------------- */

/* Killed; reaped when its pidfd tells, so that nobody waits for the kernel to free its memory. */
static void zygote_end(struct broker *broker, struct environment *env, struct maker *zygote, uint32_t set, uint32_t serial)
{
    struct growth *growth = &env->growth;
    for (uint32_t i = 0; i < SETS_MAX; i++) {
        if (growth->ended[i].pid != 0)
            continue;
        syscall(SYS_pidfd_send_signal, zygote->pidfd, SIGKILL, NULL, 0);
        growth->ended[i] = *zygote;
        growth->ended_set[i] = set;
        growth->ended_serial[i] = serial;
        *zygote = MAKER_NONE;
        return;
    }
    maker_stop(zygote);
    maker_forget_forks(broker, env, set, serial);
}

/* The place is free; what was ready of it goes. */
static void drop(struct broker *broker, struct environment *env, uint32_t set, const char *why)
{
    struct set *one = &env->sets[set];
    char text[NAMES_MAX];
    log_event(LOG_INFO, "learned.dropped", LOG_S("environment", env->config->name), LOG_S("modules", names(env, one->modules, text)),
              LOG_S("why", why), LOG_I("runs", (int64_t)one->runs));
    supply_drop(env, set);
    if (one->zygote.pid != 0)
        zygote_end(broker, env, &one->zygote, set, one->serial);
    *one = (struct set){.zygote = MAKER_NONE, .serial = one->serial + 1};
    if (env->growth.place == set && env->growth.zygote.pid != 0)
        env->growth.place = 0; /* what was to replace it has a place of its own then, or none */
    env->growth.unsent = true;
    client_flush(broker);
}

/* Nobody had asked for it: the next one comes later, and the one after that later still. */
static void count_death(struct environment *env, uint64_t now)
{
    struct growth *growth = &env->growth;
    const uint64_t rest = DEATH_REST_NS << growth->deaths;
    growth->deaths += growth->deaths < DEATHS_MAX;
    if (growth->rest_until < now + rest)
        growth->rest_until = now + rest;
    growth->look_at = now;
}

void sets_broke(struct broker *broker, struct environment *env, uint32_t set, const char *why)
{
    const uint64_t now = now_ns();
    char text[NAMES_MAX];
    if (set == SET_PLAIN || !set_is_warm(env, set))
        return;
    log_event(LOG_WARN, "learned.lost", LOG_S("environment", env->config->name),
              LOG_S("modules", names(env, env->sets[set].modules, text)), LOG_S("why", why));
    if (now - env->sets[set].since > SETTLED_NS)
        env->growth.deaths = 0;
    broker->restarts[ROLE_ZYGOTE]++;
    drop(broker, env, set, "it broke");
    count_death(env, now);
}

void sets_end(struct environment *env)
{
    struct growth *growth = &env->growth;
    for (uint32_t set = 1; set <= SETS_MAX; set++) {
        if (env->sets[set].modules == 0)
            continue;
        supply_drop(env, set);
        maker_stop(&env->sets[set].zygote);
        env->sets[set] = (struct set){.zygote = MAKER_NONE, .serial = env->sets[set].serial + 1};
        growth->unsent = true;
    }
    maker_stop(&growth->zygote);
    for (uint32_t i = 0; i < SETS_MAX; i++)
        maker_stop(&growth->ended[i]);
    growth->look_at = 0;
}

/* --- the start of one ------------------------------------------------------------------------------------------------ */

static void rest(struct growth *growth, uint64_t now)
{
    const uint64_t price = (now - growth->since) * COST, credit = price * (AT_ONCE - 1);
    growth->paid_at = (growth->paid_at > now ? growth->paid_at : now) + price;
    growth->rest_until = growth->paid_at - credit > now + REST_MIN_NS ? growth->paid_at - credit : now + REST_MIN_NS;
    growth->look_at = growth->rest_until;
}

static void grow(struct broker *broker, struct environment *env, uint32_t modules, uint32_t place, uint64_t now)
{
    struct growth *growth = &env->growth;
    struct error err;
    growth->since = now;
    growth->modules = modules;
    growth->place = place;
    growth->look_at = now + WARM_UP_MAX_NS;
    if (environment_start_zygote(&growth->zygote, &env->incubator, &env->plan, modules, &err) == 0) {
        if (maker_watch(broker, env, &growth->zygote) == 0)
            return;
        error_set(&err, errno, "epoll_ctl");
        maker_stop(&growth->zygote);
    }
    log_event(LOG_WARN, "learned.failed", LOG_S("environment", env->config->name), LOG_S("error", err.text));
    count_death(env, now);
}

/* The modules that are to blame are not tried again before the environment's own zygote is replaced: what is installed may be
 * another thing then. */
static void grow_failed(struct broker *broker, struct environment *env, uint32_t blamed, const char *why)
{
    struct growth *growth = &env->growth;
    char text[NAMES_MAX];
    maker_output_readable(broker, env, &growth->zygote);
    log_event(LOG_WARN, "learned.failed", LOG_S("environment", env->config->name), LOG_S("modules", names(env, growth->modules, text)),
              LOG_S("error", why));
    growth->blocked |= (blamed & growth->modules) != 0 ? blamed & growth->modules : growth->modules;
    rest(growth, now_ns());
    zygote_end(broker, env, &growth->zygote, SET_PLAIN, 0);
}

/* What does not fit goes, first what is wanted least, be it the new one. */
static void keep_to_budget(struct broker *broker, uint64_t now)
{
    struct environment *whose;
    const struct set *least;
    while (held(broker) > budget(broker) && (least = least_wanted(broker, NULL, now, &whose)) != NULL)
        drop(broker, whose, (uint32_t)(least - whose->sets), "learn-memory");
}

static uint32_t free_place(const struct environment *env)
{
    for (uint32_t set = 1; set <= SETS_MAX; set++)
        if (env->sets[set].modules == 0)
            return set;
    return 0;
}

static void grown(struct broker *broker, struct environment *env, const struct message_zygote_warm *warm, uint64_t now)
{
    struct growth *growth = &env->growth;
    const uint32_t place = growth->place != 0 ? growth->place : free_place(env);
    struct candidate *candidate = learn_find(&growth->learn, growth->modules);
    char text[NAMES_MAX];
    if (place == 0) { /* it was to replace one that went meanwhile, and there is none free */
        zygote_end(broker, env, &growth->zygote, SET_PLAIN, 0);
        return;
    }
    struct set *set = &env->sets[place];
    const bool replaces = set->modules != 0;
    if (replaces) {
        zygote_end(broker, env, &set->zygote, place, set->serial);
    } else {
        set->supply = (struct supply){0};
        set->wanted = candidate != NULL ? candidate->runs : (struct tally){.weight = 1, .at = now};
        set->used_at = now;
    }
    set->modules = growth->modules;
    set->needs = warm->needs;
    set->has = warm->has;
    set->zygote = growth->zygote;
    growth->zygote = MAKER_NONE;
    set->serial++;
    set->since = now;
    set->runs = set->rotate_at = 0;
    set->bytes = proportional(set->zygote.pid);
    const uint64_t took = now - growth->since;
    const uint64_t plain = env->warm_up_ns < took / 2 ? env->warm_up_ns : took / 2; /* that one may have begun on a busy machine */
    set->import_ns = took - plain;
    if (candidate != NULL)
        candidate->bytes = set->bytes;
    log_event(LOG_INFO, replaces ? "learned.rotated" : "learned.warm", LOG_S("environment", env->config->name),
              LOG_S("modules", names(env, set->has, text)), LOG_T("took", (double)(now - growth->since) / 1e9),
              LOG_I("bytes", (int64_t)set->bytes));
    rest(growth, now);
    growth->unsent = true;
    keep_to_budget(broker, now);
    client_flush(broker);
    supply_fill(broker, env);
}

/* --- what is due ----------------------------------------------------------------------------------------------------- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void drop_unused(struct broker *broker, struct environment *env, uint64_t now)
{
    for (uint32_t set = 1; set <= SETS_MAX; set++)
        if (set_is_warm(env, set) && now - env->sets[set].used_at >= UNUSED_NS)
            drop(broker, env, set, "nobody asks for it");
}

/* Whether there is, or was made, room for one more. */
static bool make_room(struct broker *broker, struct environment *env, const struct candidate *candidate, uint64_t now)
{
    uint32_t count = 0;
    for (uint32_t set = 1; set <= SETS_MAX; set++)
        count += set_is_warm(env, set);
    const bool place = count < SETS_MAX && count < learned_most(env);
    const bool memory = held(broker) + candidate->bytes <= budget(broker);
    struct environment *whose = NULL;
    const struct set *least = place && memory ? NULL : least_wanted(broker, place ? NULL : env, now, &whose);
    if (place && memory)
        return true;
    if (least == NULL || candidate->bytes > budget(broker) || now - least->since < SETTLED_NS ||
        tally_weight(&least->wanted, now) * 2 > tally_weight(&candidate->runs, now))
        return false;
    drop(broker, whose, (uint32_t)(least - whose->sets), "another set is wanted more");
    return make_room(broker, env, candidate, now);
}

static void grow_if_due(struct broker *broker, struct environment *env, uint64_t now)
{
    struct growth *growth = &env->growth;
    if (growth->zygote.pid != 0 || now < growth->rest_until || !env->warm || broker->stopping || broker->retiring)
        return;
    for (uint32_t set = 1; set <= SETS_MAX; set++) {
        struct set *one = &env->sets[set];
        if (set_is_warm(env, set) && one->rotate_at != 0 && one->rotate_at <= now) {
            grow(broker, env, one->modules, set, now);
            return;
        }
    }
    const struct candidate *candidate = learn_best(&growth->learn, growth->blocked, now, is_served, env);
    if (candidate != NULL && make_room(broker, env, candidate, now))
        grow(broker, env, candidate->modules, 0, now);
}

void sets_look(struct broker *broker, struct environment *env, uint64_t now)
{
    struct growth *growth = &env->growth;
    growth->look_at = 0;
    if (growth->zygote.pid != 0 && now - growth->since >= WARM_UP_MAX_NS)
        grow_failed(broker, env, 0, "it did not become warm in time");
    drop_unused(broker, env, now);
    grow_if_due(broker, env, now);
    if (growth->zygote.pid != 0)
        growth->look_at = sooner(growth->look_at, growth->since + WARM_UP_MAX_NS);
    for (uint32_t set = 1; set <= SETS_MAX; set++) {
        if (!set_is_warm(env, set))
            continue;
        growth->look_at = sooner(growth->look_at, env->sets[set].used_at + UNUSED_NS);
        if (growth->zygote.pid == 0 && env->sets[set].rotate_at != 0)
            growth->look_at = sooner(growth->look_at, env->sets[set].rotate_at > growth->rest_until ? env->sets[set].rotate_at : growth->rest_until);
    }
}

/* --- runs ------------------------------------------------------------------------------------------------------------ */

void sets_want_rotation(struct environment *env, struct set *set, uint64_t at)
{
    struct growth *growth = &env->growth;
    set->rotate_at = sooner(set->rotate_at, at);
    const uint64_t from = set->rotate_at > growth->rest_until ? set->rotate_at : growth->rest_until;
    growth->look_at = sooner(growth->look_at, from);
}

/* As rotation_run_started(), for the set's zygote. */
static void count_run(struct environment *env, struct set *set, uint64_t now)
{
    const struct config_environment *config = env->config;
    set->runs++;
    if (set->runs == 1 && config->rotate_age > 0)
        sets_want_rotation(env, set, set->since + (uint64_t)(config->rotate_age * 1e9));
    if (config->rotate_runs > 0 && set->runs == (uint64_t)config->rotate_runs)
        sets_want_rotation(env, set, now);
}

void sets_run_started(struct broker *broker, const struct slot *slot, uint32_t modules, uint64_t now)
{
    struct environment *env = slot->environment;
    struct growth *growth = &env->growth;
    modules &= growth->learnable & ~growth->blocked & ~growth->there;
    const uint32_t best = sets_best(env, modules);
    supply_run_started(broker, slot, best, now);
    if (slot->set == SET_PLAIN)
        rotation_run_started(env, now);
    else if (slot->zygote == set_serial(env, slot->set))
        count_run(env, &env->sets[slot->set], now);
    if (modules == 0)
        return;
    if (best != SET_PLAIN) {
        env->sets[best].used_at = now;
        tally_add(&env->sets[best].wanted, now);
    }
    const struct candidate *candidate = learn_note(&growth->learn, modules, now);
    if (growth->zygote.pid == 0 && tally_weight(&candidate->runs, now) >= LEARN_WORTH && !is_served(env, modules))
        growth->look_at = sooner(growth->look_at, growth->rest_until > now ? growth->rest_until : now);
}

void sets_run_faulted(struct environment *env, uint32_t set, uint64_t now)
{
    if (set == SET_PLAIN)
        rotation_run_faulted(env, now);
    else if (env->config->rotate_faults && set_is_warm(env, set))
        sets_want_rotation(env, &env->sets[set], now);
}

void sets_plain_is_warm(struct environment *env, uint32_t has)
{
    env->growth.there = has;
    env->growth.blocked = 0;
    env->growth.deaths = 0;
}

/* --- what they say --------------------------------------------------------------------------------------------------- */

/* A zygote that forks: it may answer only what it was asked. False: it broke the protocol. */
static bool forked(struct broker *broker, struct environment *env, uint32_t set, uint32_t serial, const struct message *message)
{
    const struct slot *slot = message->head.slot < env->slot_count ? &env->slots[message->head.slot] : NULL;
    if (message->head.type != MESSAGE_PROGRAM_FORKED || slot == NULL || slot->generation != message->head.generation ||
        !slot->fork_pending || slot->set != set || slot->zygote != serial)
        return false;
    slot_program_forked(broker, env, message);
    return true;
}

static void warming_says(struct broker *broker, struct environment *env, struct message *message)
{
    struct message_zygote_warm *warm = &message->zygote_warm;
    warm->what[sizeof warm->what - 1] = '\0';
    if (message->head.type != MESSAGE_ZYGOTE_WARM)
        grow_failed(broker, env, 0, "it sent a message that it may not send");
    else if (warm->error != 0)
        grow_failed(broker, env, warm->failed, warm->what);
    else
        grown(broker, env, warm, now_ns());
}

struct owner {
    struct maker *zygote;
    uint32_t set, serial;
    bool warming, ended;
};

static bool find_owner(struct environment *env, pid_t pid, struct owner *owner)
{
    struct growth *growth = &env->growth;
    *owner = (struct owner){.zygote = &growth->zygote, .warming = true};
    if (pid <= 0 || growth->zygote.pid == pid)
        return pid > 0;
    for (uint32_t set = 1; set <= SETS_MAX; set++) {
        *owner = (struct owner){.zygote = &env->sets[set].zygote, .set = set, .serial = env->sets[set].serial};
        if (owner->zygote->pid == pid)
            return true;
    }
    for (uint32_t i = 0; i < SETS_MAX; i++) {
        *owner = (struct owner){.zygote = &growth->ended[i], .set = growth->ended_set[i], .serial = growth->ended_serial[i], .ended = true};
        if (owner->zygote->pid == pid)
            return true;
    }
    return false;
}

bool sets_own(const struct environment *env, pid_t pid)
{
    struct owner owner;
    return find_owner((struct environment *)env, pid, &owner);
}

static void broke(struct broker *broker, struct environment *env, const struct owner *owner, const char *why)
{
    if (owner->warming)
        grow_failed(broker, env, 0, why);
    else if (!owner->ended)
        sets_broke(broker, env, owner->set, why);
}

static void readable(struct broker *broker, struct environment *env, pid_t pid)
{
    struct owner owner;
    struct message message;
    while (find_owner(env, pid, &owner)) { /* a message may make it another one */
        const int r = channel_receive(owner.zygote->channel, &message);
        if (r < 0 && errno == EAGAIN)
            return;
        if (r <= 0) {
            epoll_ctl(broker->epoll, EPOLL_CTL_DEL, owner.zygote->channel, NULL);
            if (r < 0)
                broke(broker, env, &owner, "it broke the protocol");
            return; /* its end is told by the pidfd, with how it ended */
        }
        watchdog_heard(&owner.zygote->watchdog);
        if (owner.warming)
            warming_says(broker, env, &message);
        else if (!forked(broker, env, owner.set, owner.serial, &message))
            broke(broker, env, &owner, "it sent a message that it may not send");
        message_close_fds(&message);
        if (owner.ended && message.head.type != MESSAGE_PROGRAM_FORKED)
            return;
    }
}

static void ended(struct broker *broker, struct environment *env, pid_t pid)
{
    struct owner owner;
    char why[96] = "the interpreter ";
    readable(broker, env, pid); /* its last words */
    if (!find_owner(env, pid, &owner))
        return;
    process_describe_ended(pid, why + strlen(why), sizeof why - strlen(why));
    broke(broker, env, &owner, why);
    if (!find_owner(env, pid, &owner)) /* among the ended ones now, or already reaped */
        return;
    maker_stop(owner.zygote);
    maker_forget_forks(broker, env, owner.set, owner.serial);
}

bool sets_hang(struct broker *broker, struct environment *env, const struct maker *maker, const char *why)
{
    struct owner owner;
    if (!find_owner(env, maker->pid, &owner))
        return false;
    broke(broker, env, &owner, why);
    return true;
}

bool sets_event(struct broker *broker, struct environment *env, enum watch what, pid_t pid)
{
    struct owner owner;
    if (!find_owner(env, pid, &owner))
        return false;
    if (what == WATCH_MAKER)
        readable(broker, env, pid);
    else if (what == WATCH_MAKER_PID)
        ended(broker, env, pid);
    else
        maker_output_readable(broker, env, owner.zygote);
    return true;
}
