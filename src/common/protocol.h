/* protocol.h: every message between the processes.
 *
 * Channels are AF_UNIX SOCK_SEQPACKET socketpairs made by the broker: a message is one packet, a fixed-size struct
 * that starts with struct message_head, with at most MESSAGE_FDS_MAX descriptors. message_receive() checks type,
 * exact length and exact number of descriptors; a peer that breaks the protocol is treated as dead.
 *
 * Who may send what (">" is the direction):
 *
 *   broker > front       FRONT_MODE, KEYS, ENVIRONMENT, LEARNED, SANDBOX_READY, SANDBOX_UNWANTED, SANDBOX_GONE, RUN_PREPARED, RUN_ENDED, STATS, PING
 *   front > broker       FRONT_RETIRED, RUN_WAITS, RUN_PREPARE, RUN_START, RUN_KILL, STATS_ASK, PONG
 *   broker > incubator   NEST_MAKE
 *   incubator > broker   NEST_MADE
 *   broker > zygote      PROGRAM_FORK
 *   zygote > broker      ZYGOTE_WARM, PROGRAM_FORKED
 *
 * A sandbox is named by its slot (a number among all for the front, among its environment's own for the makers) and its generation: slots are reused, generations never, so a late message cannot
 * hit the slot's next sandbox. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MESSAGE_FDS_MAX = 12, MESSAGE_SIZE_MAX = 512 };

enum message_type {
    MESSAGE_SANDBOX_READY = 1,
    MESSAGE_SANDBOX_GONE,
    MESSAGE_RUN_START,
    MESSAGE_RUN_KILL,
    MESSAGE_RUN_ENDED,
    MESSAGE_NEST_MAKE,
    MESSAGE_NEST_MADE,
    MESSAGE_ZYGOTE_WARM,
    MESSAGE_PROGRAM_FORK,
    MESSAGE_PROGRAM_FORKED,
    MESSAGE_ENVIRONMENT,
    MESSAGE_KEYS,
    MESSAGE_STATS_ASK,
    MESSAGE_STATS,
    MESSAGE_SANDBOX_UNWANTED,
    MESSAGE_RUN_PREPARE,
    MESSAGE_RUN_PREPARED,
    MESSAGE_RUN_WAITS,
    MESSAGE_FRONT_MODE,
    MESSAGE_FRONT_RETIRED,
    MESSAGE_PING,
    MESSAGE_PONG,
    MESSAGE_LEARNED,
    MESSAGE_TYPE_COUNT
};

struct message_head {
    uint32_t type;
    uint32_t slot;
    uint64_t generation;
};

/* --- broker <-> front ------------------------------------------------------------------------------------- */

/* What the front does with the listening socket: nothing before the first one of these. */
enum front_mode {
    FRONT_ACCEPTS = 1,
    FRONT_RETIRES /* another one accepts from now on: close it, answer what was and is asked on the connections that there are, each
                     one's next answer its last; end when they are gone */
};

struct message_front_mode {
    struct message_head head; /* slot: enum front_mode */
};

/* It accepts nothing any more. */
struct message_front_retired {
    struct message_head head;
};

/* Answered at once by a PONG: is it still there? Sent when nothing else has come for a second. */
struct message_ping {
    struct message_head head;
};

/* An environment is warm, or is not any more. Descriptor, where it is known: [0] its inventory, a memory file that its own
 * interpreter wrote, to be read once: lines "m NAME" (a module that can be imported) and "p NAME VERSION" (an installed
 * distribution), each kind sorted. Sent to a new front for every environment that was warm once. */
struct message_environment {
    struct message_head head; /* slot: the environment's index in the settings */
    uint32_t warm;            /* 0 or 1 */
    uint32_t reserved;
    char python[32]; /* "3.11.2" */
};

/* Which sets of modules of the setting `learn` an environment has interpreters for, whenever that has changed. */
enum { LEARNED_MAX = 4 };

struct message_learned {
    struct message_head head; /* slot: the environment's index in the settings */
    uint32_t count;               /* how many there are, in whichever places */
    uint32_t needs[LEARNED_MAX];  /* as in struct message_sandbox_ready; 0: the place is free */
    uint32_t has[LEARNED_MAX];
    uint32_t reserved;
    uint64_t bytes[LEARNED_MAX];     /* what the interpreter held when it was warm */
    uint64_t import_ns[LEARNED_MAX]; /* what importing them took it */
};

/* A warm sealed sandbox waits for a program. Descriptors, all non-blocking, all now the front's:
 *   [0] job: SOCK_STREAM socket; write one struct job_head and what it announces; then close
 *   [1] read end of the program's standard output   [2] of its standard error
 *   [3] its report: a memory file of REPORT_SIZE bytes, struct report, to be read when the run is over */
struct message_sandbox_ready {
    struct message_head head;
    uint64_t setup_ns;    /* what it took to make */
    uint32_t environment; /* its index in the settings */
    /* Sets of modules of `learn`: those that it was made with, for a program that imports them all; and all that have come with
     * them. 0: as the environment is. */
    uint32_t needs, has;
    uint32_t reserved;
};

