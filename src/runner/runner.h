/* runner.h: the client of `hatchery run`: one program, its output on ours. A child of the broker, as the front is. */
#pragma once

#include "broker/broker.h"

/* Waits for a sandbox on the channel, runs the program in it, copies its output as it comes. Returns the exit status
 * that broker_run() promises. */
int runner_main(const struct config *config, int channel, const struct run_request *request);
