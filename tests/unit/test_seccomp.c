/* test_seccomp.c: the filter of a program, number by number and argument by argument, against a golden table for each
 * architecture. The filter is interpreted here, so the tables of architectures that this machine is not are checked, too.
 *
 * After a change of the policy: HATCHERY_WRITE_GOLDEN=1 meson test -C build seccomp, and read the difference. */
#include "sandbox/seal.h"
#include "sandbox/seccomp_policy.h"

#include "../bpf.h"
#include "unit.h"

#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NUMBERS = 601, X32 = 0x40000000 };

/* As the kernel runs them: all of them, and the strictest verdict counts. */
static struct {
    struct seccomp_filters head;
    struct sock_filter code[8192];
} filters;
static uint32_t filter_arch;

static void load(uint32_t arch)
{
    struct error err;
    int fd = seccomp_policy_export(arch, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    ssize_t n = pread(fd, &filters, sizeof filters, 0);
    close(fd);
    assert_int_equal(n, sizeof filters.head + sizeof filters.code[0] * (filters.head.zygote_count + filters.head.program_count));
    filter_arch = arch;
}

static uint32_t run(const struct sock_filter *filter, size_t filter_count, const struct seccomp_data *data)
{
    uint32_t verdict = 0;
    assert_true(bpf_run(filter, filter_count, data, &verdict));
    return verdict;
}

static uint32_t interpret(const struct seccomp_data *data)
{
    const uint32_t first = run(filters.code, filters.head.zygote_count, data);
    const uint32_t last = run(filters.code + filters.head.zygote_count, filters.head.program_count, data);
    return bpf_stricter(first, last);
}

static uint32_t verdict(uint32_t number, const uint64_t args[6])
{
    struct seccomp_data data = {.nr = (int)number, .arch = filter_arch};
    memcpy(data.args, args, sizeof data.args);
    return interpret(&data);
}

static uint32_t verdict_with(uint32_t number, const uint64_t base[6], unsigned argument, uint64_t value)
{
    uint64_t args[6];
    memcpy(args, base, sizeof args);
    args[argument] = value;
    return verdict(number, args);
}

static const char *name_of(uint32_t action)
{
    switch (action) {
    case SECCOMP_RET_ALLOW:
        return "allow";
    case SECCOMP_RET_KILL_PROCESS:
        return "kill";
    case SECCOMP_RET_ERRNO | ENOSYS:
        return "ENOSYS";
    case SECCOMP_RET_ERRNO | EPERM:
        return "EPERM";
    case SECCOMP_RET_ERRNO | EAFNOSUPPORT:
        return "EAFNOSUPPORT";
    default:
        return "?";
    }
}

/* Calls whose arguments decide: which argument, with which others, how wide the kernel reads it, and up to which value
 * the table lists it. */
static const struct rule {
    const char *call;
    unsigned argument;
    uint64_t base[6];
    bool wide; /* an unsigned long: the high half counts */
    uint64_t list_to;
} rules[] = {
    {"clone", 0, {0}, true, 0x10000},
    {"mmap", 3, {0}, false, 4},
    {"memfd_create", 1, {0}, false, 8},
    {"socket", 0, {0}, false, 0x1000},
    {"socketpair", 0, {0}, false, 0x1000},
    {"setsockopt", 1, {0, 0, 2}, false, 0x1000},
    {"setsockopt", 2, {0, 1}, false, 0x10000},
    {"sendto", 3, {0}, false, 4},
    {"recvfrom", 3, {0}, false, 4},
    {"sendmsg", 2, {0}, false, 4},
    {"recvmsg", 2, {0}, false, 4},
    {"ioctl", 1, {0}, false, 0x10000},
    {"prctl", 0, {0}, false, 0x10000},
    {"fcntl", 1, {0}, false, 0x10000},
    {"futex", 1, {0}, false, 0x400},
};

static const char *call_name(uint32_t number, char name[64])
{
    char *found = seccomp_syscall_resolve_num_arch(filter_arch, (int)number);
    snprintf(name, 64, "%s", found != NULL ? found : "-");
    free(found);
    return name;
}

static bool has_rule(const char *call)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].call, call) == 0)
            return true;
    return false;
}

/* Does any argument of the call matter? */
static bool is_conditional(uint32_t number)
{
    static const uint64_t contexts[][6] = {{0}, {0, 1}, {0, 0, 2}, {~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL}};
    const uint32_t usual = verdict(number, contexts[0]);
    for (size_t c = 0; c < sizeof contexts / sizeof contexts[0]; c++) {
        if (verdict(number, contexts[c]) != usual)
            return true;
        for (unsigned argument = 0; argument < 6; argument++) {
            for (unsigned bit = 0; bit < 64; bit++)
                if (verdict_with(number, contexts[c], argument, 1ULL << bit) != usual)
                    return true;
            for (uint64_t value = 0; value < 64; value++)
                if (verdict_with(number, contexts[c], argument, value) != usual)
                    return true;
        }
    }
    return false;
}

static void write_numbers(FILE *out)
{
    static const uint64_t none[6];
    char name[64];
    for (uint32_t number = 0; number < NUMBERS; number++) {
        if (is_conditional(number)) {
            assert_true(has_rule(call_name(number, name)));
            fprintf(out, "%u %s by its arguments\n", number, name);
        } else if (verdict(number, none) != (SECCOMP_RET_ERRNO | ENOSYS)) {
            fprintf(out, "%u %s %s\n", number, call_name(number, name), name_of(verdict(number, none)));
        }
    }
    fprintf(out, "else ENOSYS\n");
}

