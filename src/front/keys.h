/* keys.h: who asks: the API keys that the broker has handed over, and what each may. */
#pragma once

#include "common/channel.h"
#include "common/keys_file.h"
#include "front/list.h"
#include "front/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct api_key {
    struct list link; /* of all */
    struct key_entry entry;
    struct share share;
    unsigned references; /* by runs, and by the table */
    double tokens;       /* what the rate lets through now */
    uint64_t refilled_ns;
    /* For GET /metrics, since the key was first read. */
    uint64_t runs, rejections;
    double run_seconds;
};

struct keys {
    bool required; /* a keys-file is configured */
    bool loaded;
    struct list all;
    size_t count;
    struct api_key nobody; /* all requests' where no keys are configured */
};

void keys_init(struct keys *keys, bool required);

/* Takes a MESSAGE_KEYS; the descriptor stays the message's. Keys of the same name keep what they have going on. */
void keys_told(struct keys *keys, const struct message *message);

/* The key of an Authorization header ("Bearer KEY"); NULL when it is none of ours. */
struct api_key *keys_find(struct keys *keys, const char *authorization);

/* One more run of the key: true when its rate lets it. Otherwise `*wait` is the seconds until it would. */
bool key_take_token(struct api_key *key, uint64_t now_ns, double *wait);

struct api_key *key_hold(struct api_key *key);
void key_release(struct api_key *key);
