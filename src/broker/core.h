/* core.h: the broker's own state, shared by broker.c (the loop), slot.c (a sandbox's life) and client.c (who asks). */
#pragma once

#include "broker/cgroup.h"
#include "broker/environment.h"
#include "broker/learn.h"
#include "common/clock.h"
#include "common/channel.h"
#include "common/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* A sandbox's life. Slots are used again and again; every sandbox in one is new. */
enum slot_state {
    SLOT_FREE,
    SLOT_NESTING,     /* the incubator makes the nest */
    SLOT_FORKING,     /* the zygote forks the program into it, which seals itself and warms up */
    SLOT_READY,       /* handed to the client */
    SLOT_RUNNING,
    SLOT_DYING,       /* over: what is left of it is being killed */
    SLOT_QUARANTINED, /* could not be cleaned: never used again */
};

struct environment;

struct slot {
    enum slot_state state;
    struct environment *environment; /* whose it is, for ever */
    uint32_t index;                  /* among all: its number for the client */
    uint32_t place;                  /* among its environment's: its number for the makers */
    uint64_t generation;
    struct cgroup cgroup;
    bool has_cgroup;
    uint32_t set;       /* which of them the program is for, see struct set */
    uint32_t zygote;    /* serial number, among the set's, of the zygote that forked the program */
    uint32_t needs, has; /* of the set, when it was forked */

    pid_t init, program; /* children of ours; 0: none, or reaped. The init outlives a run that left nothing behind */
    int init_pidfd, program_pidfd;
    pid_t ended; /* the program when it has ended and is not reaped yet, see bury(); 0: none */
    /* see collector.c; 0, -1: there is none, as for most runs */
    pid_t collector;
    int collector_pidfd, collector_control, collector_client /* the client's end, until it is handed over */;
    bool collects;  /* it stays until the run is over */
    bool collecting; /* the run is over, and it does */
    bool preparing; /* between RUN_PREPARE and RUN_PREPARED */
    bool lowered;   /* the cgroup's limits are not the environment's any more */
    uint64_t nest;   /* generation of the sandbox that the nest was made for; names the init in events */
    bool nest_spent; /* the nest is not for another run: something may live in it, or its makers are gone */
    int job, out, err, report; /* the client's ends, until they are handed over; -1 */

    uint64_t made_at, deadline; /* CLOCK_MONOTONIC, ns; deadline 0: none */
    uint64_t setup_ns, ready_at, started_at, ended_at;
    uint64_t timeout_ns, cpu_time_ns;
    uint64_t memory_limit; /* the one in force, bytes */
    struct cgroup_usage before; /* counters at READY: what the making cost is not the program's */
    int wait_status;
    bool program_over;
    bool nest_pending;    /* the incubator owes an answer: the init may exist without our knowing */
    bool fork_pending;    /* the zygote owes an answer: the program may exist without our knowing */
    uint32_t oom_checks;  /* times left to look whether the OOM killer has ended somebody */
    uint32_t kill_reason; /* enum run_outcome; 0: it ended by itself */
    uint64_t cpu_at_end_ns; /* its processor time when it was asked for its last words, or judged */
    bool last_words;      /* it may still say where it is before it is killed */
    bool started;         /* a RUN_START was taken; a RUN_ENDED is owed */
    struct message_run_ended verdict;
    bool verdict_unsent, ready_unsent, unwanted_unsent, prepared_unsent;
    uint64_t gone; /* generation of the one whose end the client is to be told; 0: of none */
    bool unwanted; /* the client was, or will be, told to drop it */
};

