/* mappings.c: lets a fork take along the part of the interpreter's code that programs use.
 *
 * The kernel does not copy the page tables of a file's mapping at a fork: the child finds the pages again, with a fault for
 * every sixteen of them, some seventy for a small program. It does copy them once the mapping has a page of its own
 * (vma_needs_copy() in mm/memory.c), which costs less than the faults as long as they are few: so the tables are emptied
 * first, and zygote_warm() then brings back what is needed. */
#include "zygote/zygote.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

/* Code is never written, so dropping its pages loses nothing. The first page becomes our own by writing what it holds. */
static void renew(uintptr_t start, size_t size)
{
    if (madvise((void *)start, size, MADV_DONTNEED) != 0 ||
        mprotect((void *)start, size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        return;
    volatile unsigned char *byte = (volatile unsigned char *)start;
    *byte = *byte; // cppcheck-suppress selfAssignment ; the write is what counts
    mprotect((void *)start, size, PROT_READ | PROT_EXEC);
}

void mappings_prepare(void)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    uintptr_t start = 0, end = 0;
    unsigned long own = 0;
    bool code = false;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        uintptr_t from, to;
        unsigned long inode;
        char permissions[5];
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %lu", &from, &to, permissions, &inode) == 4) {
            start = from, end = to;
            code = inode != 0 && strcmp(permissions, "r-xp") == 0;
        } else if (code && sscanf(line, "Anonymous: %lu kB", &own) == 1 && own == 0) { /* else it was relocated: leave it */
            renew(start, end - start);
        }
    }
    if (file != NULL)
        fclose(file);
}
