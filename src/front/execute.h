/* execute.h: POST /execute. */
#pragma once

struct connection;

/* Checks the request, has it run, answers when the run has ended. */
void execute_request(struct connection *connection);
