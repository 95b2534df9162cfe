/* zygote.h: the parts of the extension module. Everything here runs inside the environment's own interpreter, which
 * forks programs for the broker. Before the fork nothing of it has seen a byte from outside. */
#pragma once

#include "common/channel.h"
#include "sandbox/seal.h"

/* Python.h of the limited API; nothing version-specific is used but what dlsym(3) finds. */
#include <Python.h>

struct zygote {
    int channel;
    struct seal_settings seal;
    PyObject *main; /* the program's module __main__, ready */
    int last_pid;   /* /proc/sys/kernel/ns_last_pid for writing, or -1 where there is none */
    int *tid;       /* where libc caches the main thread's id: a raw clone must renew it */
};

/* program.c: forks a program into the nest of `message` (fds as PROGRAM_FORK says). Returns its pid, or -1 with errno. */
pid_t program_fork(struct zygote *zygote, const struct message *message);

/* holder.c: starts a process that keeps this one's memory alive beyond its end. 0, or -1 with errno. */
int holder_start(void);

/* report.c: the memory that a program leaves its exception and its stack in; -1 with errno, or with a Python exception.
 * report_prepare_stack() is for a process that may have `open_files` descriptors; report_map() maps what `fd` is, which can be closed
 * then; report_exception() tells the exception that is set, which stays set. */
int report_prepare_stack(uint32_t open_files);
int report_map(int fd);
void report_exception(void);

#define PROGRAM_FILE "/sandbox/main.py"

/* finish.c: what the interpreter does between the last line of main.py and the end of the process, as cheaply as what
 * the program did allows. `ok` says whether main.py ended without an exception; else one is set. Never returns. */
_Noreturn void program_finish(int ok);

/* Finds, once and before the first fork, what program_finish() needs. 0, or -1 with a Python exception. */
int finish_prepare(void);

/* Does in advance, without effect, what program_finish() does: its pages are then this process's own. */
void finish_warm(void);

/* mappings.c: makes the mappings of read-only files such that a fork copies their page tables. Once, before the first fork. */
void mappings_prepare(void);

/* memory.c: makes what programs allocate lie close together. Once, after zygote_warm(). */
void memory_prepare(void);

/* folios.c: puts the interpreter's memory into large folios, so that a fork and its end cost less. Once, after memory_prepare(). */
void folios_prepare(void);

/* warm.c: runs a small program in this process, so that the pages which every program writes are its own already
 * before a request waits for it. Leaves no trace that a program can see. 0, or -1 with a Python exception. */
int program_warm(void);

/* The same in the zygote, so that a fork has what a program needs in its page tables. */
int zygote_warm(void);

/* Runs a source file in a namespace, as the interpreter runs its main script. A new reference, or NULL with an
 * exception. (PyRun_FileExFlags: not in the limited API, but in every CPython.) */
PyObject *run_file(FILE *file, const char *name, PyObject *namespace);
int run_file_prepare(void);

/* hygiene.c, in the zygote: `names` is the set of preloaded top-level modules. All return 0, or -1 with a Python exception
 * (hygiene_forget_shadowed() perhaps without one). */
int hygiene_prepare(PyObject *names);

/* In the program: makes what must differ from other programs of the zygote differ. */
int hygiene_renew(void);

/* In the program, when its files are there: those that have a preloaded module's name are what it will import. */
int hygiene_forget_shadowed(void);
