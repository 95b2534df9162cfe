/* runner.h: the client of `hatchery run`: one program, its output on ours. A child of the broker, as the front is. */
#pragma once

#include "broker/broker.h"
#include "front/fields.h"

/* What `hatchery run` asks for. */
struct run_request {
    struct execute_request request;
    bool json; /* print the API's answer instead of the program's own output */
};

/* Waits for a sandbox on the channel, runs the program in it, copies its output as it comes. Returns the exit status
 * that broker_run() promises. */
int runner_main(const struct config *config, int channel, const struct run_request *request);