/* What supply.c knows of the demand for sandboxes of one set. */
struct supply {
    uint64_t making_ns;      /* what making one takes, smoothed */
    uint64_t holds_bytes;    /* what a ready one holds, at the last look */
    uint64_t moment_since;   /* the present moment: as long as making one takes */
    uint32_t moment_starts;  /* runs that have come in it */
    uint32_t waiting;        /* runs that the client has told to wait for a sandbox of it, less those that have started since */
    uint64_t period_since;   /* the present period: as long as pool-idle */
    uint32_t needed, needed_before; /* most runs of one moment, in this period and in the one before */
    uint64_t used_at;        /* when a run last came, or the environment became warm */
    uint64_t look_at;        /* when it is looked whether there are too many; 0: there are none above the least */
};

/* The zygotes of an environment: its own, SET_PLAIN, and up to SETS_MAX that have imported modules of the setting `learn` besides,
 * because programs begin with them again and again. Sandboxes of all of them have the same slots, nests and limits. */
enum { SET_PLAIN = 0, SETS_MAX = LEARNED_MAX };

struct set {
    struct supply supply;
    /* The rest is empty for SET_PLAIN. */
    uint32_t modules;    /* what it was asked for; 0: the place is free */
    uint32_t needs, has; /* see struct message_zygote_warm */
    struct maker zygote;
    uint32_t serial;     /* of the zygote: of all that had this place none has the same */
    uint64_t since;      /* when it became warm */
    uint64_t used_at;    /* by the last run that wanted it */
    uint64_t bytes;      /* what it held when it was warm */
    uint64_t import_ns;  /* what it took longer than the environment's own to become warm, about */
    uint64_t runs;       /* started in its sandboxes */
    uint64_t rotate_at;  /* when another zygote takes its place; 0: there is no reason yet */
    uint64_t replaced;   /* as environment.zygote_replaced */
    struct tally wanted;
};

/* What sets.c knows of an environment. */
struct growth {
    struct learn learn;
    struct maker zygote;   /* that is warming; one at a time */
    uint32_t modules;      /* what it imports */
    uint32_t place;        /* of the set that it replaces; 0: of none */
    uint64_t since;
    struct maker ended[SETS_MAX]; /* killed, and not reaped yet */
    uint32_t ended_set[SETS_MAX], ended_serial[SETS_MAX];
    uint32_t learnable;    /* all modules of `learn`; 0: nothing is learned */
    uint32_t blocked;      /* modules that cannot be learned, until the environment's zygote is replaced */
    uint32_t there;        /* modules that its own zygote has */
    uint64_t paid_at;      /* when all that were started are paid for */
    uint64_t rest_until;   /* no other one is started before that */
    uint32_t deaths;       /* of zygotes, in a row, that nobody had asked for */
    uint64_t look_at;      /* when there may be something to do; 0: there is nothing */
    bool unsent;           /* the client does not know yet which sets there are */
};

/* A Python that programs run with, see environment.h. It has slots of its own, so that no other one's runs can take them. */
struct environment {
    const struct config_environment *config;
    uint32_t index; /* in the settings: its number for the client */
    struct slot *slots;
    uint32_t slot_count;
    struct environment_plan plan;

    struct maker incubator, zygote;
    bool warm;
    bool lost_forks;            /* a zygote died that owed some: who they are shows when nobody else owes an answer */
    bool resting;               /* nobody has used it for long, and its pool is 0: it has no processes until somebody does */
    uint64_t since;             /* when they were started */

    /* Rotation: `next` warms up and then takes the zygote's place, which becomes `old` until it owes no answer. */
    struct maker next, old;
    uint32_t zygote_serial;   /* of the present zygote */
    uint64_t zygote_since;    /* when it took over */
    uint64_t next_since;      /* when `next` was started */
    uint64_t warm_up_ns;      /* how long the present zygote needed */
    uint64_t rotate_at;       /* when the next rotation begins; 0: there is no reason yet */
    const char *rotate_why;
    uint64_t runs;            /* started in the present zygote's time */
    uint64_t zygote_replaced; /* which files replaced.c saw replaced last; not forgotten with the zygote */
    unsigned looks;           /* of replaced.c's, in ticks */
    uint64_t zygote_bytes;    /* what it had in memory when it was first looked at; 0: it was not yet */

