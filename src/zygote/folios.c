/* folios.c: puts the interpreter's memory into large folios. Runs in the zygote, once, when nothing is imported any more.
 *
 * A fork copies a page table entry and counts one more user for each page, and the end of the process undoes it: a sixth of what a
 * run costs. Where 512 pages in a row are one folio the kernel does it for many at once (Linux 6.9). So memory is copied into huge
 * pages, and these are moved to where it was, so that all addresses stay; what is large is collapsed in place. It is mapped by small
 * pages nevertheless: a program that writes copies one of them, and need not split a huge one first. */
#include "zygote/zygote.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; before that everything stays as it is */
#endif

enum { HUGE_BYTES = 2 << 20, PAGE_BYTES = 4096, SMALL_BYTES = 256 << 10, LARGE_BYTES = 8 << 20, RANGES_MAX = 64 };

struct range {
    uintptr_t start;
    size_t size;
};

/* A mapping that was made with more than mmap(2), as not to be forked, would lose that. */
static bool is_plain(const char *flags)
{
    static const char plain[] = "rd wr mr mw me ac sd ";
    for (; strlen(flags) >= 3; flags += 3) {
        const char flag[] = {flags[0], flags[1], ' ', '\0'};
        if (strstr(plain, flag) == NULL)
            return false;
    }
    return true;
}

/* Private memory without a file of which at least half is there: the heap, and what allocators have mapped. */
static size_t find_ranges(struct range ranges[RANGES_MAX])
{
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    uintptr_t start = 0, end = 0;
    unsigned long there = 0;
    bool private = false;
    size_t count = 0;
    while (file != NULL && count < RANGES_MAX && fgets(line, sizeof line, file) != NULL) {
        uintptr_t from, to;
        unsigned long inode;
        char permissions[5], name[64] = "";
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %lu %63s", &from, &to, permissions, &inode, name) >= 4) {
            start = from, end = to;
            private = inode == 0 && strcmp(permissions, "rw-p") == 0 && (name[0] == '\0' || strcmp(name, "[heap]") == 0);
        } else if (sscanf(line, "Rss: %lu kB", &there) != 1 && strncmp(line, "VmFlags: ", 9) == 0 && private && is_plain(line + 9) &&
                   end - start >= SMALL_BYTES && (there << 10) >= (end - start) / 2) {
            ranges[count++] = (struct range){start, end - start};
        }
    }
    if (file != NULL)
        fclose(file);
    return count;
}

/* In place, as far as it is aligned. When the protection of one page changes, the kernel maps a huge page by small ones. */
static void collapse(const struct range *range)
{
    const uintptr_t start = (range->start + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
    for (uintptr_t at = start; at + HUGE_BYTES <= range->start + range->size; at += HUGE_BYTES)
        if (madvise((void *)at, HUGE_BYTES, MADV_COLLAPSE) == 0 && mprotect((void *)at, PAGE_BYTES, PROT_READ) == 0 &&
            mprotect((void *)at, PAGE_BYTES, PROT_READ | PROT_WRITE) != 0)
            abort();
}

/* All that are not large, side by side: hardly one of them holds an aligned huge page. */
static void replace(const struct range *ranges, size_t count, size_t bytes)
{
    const size_t whole = (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
    char *space = mmap(NULL, whole + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (space == MAP_FAILED)
        return;
    char *huge = (char *)(((uintptr_t)space + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES), *end = space + whole + HUGE_BYTES;
    for (size_t at = 0; at < whole; at += HUGE_BYTES)
        huge[at] = 0; /* where nothing is, nothing is collapsed */
    const bool collapsed = madvise(huge, whole, MADV_COLLAPSE) == 0;
    for (size_t i = 0; i < count && collapsed; i++) {
        if (ranges[i].size >= LARGE_BYTES)
            continue;
        memcpy(huge, (void *)ranges[i].start, ranges[i].size);
        if (mremap(huge, ranges[i].size, ranges[i].size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)ranges[i].start) == MAP_FAILED)
            abort(); /* what was there may be gone */
        huge += ranges[i].size;
    }
    munmap(space, (size_t)(huge - space));
    munmap(huge, (size_t)(end - huge));
}

void folios_prepare(void)
{
    static struct range ranges[RANGES_MAX]; /* from here on nothing may allocate: what moves is the heap */
    const size_t count = find_ranges(ranges);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        if (ranges[i].size >= LARGE_BYTES)
            collapse(&ranges[i]);
        else
            bytes += ranges[i].size;
    if (bytes > 0)
        replace(ranges, count, bytes);
}
