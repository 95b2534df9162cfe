/* seccomp.c: the program's filter, run here, against the policy in other words: exactly this is allowed, whatever the other
 * arguments and the halves of arguments that the kernel does not read. An input is a list of system calls. */
#include "fuzz.h"

#include "../bpf.h"
#include "sandbox/seal.h"
#include "sandbox/seccomp_policy.h"

#include <linux/audit.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ARCHITECTURES = 2, NUMBERS = 1024, X32 = 0x40000000 };

static const uint32_t audit_archs[ARCHITECTURES] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64};

/* Calls that one argument of a list allows. */
static const struct listed {
    const char *call;
    unsigned argument;
    uint32_t ignored; /* bits that may be set */
    uint32_t values[20];
    size_t count;
} listed[] = {
    {"socket", 0, 0, {1}, 1},
    {"socketpair", 0, 0, {1}, 1},
    {"ioctl", 1, 0, {0x5401, 0x5402, 0x5403, 0x5404, 0x5413, 0x5414, 0x540f, 0x541b, 0x5421, 0x5450, 0x5451}, 11},
    {"prctl", 0, 0, {1, 2, 3, 15, 16, 21, 23, 29, 30, 38, 39, 41, 42, 0x53564d41}, 14},
    {"fcntl", 1, 0, {0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1033, 1034}, 15},
    {"futex", 1, 128 | 256, {0, 1, 3, 4, 5, 9, 10}, 7},
};
static const uint32_t socket_options[] = {2, 7, 8, 9, 13, 15, 16, 20, 21};

enum kind { FORBIDDEN, ALLOWED, CLONE, SETSOCKOPT, FLAGS_2, FLAGS_3, MMAP, MEMFD, LISTED };

static struct architecture {
    struct {
        struct seccomp_filters head;
        struct sock_filter code[8192];
    } filters;
    uint8_t kind[NUMBERS];
} architectures[ARCHITECTURES];

static void set_kind(size_t arch, const char *name, unsigned kind)
{
    const int number = seccomp_syscall_resolve_name_arch(audit_archs[arch], name);
    MUST(number < NUMBERS);
    if (number >= 0)
        architectures[arch].kind[number] = (uint8_t)kind;
}

static void prepare(size_t arch)
{
    struct error err;
    size_t count;
    const char *const *allowed = seccomp_policy_allowed(&count);
    MUST(seccomp_api_set(3) == 0); /* the filters are only read here, also under an emulator that has no seccomp */
    const int fd = seccomp_policy_export(audit_archs[arch], &err);
    MUST(fd >= 0 && pread(fd, &architectures[arch].filters, sizeof architectures[arch].filters, 0) > 0);
    close(fd);
    for (size_t i = 0; i < count; i++)
        set_kind(arch, allowed[i], ALLOWED);
    set_kind(arch, "clone", CLONE);
    set_kind(arch, "mmap", MMAP);
    set_kind(arch, "memfd_create", MEMFD);
    set_kind(arch, "setsockopt", SETSOCKOPT);
    set_kind(arch, "sendto", FLAGS_3);
    set_kind(arch, "recvfrom", FLAGS_3);
    set_kind(arch, "sendmsg", FLAGS_2);
    set_kind(arch, "recvmsg", FLAGS_2);
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
        set_kind(arch, listed[i].call, LISTED + (unsigned)i);
}

static bool in_list(const uint32_t *values, size_t count, uint32_t value)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] == value)
            return true;
    return false;
}

static bool policy_allows(const struct architecture *arch, const struct seccomp_data *call)
{
    const uint64_t clone_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                 CLONE_NEWNET | CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED;
    if (call->nr < 0 || call->nr >= NUMBERS)
        return false;
    const unsigned kind = arch->kind[call->nr];
    switch (kind) {
    case FORBIDDEN:
        return false;
    case ALLOWED:
        return true;
    case CLONE:
        return call->args[0] >> 32 == 0 && (call->args[0] & clone_flags) == 0;
    case SETSOCKOPT:
        return (uint32_t)call->args[1] == SOL_SOCKET &&
               in_list(socket_options, sizeof socket_options / sizeof *socket_options, (uint32_t)call->args[2]);
    case FLAGS_2:
        return (call->args[2] & MSG_OOB) == 0;
    case FLAGS_3:
        return (call->args[3] & MSG_OOB) == 0;
    case MMAP:
        return (call->args[3] & MAP_HUGETLB) == 0;
    case MEMFD:
        return (call->args[1] & MFD_HUGETLB) == 0;
    default: {
        const struct listed *rule = &listed[kind - LISTED];
        return in_list(rule->values, rule->count, (uint32_t)call->args[rule->argument] & ~rule->ignored);
    }
    }
}

static void check(size_t index, const struct seccomp_data *call)
{
    const struct architecture *arch = &architectures[index];
    uint32_t first, last;
    MUST(bpf_run(arch->filters.code, arch->filters.head.zygote_count, call, &first));
    MUST(bpf_run(arch->filters.code + arch->filters.head.zygote_count, arch->filters.head.program_count, call, &last));
    const uint32_t verdict = bpf_stricter(first, last);
    const bool foreign = call->arch != audit_archs[index] || (index == 0 && (uint32_t)call->nr >= X32);
    if (foreign) { /* libseccomp takes number -1, which a tracer uses to skip a call, for none of x32 */
        MUST(verdict == SECCOMP_RET_KILL_PROCESS || (call->arch == audit_archs[index] && call->nr == -1 && verdict != SECCOMP_RET_ALLOW));
        return;
    }
    if ((verdict == SECCOMP_RET_ALLOW) != policy_allows(arch, call))
        fprintf(stderr, "arch %zu, call %d, arguments %llx %llx %llx %llx: %x\n", index, call->nr, (unsigned long long)call->args[0],
                (unsigned long long)call->args[1], (unsigned long long)call->args[2], (unsigned long long)call->args[3], verdict);
    MUST((verdict == SECCOMP_RET_ALLOW) == policy_allows(arch, call));
    MUST(verdict == SECCOMP_RET_ALLOW || (verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    if (architectures[0].filters.head.zygote_count == 0)
        for (size_t i = 0; i < ARCHITECTURES; i++)
            prepare(i);
    while (input.size > 0) {
        struct seccomp_data call = {0};
        const uint8_t what = take_byte(&input);
        const size_t arch = what & 1;
        uint16_t number;
        take(&input, &number, sizeof number);
        call.nr = number & (NUMBERS - 1);
        if ((what & 2) != 0)
            take(&input, &call.nr, sizeof call.nr);
        call.arch = audit_archs[arch];
        if ((what & 4) != 0)
            take(&input, &call.arch, sizeof call.arch);
        take(&input, call.args, sizeof call.args);
        check(arch, &call);
    }
    return 0;
}
