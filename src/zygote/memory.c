/* memory.c: puts what a program will allocate close together. Runs in the zygote, before the first fork; trusts what it imported.
 *
 * Imports leave holes all over the heap: a program's first allocations fill them, and each is then a page to copy, or two (the
 * interpreter's allocator keeps a header for every pool of one size). So the zygote fills the holes itself, once, with nothing:
 * what its programs allocate then comes from the end of the heap, and is as close together as they can make it. */
#include "zygote/zygote.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* pymalloc: classes of 16 bytes up to 512; a pool is a header and blocks of one class */
    CLASS = 16,
    CLASS_MAX = 512,
    POOL_HEADER = 48,
    POOL_OLD = 4096, /* before 3.10 */
    POOL = 16384,
    /* malloc(3): what is larger than LARGE is rare and not worth it; up to SMALL every size has a list of its own */
    LARGE = 64 * 1024,
    SMALL = 1040,
    CHUNK_HEADER = 16,
    TRIES_MAX = 64,
};

static size_t budget = 16 << 20; /* what may be filled at most, should an allocator not be what it seems */

/* Fills the pools of one class, until the allocator begins a new one: its first three blocks stand in a row at its beginning. */
static void fill_class(size_t size, uintptr_t pool)
{
    uintptr_t block[3] = {0};
    for (; budget >= size; budget -= size) {
        block[0] = block[1], block[1] = block[2];
        block[2] = (uintptr_t)PyMem_Malloc(size);
        if (block[2] == 0)
            return;
        if (block[0] % pool == POOL_HEADER && block[1] == block[0] + size && block[2] == block[1] + size) {
            for (int k = 0; k < 3; k++)
                PyMem_Free((void *)block[k]);
            return;
        }
    }
}

static void fill_pools(void)
{
    const uintptr_t pool = atoi(strchr(Py_GetVersion(), '.') + 1) >= 10 ? POOL : POOL_OLD;
    for (size_t size = CLASS; size <= CLASS_MAX; size += CLASS)
        fill_class(size, pool);
}

/* Where the unused end of the heap begins: two chunks in a row come from there. 0 where that cannot be found. */
static uintptr_t find_end(void)
{
    uintptr_t before = 0;
    for (int i = 0; i < TRIES_MAX; i++) {
        void *chunk = malloc(LARGE);
        if (chunk == NULL)
            return 0;
        if (before != 0 && (uintptr_t)chunk == before + LARGE + CHUNK_HEADER) {
            free(chunk);
            free((void *)before);
            return before;
        }
        before = (uintptr_t)chunk;
    }
    return 0;
}

static void fill_holes(uintptr_t end, size_t size)
{
    while (budget >= size) {
        void *chunk = malloc(size);
        if ((uintptr_t)chunk >= end && size > SMALL)
            free(chunk);
        if (chunk == NULL || (uintptr_t)chunk >= end)
            return;
        budget -= size;
    }
}

void memory_prepare(void)
{
    fill_pools(); /* before the heap: a pool's arena is not of it, but large objects are */
    const uintptr_t end = find_end();
    if (end == 0)
        return;
    for (size_t size = LARGE; size > SMALL; size -= size / 8)
        fill_holes(end, size);
    for (size_t size = SMALL - CHUNK_HEADER / 2; size >= CHUNK_HEADER; size -= CHUNK_HEADER)
        fill_holes(end, size);
}