static void write_rule(FILE *out, const struct rule *rule)
{
    int number = seccomp_syscall_resolve_name_arch(filter_arch, rule->call);
    if (number < 0)
        return;
    fprintf(out, "\n%s, argument %u\n", rule->call, rule->argument);
    uint32_t last = 0;
    for (uint64_t value = 0, from = 0; value <= rule->list_to; value++) {
        uint32_t now = value < rule->list_to ? verdict_with((uint32_t)number, rule->base, rule->argument, value) : 0;
        if (value > 0 && now != last) {
            fprintf(out, "  0x%llx-0x%llx %s\n", (unsigned long long)from, (unsigned long long)value - 1, name_of(last));
            from = value;
        }
        last = now;
        /* The high half of what the kernel reads as 32 bits is nothing to it, and nothing to the filter. */
        for (unsigned bit = 32; bit < 64 && value < rule->list_to; bit += 31) {
            uint32_t high = verdict_with((uint32_t)number, rule->base, rule->argument, value | 1ULL << bit);
            if (rule->wide)
                assert_int_not_equal(high, SECCOMP_RET_ALLOW);
            else
                assert_int_equal(high, now);
        }
    }
    for (unsigned bit = 0; bit < 64; bit++)
        if (1ULL << bit >= rule->list_to && (rule->wide || bit < 32))
            fprintf(out, "  1<<%u %s\n", bit, name_of(verdict_with((uint32_t)number, rule->base, rule->argument, 1ULL << bit)));
    if (strcmp(rule->call, "prctl") == 0)
        fprintf(out, "  0x53564d41 %s\n", name_of(verdict_with((uint32_t)number, rule->base, 0, 0x53564d41)));
}

static void compare(const char *name, uint32_t arch)
{
    char path[4096], *text = NULL, *golden;
    size_t size = 0;
    load(arch);
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "# What the filter does with each call of 0..%d, and with arguments. Written by test_seccomp.c.\n", NUMBERS - 1);
    write_numbers(out);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        write_rule(out, &rules[i]);
    fclose(out);

    snprintf(path, sizeof path, "%s/seccomp_%s.txt", getenv("GOLDEN"), name);
    if (getenv("HATCHERY_WRITE_GOLDEN") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    golden = calloc(1, size + 4096);
    size_t have = fread(golden, 1, size + 4095, file);
    fclose(file);
    for (size_t i = 0, line = 1; i <= size; i++) {
        if (i < size && i < have && golden[i] == text[i]) {
            line += text[i] == '\n';
            continue;
        }
        if (i < size || i < have)
            fail_msg("%s, line %zu: the filter and the table differ from here on:\n%.120s", path, line, i < size ? text + i : "");
    }
    free(golden);
    free(text);
}

/* Made on x86 alone: arm64 has no number for many of the names, and libseccomp goes by its own. */
#if defined(__x86_64__)
static void x86_64(void **state)
{
    compare("x86_64", AUDIT_ARCH_X86_64);
}
#endif

static void aarch64(void **state)
{
    compare("aarch64", AUDIT_ARCH_AARCH64);
}

/* Whatever the number and the arguments: a call of another architecture kills. */
static void foreign_architectures(void **state)
{
    static const uint32_t all[] = {AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, AUDIT_ARCH_ARM, AUDIT_ARCH_AARCH64, AUDIT_ARCH_RISCV64,
                                   AUDIT_ARCH_PPC64LE, AUDIT_ARCH_S390X, AUDIT_ARCH_MIPS64, 0, 0xffffffff};
    static const uint32_t ours[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        load(ours[i]);
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++)
            for (uint32_t number = 0; number < NUMBERS && all[j] != ours[i]; number++) {
                struct seccomp_data data = {.nr = (int)number, .arch = all[j]};
                assert_int_equal(interpret(&data), SECCOMP_RET_KILL_PROCESS);
            }
    }
}

static void x32(void **state)
{
    static const uint64_t none[6];
    load(AUDIT_ARCH_X86_64);
    for (uint32_t number = 0; number < NUMBERS; number++)
        assert_int_equal(verdict(number | X32, none), SECCOMP_RET_KILL_PROCESS);
}

/* No number beyond the table, negative ones included, is let through. */
static void numbers_out_of_range(void **state)
{
    static const uint32_t ours[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64};
    static const uint64_t none[6];
    for (size_t i = 0; i < 2; i++) {
        load(ours[i]);
        for (uint32_t number = NUMBERS; number < 100000; number++)
            assert_int_not_equal(verdict(number, none), SECCOMP_RET_ALLOW);
        for (unsigned bit = 10; bit < 32; bit++)
            for (uint32_t number = 0; number < NUMBERS; number++)
                assert_int_not_equal(verdict(number | 1u << bit, none), SECCOMP_RET_ALLOW);
    }
}

int main(void)
{
    /* The filters are interpreted here and not loaded: what this kernel, or an emulator of one, can load is no matter. */
    if (seccomp_api_set(3) != 0)
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
        cmocka_unit_test(x86_64),
#endif
        cmocka_unit_test(aarch64),
        cmocka_unit_test(foreign_architectures),
        cmocka_unit_test(x32),
        cmocka_unit_test(numbers_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
