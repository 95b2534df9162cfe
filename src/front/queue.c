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
        list_init(&share->waiting[i]);
}

static void count_in(struct queue *queue, struct share *share)
{
    queue->count++;
    if (share->waiting_count++ == 0)
        list_append(&queue->turns, &share->turn);
}

void queue_add(struct queue *queue, struct run *run)
{
    run->number = ++queue->arrivals;
    list_append(&run->share->waiting[run->environment], &run->link);
    count_in(queue, run->share);
}

void queue_add_back(struct queue *queue, struct run *run)
{
    list_prepend(&run->share->waiting[run->environment], &run->link);
    count_in(queue, run->share);
}

static void count_out(struct queue *queue, struct share *share)
{
    queue->count--;
    if (--share->waiting_count == 0)
        list_remove(&share->turn);
}

void queue_remove(struct queue *queue, struct run *run)
{
    list_remove(&run->link);
    count_out(queue, run->share);
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
static struct run *next_of(const struct share *share, bool (*may_start)(const void *, const struct share *, uint32_t), const void *data)
{
    struct run *first = NULL;
    for (uint32_t i = 0; i < CONFIG_ENVIRONMENTS_MAX; i++) {
        if (list_empty(&share->waiting[i]) || !may_start(data, share, i))
            continue;
        struct run *run = LIST_ENTRY(share->waiting[i].next, struct run, link);
        if (first == NULL || run->number < first->number)
            first = run;
    }
    return first;
}

struct run *queue_next(const struct queue *queue, bool (*may_start)(const void *data, const struct share *share, uint32_t environment),
                       const void *data)
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

bool queue_has(const struct queue *queue, uint32_t environment)
{
    for (const struct list *link = queue->turns.next; link != &queue->turns; link = link->next)
        if (!list_empty(&LIST_ENTRY(link, struct share, turn)->waiting[environment]))
            return true;
    return false;
}

int64_t queue_shares(const struct queue *queue, const struct share *share)
{
    int64_t count = share->waiting_count == 0;
    for (const struct list *link = queue->turns.next; link != &queue->turns; link = link->next)
        count++;
    return count;
}

void queue_take_late(struct queue *queue, uint64_t now_ns, struct list *late)
{
    struct list *turn, *next_turn, *link, *next;
    for (turn = queue->turns.next; turn != &queue->turns; turn = next_turn) {
        struct share *share = LIST_ENTRY(turn, struct share, turn);
        next_turn = turn->next; /* the share leaves the queue with its last run */
        for (uint32_t i = 0; i < CONFIG_ENVIRONMENTS_MAX; i++)
            for (link = share->waiting[i].next; link != &share->waiting[i]; link = next) {
                struct run *run = LIST_ENTRY(link, struct run, link);
                next = link->next;
                if (run->start_by_ns > now_ns)
                    continue;
                count_out(queue, share);
                list_remove(&run->link);
                list_append(late, &run->link);
            }
    }
}
