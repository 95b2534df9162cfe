/* seal.h: what is applied to a program's process, in the process itself, before it sees a byte of user code.
 *
 * Runs in the child of the zygote (and in nothing else): no allocation, no library, system calls only. Each layer
 * is a function in a file of its own; the order stands in seal_program(). Every step that fails stops the run. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Decided by the broker, handed to the zygote at its start, the same for every run of a slot set. */
struct seal_settings {
    uint32_t uid;           /* inside the sandbox's user namespace; the group id is the same */
    uint32_t open_files;    /* RLIMIT_NOFILE */
    uint32_t processes;     /* RLIMIT_NPROC, a second line behind the cgroup */
    uint64_t workspace;     /* bytes of each writable folder, and RLIMIT_FSIZE */
    uint64_t files;         /* inodes of each writable folder */
    uint32_t landlock_min;  /* the least ABI that will do; 0: none at all will do, too */
    const struct seccomp_filters *seccomp;
};

/* A program's filter is two, and a call must pass both. The first has every rule, and lets the calls pass that make a
 * sandbox: the zygote loads it once, for all of its children. The second, of a few instructions, takes those calls away: the
 * program loads it, last. (Loading the first costs a tenth of making a sandbox: the kernel compiles it.) */
struct seccomp_filters {
    uint32_t zygote_count, program_count; /* instructions: as many struct sock_filter of each follow */
};

/* What a step that failed was doing; a static string. */
typedef const char *seal_step;

/* Gives the caller a mount namespace of its own, a copy of the nest's, with fresh writable folders in it: they live as long
 * as a process of the run does. NULL, or the failed step with errno. */
seal_step workspace_mount(const struct seal_settings *settings);

/* Resource limits that a program cannot raise again. 0, or -1 with errno. */
int seal_rlimits(const struct seal_settings *settings);

/* The last of them, set when the run has got what it is given: the size of a file, and, where a request lowers it, the
 * number of open files. 0, or -1 with errno. */
int seal_file_size(uint64_t bytes);
int seal_open_files(uint32_t count);

/* Drops every capability from every set for good, becomes `uid`, and asserts all of it. 0, or -1 with errno. */
int seal_identity(const struct seal_settings *settings);

/* Landlock at the newest ABI that the kernel has: files outside the writable folders become read-only, no device
 * ioctl, no TCP, no signal or abstract socket out of the sandbox. Returns the ABI used, 0 where the kernel has
 * none, or -1 with errno. */
int seal_landlock(void);
int landlock_abi(void);

/* Denies every access to files to the caller, for ever: to see that it works. 0, or -1 with errno. */
int landlock_deny_files(void);

/* Load the first filter and the second. 0, or -1 with errno. */
int seal_seccomp_zygote(const struct seccomp_filters *filters);
int seal_seccomp_program(const struct seccomp_filters *filters);

/* All of it, in order, with a test at the end that the filter bites. NULL on success; else the failed step, errno set. */
seal_step seal_program(const struct seal_settings *settings);
