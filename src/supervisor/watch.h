/* watch.h: the supervisor looks after the brokers, and lets the service manager look after it. */
#pragma once

#include "supervisor/state.h"

/* Does what is due, and returns when it is next to be called. A broker that hangs is killed. */
uint64_t watch(struct supervisor *s, uint64_t now);