    uint64_t retry_at, backoff; /* when they are started again; 0: they run */
    bool served_once;           /* a first sandbox has become ready: the layers work here */
    char python[32];            /* its version; "" before it was warm once */
    int inventory;              /* what the zygote found installed, for the client; never read here; -1 */
    bool state_unsent;          /* the client does not know yet whether it is warm */

    struct set sets[1 + SETS_MAX];
    struct growth growth;
    uint64_t fill_at;         /* when the pool is filled up again; 0: at the next occasion */
    uint32_t making_failures; /* in a row, up to a bound */
    uint64_t make_again_at;   /* after a failure */
};

struct broker {
    const struct config *config;
    int epoll, signals;
    bool stopping;
    bool retiring; /* the next generation serves: this one finishes what it has */
    int control;   /* to the supervisor, see seat.h; -1: there is none */
    bool holds;    /* the front does not accept before everything is ready */
    int exit_status;
    struct error failure; /* why the service stops, when it has to */
    bool failed;

    struct cgroup_tree cgroups;
    struct environment environments[CONFIG_ENVIRONMENTS_MAX];
    uint32_t environment_count;

    int (*client_start)(struct broker *broker, struct error *err);
    void *client_data;
    pid_t client;
    int client_pidfd, client_channel;
    uint64_t client_retry_at, client_since, client_backoff;
    bool client_blocked; /* its channel is full: what is unsent waits */
    bool stats_unsent, mode_unsent;
    int keys; /* a memory file with the API keys, for the client; -1: none are configured */
    bool keys_unsent;
    struct watchdog client_watchdog;
    bool ping_unsent;
    uint64_t watch_at; /* the next look at who owes an answer, see watch.c */
    uint64_t restarts[ROLE_COUNT];
    int listen_fd;
    bool told_ready; /* the supervisor */
    char *isolation; /* JSON, what GET /info tells of the layers; NULL: nobody asks */

    struct slot *slots;
    uint32_t slot_count;
    uint64_t generation;
};

/* epoll data: what a descriptor is; of which environment and process, by its pid; or of which slot, and, from
 * WATCH_SLOT_INIT on, the low bits of the generation (of the nest, for its init), against stale events. */
enum watch { WATCH_SIGNAL = 1, WATCH_CLIENT, WATCH_CLIENT_PID, WATCH_CONTROL, WATCH_MAKER, WATCH_MAKER_PID, WATCH_MAKER_OUTPUT, WATCH_SLOT_OOM, WATCH_SLOT_INIT, WATCH_SLOT_PROGRAM, WATCH_SLOT_JOB, WATCH_SLOT_COLLECTOR };

/* Closes a descriptor where there is one; *fd becomes -1. */
static inline void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int broker_watch(struct broker *broker, int fd, uint32_t events, enum watch what, const struct slot *slot);
int broker_watch_maker(struct broker *broker, int fd, enum watch what, const struct environment *env, pid_t pid);
/* Stops the service because it cannot go on; the first reason wins. */
void broker_fail(struct broker *broker, const struct error *err);
/* makers.c: the life of an environment's processes */
int environment_begin(struct broker *broker, struct environment *env, struct error *err);
/* They broke: ends both processes and starts them again a little later. Before the first sandbox that ends the service. */
void environment_lose(struct broker *broker, struct environment *env, const char *why);
void environment_event(struct broker *broker, struct environment *env, enum watch what, pid_t pid);
void environment_deadline(struct broker *broker, struct environment *env, uint64_t now);
void environment_end(struct environment *env);
void environment_wake(struct broker *broker, struct environment *env); /* starts it if it is at rest */
/* One of its processes is of no use any more: what its death would bring. */
void environment_maker_hangs(struct broker *broker, struct environment *env, const struct maker *maker, const char *why);
int maker_watch(struct broker *broker, const struct environment *env, const struct maker *maker); /* 0, or -1 with errno */
void maker_output_readable(struct broker *broker, const struct environment *env, const struct maker *maker); /* logs it */
/* A zygote has ended that still owed the answers about these slots: what it was making is lost. */
void maker_forget_forks(struct broker *broker, struct environment *env, uint32_t set, uint32_t serial);
/* The pidfd of a process that a maker says to have made. -1 with errno, ECHILD: it is no child of ours, or one that we know. */
int maker_child(const struct broker *broker, pid_t pid);
bool environment_owes(const struct environment *env, uint32_t set, uint32_t serial); /* whether that zygote owes an answer */
void environment_answered(struct environment *env); /* a zygote has given an answer that it owed */
/* Ends children that a maker of the environment (NULL: any) made and could not tell us of before it died. */
void reap_strangers(const struct broker *broker, const struct environment *env);

