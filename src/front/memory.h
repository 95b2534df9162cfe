/* memory.h: what the front does without memory. A large piece that a client sends may be refused, with 503; where a small one is
 * missing there is no telling what an answer would lack, so the process ends, and the broker starts another one. */
#pragma once

/* Ends the process where `memory` is NULL, and returns it otherwise. */
void *memory_needed(void *memory);