/* A ready sandbox is not needed any more. If no run was given to it yet: close its descriptors and forget it; it then ends by
 * itself. Otherwise the run is as good as any. */
struct message_sandbox_unwanted {
    struct message_head head;
};

/* A ready sandbox died, or was withdrawn, before it was started: close its descriptors and forget it. */
struct message_sandbox_gone {
    struct message_head head;
};

/* For a run that wants less, or more, than a sandbox is made for: before its RUN_START. The answer is RUN_PREPARED, or, when
 * it cannot be, RUN_ENDED; SANDBOX_GONE is possible in between. Limits are clamped; 0: as it is. */
struct message_run_prepare {
    struct message_head head;
    uint64_t memory, workspace; /* bytes */
    uint32_t processes;
    uint32_t collect; /* 1: files are wanted */
};

/* The sandbox is as it was asked for. Descriptor, if files are wanted: [0] stream socket of the collector: write one
 * struct collect_request at once, read entries when the run has ended. */
struct message_run_prepared {
    struct message_head head;
};

/* A run could start if a sandbox of its environment were ready. An environment at rest is started. */
struct message_run_waits {
    struct message_head head; /* slot: the environment's index in the settings */
    uint32_t waiting;         /* how many more than was told; 0: at least one, told or not, or one will soon */
    uint32_t modules;         /* they wait for a sandbox of the set that serves these best; 0: for a plain one */
};

/* The front begins to send the job. Limits are clamped again. */
struct message_run_start {
    struct message_head head;
    uint64_t sent_ns;     /* CLOCK_MONOTONIC now: the run's clock starts here, however late the broker reads it; clamped to
                             the time since the sandbox was handed over */
    uint64_t timeout_ns;  /* wall clock */
    uint64_t cpu_time_ns; /* processor time; 0: the broker's own limit */
    uint32_t modules;     /* set of the modules of `learn` that the program begins with; numbers, never a name of the client's */
    uint32_t reserved;
};

enum kill_reason { KILL_CANCELLED = 1, KILL_OUTPUT_LIMIT };

struct message_run_kill {
    struct message_head head;
    uint32_t reason; /* enum kill_reason */
    uint32_t reserved;
};

/* Why a run ended, as the kernel told the broker. The program cannot influence it but by what it does. */
enum run_outcome {
    RUN_EXITED = 1,   /* exit_code is set */
    RUN_SIGNALED,     /* signal is set */
    RUN_TIMEOUT,
    RUN_CPU_LIMIT,
    RUN_MEMORY_LIMIT, /* the cgroup's OOM counter says so */
    RUN_OUTPUT_LIMIT,
    RUN_CANCELLED,
    RUN_FAILED        /* the service's own failure: answer 500 */
};

enum limit_hit { LIMIT_HIT_PROCESSES = 1, LIMIT_HIT_WORKSPACE = 2, LIMIT_HIT_OPEN_FILES = 4, LIMIT_HIT_MEMORY = 8 };

/* Exactly one for each RUN_START whose sandbox was there; of another one SANDBOX_GONE was told, or will be. Every process of the run is dead when it is sent: what is in the pipes is all. */
struct message_run_ended {
    struct message_head head;
    uint32_t outcome; /* enum run_outcome */
    int32_t exit_code;
    int32_t signal;
    uint32_t limits_hit; /* enum limit_hit, or-ed */
    uint64_t wall_ns;    /* from RUN_START sent to the end seen */
    uint64_t cpu_user_ns;
    uint64_t cpu_system_ns;
    uint64_t memory_peak;  /* bytes */
    uint64_t memory_limit; /* bytes, the one in force */
    uint32_t processes_peak;
    uint32_t reserved;
};

/* The API keys, at the front's start and whenever they were read again. Descriptor: [0] a memory file with the text of the
 * keys file, which the broker has checked. */
struct message_keys {
    struct message_head head;
    uint64_t size; /* bytes */
};

/* Asks for one MESSAGE_STATS. */
struct message_stats_ask {
    struct message_head head;
};

enum process_role { ROLE_BROKER, ROLE_FRONT, ROLE_INCUBATOR, ROLE_ZYGOTE, ROLE_COUNT };

/* What only the broker knows. The environments' processes of one role are added up. */
struct message_stats {
    struct message_head head;
    uint64_t restarts[ROLE_COUNT];
    uint64_t resident_bytes[ROLE_COUNT];
    uint64_t quarantined; /* slots */
};

/* --- front > sandbox -------------------------------------------------------------------------------------- */

enum { JOB_MAGIC = 0x4a4f4231 /* "JOB1" */ };

/* First bytes on the job socket. Then follow, each of the size that is told here: the code; the arguments and the
 * environment variables ("NAME=VALUE"), each text ended by a NUL; the files, each a struct job_file, its path, its content;
 * standard input. The client has checked all of it; what does not fit ends the sandbox. */
