/* handover.h: another binary becomes the process that the supervisor is: its sockets, its settings and its generations go with it. */
#pragma once

#include "supervisor/state.h"

/* Executes the binary at s->path. Returns only where that has failed, and everything is as before. */
void hand_over(struct supervisor *s);

/* The other end: fills in what hand_over() has given, where supervisor_is_successor(). */
void take_over(struct supervisor *s);
