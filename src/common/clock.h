/* clock.h: the only time that counts. */
#pragma once

#include <stdint.h>

/* CLOCK_MONOTONIC, nanoseconds: the time of day may jump. */
uint64_t now_ns(void);
