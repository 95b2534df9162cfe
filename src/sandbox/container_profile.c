/* container_profile.c: see container_profile.h. An allow-list, as the one of programs, and made from it: what a program may
 * call the service's processes need as well, and makers of sandboxes need what is listed here. Smaller than the engines' own
 * profiles in all but the calls that make namespaces and mounts, which those refuse without CAP_SYS_ADMIN: in a user
 * namespace the kernel decides what they may do, and programs have none of them. */
#include "sandbox/container_profile.h"
#include "sandbox/seccomp_policy.h"

#include <stddef.h>
#include <sys/socket.h>

static const char *const makers[] = {
    /* namespaces, mounts, roots */
    "clone", "clone3", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount",
    "mount_setattr", "sethostname", "setdomainname",
    /* identity and locks */
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",
    "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    /* starting and watching processes; what libraries and a shell call without need */
    "mmap", "memfd_create", "execveat", "prctl", "ioctl", "fcntl", "futex", "openat2", "sendfile", "sync", "syncfs", "mincore", "inotify_init1",
    "inotify_add_watch", "inotify_rm_watch", "sched_setscheduler", "sched_setparam", "get_mempolicy",
    /* sockets, once socket() has allowed the family */
    "socketpair", "setsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg"};

/* HTTP, the messages between processes, and what getaddrinfo() asks the kernel. Not AF_ALG, not AF_VSOCK. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void print_names(const char *const *names, size_t count, FILE *out)
{
    size_t column = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            column += (size_t)fprintf(out, ",");
        if (i == 0 || column > 100)
            column = (size_t)fprintf(out, "\n        ") - 1;
        column += (size_t)fprintf(out, "%s\"%s\"", column > 8 ? " " : "", names[i]);
    }
}

void container_profile_print(FILE *out)
{
    size_t count;
    const char *const *programs = seccomp_policy_allowed(&count);
    fputs("{\n"
          "  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n"
          "  \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_AARCH64\"],\n"
          "  \"syscalls\": [\n"
          "    {\n"
          "      \"names\": [", out);
    print_names(programs, count, out);
    fputs("\n      ],\n"
          "      \"action\": \"SCMP_ACT_ALLOW\"\n"
          "    },\n"
          "    {\n"
          "      \"names\": [", out);
    print_names(makers, COUNT(makers), out);
    fputs("\n      ],\n"
          "      \"action\": \"SCMP_ACT_ALLOW\"\n"
          "    }", out);
    for (size_t i = 0; i < COUNT(families); i++)
        fprintf(out, ",\n    {\n"
                     "      \"names\": [\"socket\"],\n"
                     "      \"action\": \"SCMP_ACT_ALLOW\",\n"
                     "      \"args\": [{\"index\": 0, \"value\": 4294967295, \"valueTwo\": %d, \"op\": \"SCMP_CMP_MASKED_EQ\"}]\n"
                     "    }", families[i]);
    fputs("\n  ]\n}\n", out);
}
