/* collector.c: see collector.h. A static program that the broker starts; nothing from outside reaches it before it is
 * confined.
 *
 *   hatchery-collector WORKSPACE LIMIT    bytes of each folder, 0: as it is; bytes to collect, 0: none are wanted */
#include "collector/collector.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static _Noreturn void fail(const char *what)
{
    struct program_status status = {.magic = JOB_MAGIC, .error = errno != 0 ? errno : EIO};
    strncpy(status.what, what, sizeof status.what - 1);
    send(COLLECTOR_CONTROL, &status, sizeof status, MSG_NOSIGNAL);
    _exit(1);
}

static void set_size(unsigned long long bytes)
{
    static const struct {
        const char *path;
        unsigned long flags;
    } folders[] = {{"/sandbox", 0}, {"/tmp", 0}, {"/dev/shm", MS_NOEXEC}};
    char size[40];
    snprintf(size, sizeof size, "size=%llu", bytes);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (mount(NULL, folders[i].path, NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV | folders[i].flags, size) != 0)
            fail(folders[i].path);
}

/* The client's patterns: sent before the run has begun, looked at when it is over. */
static void read_request(struct collect_request *request)
{
    char *at = (char *)request;
    for (size_t have = 0; have < sizeof *request;) {
        ssize_t n = read(COLLECTOR_CLIENT, at + have, sizeof *request - have);
        if (n <= 0)
            _exit(1);
        have += (size_t)n;
    }
    if (request->count > COLLECT_PATTERNS_MAX)
        _exit(1);
    for (uint32_t i = 0; i < request->count; i++)
        request->patterns[i][COLLECT_PATTERN_BYTES_MAX] = '\0';
}

int main(int argc, char **argv)
{
    static struct collect_request request;
    struct program_status ready = {.magic = JOB_MAGIC};
    char byte;
    if (argc != 3) {
        fprintf(stderr, "hatchery-collector is started by hatchery\n");
        return 2;
    }
    const unsigned long long workspace = strtoull(argv[1], NULL, 10), limit = strtoull(argv[2], NULL, 10);
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        fail("parent death signal");
    prctl(PR_SET_NAME, "collector");
    if (setns(COLLECTOR_PROGRAM, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) != 0)
        fail("enter namespaces");
    close_range(0, COLLECTOR_PROGRAM, 0);
    if (workspace > 0)
        set_size(workspace);
    if (limit == 0)
        return 0;
    const char *failed = collector_confine("/sandbox");
    if (failed != NULL)
        fail(failed);
    if (send(COLLECTOR_CONTROL, &ready, sizeof ready, MSG_NOSIGNAL) != (ssize_t)sizeof ready)
        return 1;
    if (read(COLLECTOR_CONTROL, &byte, 1) != 1) /* a byte: every process of the run is dead; the end: never mind */
        return 1;
    close(COLLECTOR_CONTROL);
    read_request(&request);
    collector_walk(&request, limit);
}
