/* cgroup.c: the kernel's counters of a run, as both versions' files have them, and the lists of groups in /proc. Their names can
 * be anybody's; their form is the kernel's, which may learn more. */
#include "fuzz.h"

#include <sys/mman.h>

static FILE *open_input(const char *path, const char *mode);

#define fopen open_input
#include "broker/cgroup.c"
#include "broker/cgroup_files.c"
#include "broker/cgroup_mount.c"
#include "broker/cgroup_tree.c"
#undef fopen

static const uint8_t *bytes;
static size_t byte_count;

/* Whatever file is asked for: the input. */
static FILE *open_input(const char *path, const char *mode)
{
    (void)mode;
    return byte_count > 0 && path != NULL ? fmemopen((void *)bytes, byte_count, "r") : NULL;
}

static void counters_of(int version)
{
    static struct cgroup_tree tree;
    static int fd = -1;
    struct cgroup cgroup = {.tree = &tree, .oom_event = -1};
    struct cgroup_usage usage = {0};
    if (fd < 0)
        fd = memfd_create("counter", MFD_CLOEXEC);
    MUST(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, byte_count, 0) == (ssize_t)byte_count);
    tree.version = version;
    for (int i = 0; i < CGROUP_FILES_MAX; i++)
        cgroup.files[i] = fd;
    const int read = cgroup_read(&cgroup, &usage);
    MUST((read == 0) == (byte_count > 0 && bytes[0] != '\0'));
    MUST(read != 0 || cgroup_oom_kills(&cgroup) == usage.oom_kills);
    MUST(read != 0 || usage.oom_kills == 0 || !cgroup_rearm(&cgroup)); /* such a group is not used again */
    cgroup_population(&cgroup);
}

static void lists(void)
{
    char own[PATH_MAX], found[CGROUP_HIERARCHIES_MAX][64];
    struct cgroup_tree tree = {.version = 1};
    struct error err;
    if (own_path("memory", own, sizeof own) == 0)
        MUST(strlen(own) < sizeof own && strchr(own, '\n') == NULL);
    own_path("", own, sizeof own);
    const int count = hierarchies(found, &err);
    MUST(count <= CGROUP_HIERARCHIES_MAX);
    for (int i = 0; i < count; i++)
        MUST(found[i][0] == '\0' || cgroup_is_needed(found[i], strlen(found[i])));
    find_v1(&tree, &err);
    MUST(tree.count >= 0 && tree.count <= CGROUP_HIERARCHIES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    const uint8_t what = take_byte(&input);
    bytes = input.data;
    byte_count = input.size;
    if (what % 3 == 2)
        lists();
    else
        counters_of(1 + what % 3);
    return 0;
}