/* rotation.c: when a zygote is replaced */
void rotation_took_over(struct environment *env, uint64_t now);
void rotation_run_started(struct environment *env, uint64_t now);
void rotation_run_faulted(struct environment *env, uint64_t now);
void rotation_zygote_holds(struct environment *env, uint64_t bytes, uint64_t now); /* what the present one has in memory */
void rotation_wanted(struct environment *env, uint64_t at, const char *why);
void rotation_failed(struct environment *env, uint64_t now);
bool rotation_due(const struct environment *env, uint64_t now);

/* replaced.c: looks, now and then, whether zygotes run from files that others have replaced; those are to be replaced, too. */
void replaced_look(struct environment *env, uint64_t now);

/* sets.c: zygotes with learned modules */
/* How many sandboxes of such zygotes may be ready or in the making, all together, and how many of these zygotes there may be. */
static inline uint32_t learned_most(const struct environment *env)
{
    return env->config->pool_max > 1 ? (uint32_t)env->config->pool_max / 2 : 1;
}
void sets_init(const struct broker *broker, struct environment *env);
static inline bool set_is_warm(const struct environment *env, uint32_t set)
{
    return set == SET_PLAIN ? env->warm : env->sets[set].modules != 0;
}
static inline uint32_t set_serial(const struct environment *env, uint32_t set)
{
    return set == SET_PLAIN ? env->zygote_serial : env->sets[set].serial;
}
/* The set that has most of what a program begins with, and nothing else; SET_PLAIN: none has any of it. */
uint32_t sets_best(const struct environment *env, uint32_t modules);
/* A run starts in the slot, of a program that begins with `modules`, which are the client's words. */
void sets_run_started(struct broker *broker, const struct slot *slot, uint32_t modules, uint64_t now);
void sets_want_rotation(struct environment *env, struct set *set, uint64_t at); /* another zygote takes its place */
void sets_run_faulted(struct environment *env, uint32_t set, uint64_t now);
void sets_plain_is_warm(struct environment *env, uint32_t has); /* a zygote of the environment's own has begun */
bool sets_event(struct broker *broker, struct environment *env, enum watch what, pid_t pid); /* false: it is about none of theirs */
bool sets_own(const struct environment *env, pid_t pid);
void sets_broke(struct broker *broker, struct environment *env, uint32_t set, const char *why); /* its zygote does not work */
bool sets_hang(struct broker *broker, struct environment *env, const struct maker *maker, const char *why); /* false: it is none of theirs */
void sets_look(struct broker *broker, struct environment *env, uint64_t now); /* starts and ends what is due */
void sets_end(struct environment *env); /* of all of them, at once */

