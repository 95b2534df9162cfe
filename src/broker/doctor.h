/* doctor.h: what this machine can enforce, found by doing it. */
#pragma once

#include "common/config.h"

#include <stdbool.h>
#include <stdio.h>

/* Tries every layer in processes of its own, prints a table (or JSON). Returns 0 when every required layer can be
 * enforced, else 1. */
int doctor_report(const struct config *config, bool json, FILE *out);
