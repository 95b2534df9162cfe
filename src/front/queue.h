/* queue.h: the runs that wait for a sandbox, fair among those who sent them.
 *
 * Each key has a share: the runs of it that wait, in the order of arrival for each lane, and how many of it run. An environment has a
 * lane for its plain sandboxes and one for each of its learned sets, so who waits for the one kind holds up nobody who waits for another.
 * The next run is of the share with the fewest running, and of equals of the one that has not had a turn for longest. So who sends
 * one request at a time does not wait behind another's thousand. */
#pragma once

#include "common/config.h"
#include "common/protocol.h"
#include "front/list.h"

#include <stdbool.h>
#include <stdint.h>

struct run;

/* The others are learned sets, by their place in struct message_learned. */
enum { LANE_PLAIN = 0, LANES = 1 + LEARNED_MAX };

struct share {
    struct list turn; /* in the queue while something of it waits */
    struct list waiting[CONFIG_ENVIRONMENTS_MAX][LANES];
    uint32_t waiting_in[CONFIG_ENVIRONMENTS_MAX]; /* in all of an environment's lanes */
    int64_t waiting_count, running;
};

struct queue {
    struct list turns; /* shares of which something waits; who has had a turn goes to the end */
    int64_t count, counts[CONFIG_ENVIRONMENTS_MAX][LANES];
    uint64_t arrivals; /* numbers the runs */
};

void queue_init(struct queue *queue);
void share_init(struct share *share);

/* Adds the run at the end of its lane in its share, or, one that was taken out to start and could not, at the front again. */
void queue_add(struct queue *queue, struct run *run);
void queue_add_back(struct queue *queue, struct run *run);
void queue_remove(struct queue *queue, struct run *run);

/* Removes a run because it starts: its share goes to the end. */
void queue_take(struct queue *queue, struct run *run);

/* The run that should start next, of those that `may_start`; NULL: none. */
struct run *queue_next(const struct queue *queue, bool (*may_start)(const void *data, const struct run *run), const void *data);

/* Moves the runs of a learned set's lane to the plain one, to where they would be had they always been there: all of them, or those
 * with give_up_ns <= now_ns. How many. */
int64_t queue_give_up(struct queue *queue, uint32_t environment, uint32_t lane, bool all, uint64_t now_ns);

/* Whether a run of the environment waits for a plain sandbox. */
bool queue_has(const struct queue *queue, uint32_t environment);

/* Shares of which something waits, `share` included in any case. */
int64_t queue_shares(const struct queue *queue, const struct share *share);

/* Moves the runs that have waited until their `start_by_ns` to the list `late`. */
void queue_take_late(struct queue *queue, uint64_t now_ns, struct list *late);
