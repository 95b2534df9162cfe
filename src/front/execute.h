/* execute.h: POST /execute. */
#pragma once

struct connection;

/* Checks the request, has it run, answers when the run has ended. */
void execute_request(struct connection *connection);

/* DELETE /runs/{id}: ends the run; its own request answers as that of any other. */
void cancel_request(struct connection *connection, const char *id);
