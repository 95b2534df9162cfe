/* collection.h: the files that a run sends back: the talk with its collector (struct collect_request in common/protocol.h), and
 * their part of the answer. */
#pragma once

#include "common/protocol.h"
#include "front/buffer.h"
#include "front/fields.h"

#include <stdbool.h>

struct collection {
    struct collect_request wanted;
    struct buffer received;
};

/* What the patterns of a request ask for. `limit`: bytes of all contents. NULL: no memory. */
struct collection *collection_new(const struct field_list *patterns, uint64_t limit);
void collection_free(struct collection *collection);

/* Tells a collector what is wanted; forgets what another one has sent. -1 with errno. */
int collection_ask(struct collection *collection, int socket);

/* Reads what is there. False: there will be no more; the socket can be closed. */
bool collection_read(struct collection *collection, int socket);

/* Writes the answer's members "files" and "files_error", for a run that asked for none, too (NULL). */
void collection_write(struct buffer *out, const struct collection *collection);
