/* keys.h: the file of API keys, read by the broker because the front opens nothing. */
#pragma once

#include "common/error.h"

/* Reads and checks the file. A memory file with its text, or -1 with `err`. */
int keys_open(const char *path, struct error *err);