/* supply.c: how many sandboxes stand ready */
void supply_fill(struct broker *broker, struct environment *env); /* makes sandboxes until there are enough */
void supply_fill_all(struct broker *broker);
void supply_run_waits(struct broker *broker, struct environment *env, uint32_t set /* of which one is waited for */, uint32_t waiting);
void supply_run_started(struct broker *broker, const struct slot *slot, uint32_t best /* the set that the run wanted */, uint64_t now);
void supply_run_ended(struct environment *env, uint64_t now);
void supply_became_ready(struct broker *broker, struct slot *slot);
void supply_drop(struct environment *env, uint32_t set); /* what stands ready of it */
uint64_t supply_look_at(const struct environment *env); /* when supply_look() has something to do; 0: never */
void supply_look(struct broker *broker, struct environment *env, uint64_t now);
void supply_retire(struct broker *broker); /* drops all but one of each */
uint64_t supply_rest_at(const struct broker *broker, const struct environment *env); /* when it may be put to rest; 0: never */
bool supply_is_idle(const struct environment *env); /* nothing of it runs, is ready or is being made */

/* slot_make.c */
void slot_make(struct broker *broker, struct slot *slot, uint32_t set);
void slot_nest_made(struct broker *broker, struct environment *env, const struct message *message);
void slot_program_forked(struct broker *broker, struct environment *env, const struct message *message);
void slot_program_says(struct broker *broker, struct slot *slot);
void slot_make_failed(struct broker *broker, struct slot *slot, int error, const char *what); /* an errno, and of which step */

/* slot.c */
void slot_kill_all(struct slot *slot);
void slot_close_ends(struct slot *slot); /* of job, output, error and report, as far as the client does not have them */
void slot_program_ended(struct broker *broker, struct slot *slot);
void slot_out_of_memory(struct broker *broker, struct slot *slot);
void slot_init_ended(struct broker *broker, struct slot *slot);
void slots_excuse(struct broker *broker, uint64_t ns); /* the broker itself did not run for so long: nobody was late */
void slots_reclaim(struct environment *env); /* frees the slots whose last processes have died meanwhile */
void slot_prepare(struct broker *broker, const struct message_run_prepare *prepare);
void slot_collector_event(struct broker *broker, struct slot *slot);
void slot_start(struct broker *broker, const struct message_run_start *start);
void slot_kill_run(struct broker *broker, const struct message_run_kill *kill);
void slot_deadline(struct broker *broker, struct slot *slot, uint64_t now);
void slot_abandon(struct broker *broker, struct slot *slot); /* its client or its maker is gone */
void slot_unwanted(struct slot *slot);                        /* ready, and to be dropped unless it is used just now */
void slots_forget_makers(struct broker *broker, struct environment *env); /* after they were lost */
void slot_destroy(struct broker *broker, struct slot *slot); /* at the end: kills, waits, removes */

/* watch.c */
void broker_look_after(struct broker *broker, uint64_t now); /* ends whoever hangs; to be called at broker->watch_at */

/* stats.c */
void broker_stats(const struct broker *broker, struct message_stats *stats);
uint64_t resident_bytes(pid_t pid); /* what of the process is in memory, shared pages included; 0 when it is not there */

/* collector.c. 0, or -1 with errno and nothing left. */
enum collector_news { COLLECTOR_NOTHING, COLLECTOR_READY, COLLECTOR_DONE /* and reaped, as after a failure */, COLLECTOR_FAILED };
int collector_start(struct broker *broker, struct slot *slot, uint64_t workspace, bool collect);
enum collector_news collector_says(struct slot *slot);
bool collector_go(const struct slot *slot); /* the run is dead: collect. False: it does not, or is gone */
void collector_kill(const struct slot *slot);
void collector_end(struct slot *slot); /* at once */

/* client.c */
void client_stop(struct broker *broker);
void client_readable(struct broker *broker);
void client_flush(struct broker *broker); /* sends what is unsent */
int client_start_front(struct broker *broker, struct error *err);
void client_gone(struct broker *broker);

/* broker.c: from start to end, with the client that client_start starts. As broker_serve(). */
int broker_main(struct broker *broker, struct error *err);