struct job_head {
    uint32_t magic;
    uint32_t file_count;
    uint32_t open_files; /* limits that are lower than the environment's; 0: they are not */
    uint32_t reserved;
    uint64_t workspace;
    uint64_t code_size;
    uint64_t args_size, env_size;
    uint64_t stdin_size; /* 0: the program's standard input is empty */
};

enum { JOB_PATH_MAX = 4095 };

struct job_file {
    uint32_t path_size; /* at most JOB_PATH_MAX */
    uint32_t reserved;
    uint64_t size;
};

/* --- sandbox > front: the report ---------------------------------------------------------------------------- */

/* What the program's own process leaves in memory that it shares with nobody else: of an uncaught exception what its
 * traceback tells, and, at DUMP_SIGNAL, where each of its threads is. All of it is written by a process that runs user code,
 * so it may say anything, or nothing: it is bounded, shown to the client, and decides nothing. */
enum { REPORT_EXCEPTION_MAX = 24 * 1024, REPORT_STACK_MAX = 36 * 1024 };

struct report {
    uint32_t exception_size, stack_size; /* 0: there is none */
    uint64_t main_thread;                /* as the dump names it */
    char exception[REPORT_EXCEPTION_MAX];
    /* texts, each ended by a NUL: type; message, "=" before it, or "" where it cannot be had without the program's code;
     * errno; line in main.py; then of each frame file, line, function */
    char stack[REPORT_STACK_MAX]; /* as CPython's faulthandler writes it */
};

/* Asks the program's process for its stack. The last real-time signal: hardly a program uses it. */
enum { DUMP_SIGNAL = 64 };

/* --- front <-> collector ----------------------------------------------------------------------------------- */

enum {
    COLLECT_PATTERNS_MAX = 64,
    COLLECT_PATTERN_BYTES_MAX = 511,
    COLLECT_FILES_MAX = 1024,
    COLLECT_PATH_BYTES_MAX = 4095
};

/* What a client wants of a run's files: patterns as in collector/glob.h. */
struct collect_request {
    uint32_t count;
    char patterns[COLLECT_PATTERNS_MAX][COLLECT_PATTERN_BYTES_MAX + 1];
};

/* Why a file that a pattern means is not sent. */
enum collect_reason {
    COLLECT_WHOLE = 0, /* it is sent */
    COLLECT_TOO_LARGE, /* for what may still be sent */
    COLLECT_LINK,      /* a symbolic link */
    COLLECT_SPECIAL,   /* not a regular file */
    COLLECT_SAME,      /* a hard link of one that is sent */
    COLLECT_UNREADABLE,
    COLLECT_END /* no file: the end. `size` is the problems, or-ed */
};

enum collect_problem { COLLECT_TOO_MANY = 1, COLLECT_TOO_DEEP = 2, COLLECT_CLOSED_FOLDER = 4 };

/* Then follow the path and, where the reason is COLLECT_WHOLE, `size` bytes of content. */
struct collect_entry {
    uint32_t path_size;
    uint32_t reason;
    uint64_t size;
};

/* --- broker <-> incubator, broker <-> zygote --------------------------------------------------------------- */

struct message_nest_make {
    struct message_head head;
};

struct message_nest_made {
    struct message_head head;
    int32_t pid;   /* of the nest's init, a child of the broker, in the broker's pid namespace; 0 on failure */
    int32_t error; /* errno on failure */
    char what[64]; /* on failure: the step that failed */
};

/* The environment has imported what it preloads, has one thread and can fork. Descriptor, or none: [0] its inventory, see
 * message_environment. */
struct message_zygote_warm {
    struct message_head head;
    int32_t error; /* 0, or the warm-up failed: `what` says how */
    uint32_t threads;
    /* Sets of modules of `learn`: those that it was asked for and that did not come with others, all that it has, and on
     * failure those that are to blame. */
    uint32_t needs, has, failed;
    uint32_t reserved;
    char version[32]; /* "3.11.2" */
    char what[256];
};

/* Descriptors: [0] pidfd of the nest's init, [1] the sandbox's end of the job socket, [2] write end of standard output,
 * [3] of standard error, [4] the report, then one to PROCS_MAX of the slot's cgroup: the files that the program writes "0" to.
 * The program writes one struct program_status to the job socket when it is sealed and warm. */
enum { PROGRAM_FDS = 5, PROCS_MAX = MESSAGE_FDS_MAX - PROGRAM_FDS };

struct message_program_fork {
    struct message_head head;
};

struct message_program_forked {
    struct message_head head;
    int32_t pid;   /* in the broker's pid namespace; 0 on failure */
    int32_t error; /* errno on failure */
};

/* The one message that a sandbox sends, on the job socket, before it has seen a byte of user code. */
struct program_status {
    uint32_t magic; /* JOB_MAGIC */
    int32_t error;  /* 0: sealed and warm; else errno of the step `what`; the process then exits */
    char what[64];
};
