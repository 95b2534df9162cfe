/* descriptors.h: what the kernel knows of descriptors, for processes that are fuzzed with messages: socket pairs, pipes, memory files,
 * epoll and pidfds, in memory. The calls that the linker wraps (meson.build) are answered from it where the descriptor is one of its own, and
 * by the kernel otherwise. It is a bug to use or close one that is not open, and to wait where nobody would ever wake. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { DESCRIPTOR_FIRST = 100000 }; /* no descriptor of the kernel's has such a number */

/* A pidfd: readable once `*dead`. `process` is for descriptor_process(). */
int descriptor_new_process(void *process, const bool *dead);

/* Of a pidfd; NULL for any other. */
void *descriptor_process(int fd);

/* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as they are now. */
unsigned descriptor_ready(int fd);

/* How many are open, those in messages on their way included. */
size_t descriptor_count(void);
