/* workspace.c: the writable folders of one run. Runs in the program, before its seal, in the nest's namespaces. */
#include "sandbox/seal.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

seal_step workspace_mount(const struct seal_settings *settings)
{
    static const struct {
        const char *path, *mode;
        unsigned long flags;
    } folders[] = {
        {"/sandbox", "mode=0700,uid=1000,gid=1000", 0},
        {"/tmp", "mode=1777", 0},
        {"/dev/shm", "mode=1777", MS_NOEXEC},
    };
    if (unshare(CLONE_NEWNS) != 0)
        return "mount namespace";
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char data[128];
        snprintf(data, sizeof data, "size=%llu,nr_inodes=%llu,%s", (unsigned long long)settings->workspace,
                 (unsigned long long)settings->files, folders[i].mode);
        if (mount("tmpfs", folders[i].path, "tmpfs", MS_NOSUID | MS_NODEV | folders[i].flags, data) != 0)
            return folders[i].path;
    }
    return NULL;
}
