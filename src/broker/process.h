/* process.h: small things that the broker does with processes. */
#pragma once

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Runs a trusted program with an empty environment and takes its standard output as text. 0 when it exited with 0. */
int process_output(char *const argv[], char *text, size_t size, struct error *err);

/* Kills and reaps a child of ours and closes its pidfd; *pid becomes 0 and *pidfd -1. Nothing where *pid is 0. */
void process_end(pid_t *pid, int *pidfd);

/* The same for a child that has ended but is not reaped yet; it stays so. Returns its exit status, 1 for a signal, or -1
 * where it still lives. */
int process_describe_ended(pid_t pid, char *text, size_t size);

/* Whether a signal would reach the process: it is not stopped, and neither ignores nor blocks it. */
bool process_may_handle(pid_t pid, int signal);

/* A child's state as /proc/PID/stat has it ('S', 'T', 'R', 'D', ...) and the processor time that it has used. 0, and *cpu_ms as it was, where
 * that cannot be read. */
char process_state(pid_t pid, uint64_t *cpu_ms);

/* "exited with status 1", "was killed by SIGSEGV": for errors and logs. */
void process_describe(int wait_status, char *text, size_t size);
