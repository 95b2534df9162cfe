/* queue.c: see queue.h. Runs in the front. */
#include "front/queue.h"

#include "front/run.h"

void queue_init(struct queue *queue)
{
    *queue = (struct queue){0};
    list_init(&queue->turns);
}

void share_init(struct share *share)
{
    *share = (struct share){0};
    list_init(&share->turn);
    for (size_t i = 0; i < CONFIG_ENVIRONMENTS_MAX; i++)
        for (size_t lane = 0; lane < LANES; lane++)
            list_init(&share->waiting[i][lane]);
}

static void count_in(struct queue *queue, const struct run *run)
{
    struct share *share = run->share;
    queue->count++;
    queue->counts[run->environment][run->lane]++;
    share->waiting_in[run->environment]++;
    if (share->waiting_count++ == 0)
        list_append(&queue->turns, &share->turn);
}

void queue_add(struct queue *queue, struct run *run)
{
    run->number = ++queue->arrivals;
    list_append(&run->share->waiting[run->environment][run->lane], &run->link);
    count_in(queue, run);
}

void queue_add_back(struct queue *queue, struct run *run)
{
    list_prepend(&run->share->waiting[run->environment][run->lane], &run->link);
    count_in(queue, run);
}

void queue_remove(struct queue *queue, struct run *run)
{
    struct share *share = run->share;
    list_remove(&run->link);
    queue->count--;
    queue->counts[run->environment][run->lane]--;
    share->waiting_in[run->environment]--;
    if (--share->waiting_count == 0)
        list_remove(&share->turn);
}

void queue_take(struct queue *queue, struct run *run)
{
    queue_remove(queue, run);
    if (run->share->waiting_count > 0) { /* it has had its turn */
        list_remove(&run->share->turn);
        list_append(&queue->turns, &run->share->turn);
    }
}

/* The run of the share that has waited longest, of those that may start. */
static struct run *next_of(const struct share *share, bool (*may_start)(const void *, const struct run *), const void *data)
{
    struct run *first = NULL;
    for (uint32_t i = 0; i < CONFIG_ENVIRONMENTS_MAX; i++)
        for (uint32_t lane = 0; lane < LANES && share->waiting_in[i] > 0; lane++) {
            const struct list *waiting = &share->waiting[i][lane];
            struct run *run = list_empty(waiting) ? NULL : LIST_ENTRY(waiting->next, struct run, link);
            if (run != NULL && (first == NULL || run->number < first->number) && may_start(data, run))
                first = run;
        }
    return first;
}

struct run *queue_next(const struct queue *queue, bool (*may_start)(const void *data, const struct run *run), const void *data)
{
    struct run *best = NULL;
    for (struct list *link = queue->turns.next; link != &queue->turns; link = link->next) {
        const struct share *share = LIST_ENTRY(link, struct share, turn);
        if (best != NULL && share->running >= best->share->running)
            continue;
        struct run *run = next_of(share, may_start, data);
        if (run != NULL)
            best = run;
    }
    return best;
}

static int64_t give_up_of(struct queue *queue, struct share *share, uint32_t environment, uint32_t lane, bool all, uint64_t now_ns)
{
    struct list *from = &share->waiting[environment][lane], *plain = &share->waiting[environment][LANE_PLAIN], *at = plain->next, *next;
    int64_t count = 0;
    for (struct list *link = from->next; link != from; link = next) {
        struct run *run = LIST_ENTRY(link, struct run, link);
        next = link->next;
        if (!all && run->give_up_ns > now_ns)
            continue;
        while (at != plain && LIST_ENTRY(at, struct run, link)->number < run->number)
            at = at->next;
        list_remove(link);
        list_append(at, link); /* before it */
        run->lane = LANE_PLAIN;
        queue->counts[environment][lane]--;
        queue->counts[environment][LANE_PLAIN]++;
        count++;
    }
    return count;
}

int64_t queue_give_up(struct queue *queue, uint32_t environment, uint32_t lane, bool all, uint64_t now_ns)
{
    int64_t count = 0;
    if (queue->counts[environment][lane] == 0)
        return 0;
    for (struct list *link = queue->turns.next; link != &queue->turns; link = link->next)
        count += give_up_of(queue, LIST_ENTRY(link, struct share, turn), environment, lane, all, now_ns);
    return count;
}

bool queue_has(const struct queue *queue, uint32_t environment)
{
    return queue->counts[environment][LANE_PLAIN] > 0;
}

int64_t queue_shares(const struct queue *queue, const struct share *share)
{
    int64_t count = share->waiting_count == 0;
    for (const struct list *link = queue->turns.next; link != &queue->turns; link = link->next)
        count++;
    return count;
}

static void take_late_of(struct queue *queue, struct list *waiting, uint64_t now_ns, struct list *late)
{
    struct list *link, *next;
    for (link = waiting->next; link != waiting; link = next) {
        struct run *run = LIST_ENTRY(link, struct run, link);
        next = link->next;
        if (run->start_by_ns > now_ns)
            continue;
        queue_remove(queue, run);
        list_append(late, &run->link);
    }
}

void queue_take_late(struct queue *queue, uint64_t now_ns, struct list *late)
{
    struct list *turn, *next_turn;
    for (turn = queue->turns.next; turn != &queue->turns; turn = next_turn) {
        struct share *share = LIST_ENTRY(turn, struct share, turn);
        next_turn = turn->next; /* the share leaves the queue with its last run */
        for (uint32_t i = 0; i < CONFIG_ENVIRONMENTS_MAX; i++)
            for (uint32_t lane = 0; lane < LANES && share->waiting_in[i] > 0; lane++)
                take_late_of(queue, &share->waiting[i][lane], now_ns, late);
    }
}
