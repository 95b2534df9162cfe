/* cgroup_mount.c: cgroup_mount_fresh(): cgroup file systems of our own over a container's read-only ones. Runs in the broker,
 * after inner_root.c has made the namespaces: what is mounted shows the container's own group as its root, and belongs
 * to the container's root, who we are. */
#include "broker/cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static int mount_v1(const char *controllers, struct error *err)
{
    char point[PATH_MAX];
    snprintf(point, sizeof point, CGROUP_MOUNT "/%s", controllers);
    if (mkdir(point, 0755) != 0)
        return error_set(err, errno, "cgroup: cannot make %s", point);
    return mount("cgroup", point, "cgroup", FLAGS, controllers) == 0
               ? 0
               : error_set(err, errno, "cgroup: cannot mount the %s hierarchy", controllers);
}

/* Each line of /proc/self/cgroup is a hierarchy: "4:cpu,cpuacct:/path", "1:name=systemd:/path", "0::/path" (v2). */
static int hierarchies(char found[CGROUP_HIERARCHIES_MAX][64], struct error *err)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX + 128];
    int count = 0;
    if (file == NULL)
        return error_set(err, errno, "/proc/self/cgroup");
    while (count < CGROUP_HIERARCHIES_MAX && fgets(line, sizeof line, file) != NULL) {
        const char *list = strchr(line, ':');
        if (list == NULL)
            continue;
        list++;
        size_t n = strcspn(list, ":");
        if (n >= sizeof found[0] || (n > 0 && !cgroup_is_needed(list, n)))
            continue;
        snprintf(found[count++], sizeof found[0], "%.*s", (int)n, list);
    }
    fclose(file);
    return count;
}

int cgroup_mount_fresh(struct error *err)
{
    char found[CGROUP_HIERARCHIES_MAX][64];
    int count = hierarchies(found, err);
    if (count < 0)
        return -1;
    /* Also below a v2 hierarchy: the kernel refuses to mount a file system on a root of its own. */
    if (mount("tmpfs", CGROUP_MOUNT, "tmpfs", FLAGS, "size=64k,mode=0755") != 0)
        return error_set(err, errno, "cgroup: cannot mount on " CGROUP_MOUNT);
    if (count == 1 && found[0][0] == '\0')
        return mount("cgroup2", CGROUP_MOUNT, "cgroup2", FLAGS, NULL) == 0 ? 0 : error_set(err, errno, "cgroup: cannot mount the hierarchy");
    for (int i = 0; i < count; i++)
        if (found[i][0] != '\0' && mount_v1(found[i], err) != 0) /* without the empty one of hybrid hosts */
            return -1;
    return 0;
}
