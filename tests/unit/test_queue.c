/* The queue: order within a key, fairness between keys, what has waited too long; and what is guessed of waits. */
#include "front/admission.h"
#include "front/queue.h"
#include "front/run.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS = 8 };

static struct queue queue;
static struct share shares[3];
static struct run runs[RUNS];
static bool ready[2]; /* environments */

static bool set_ready; /* the first learned set of the first environment */

static bool may_start(const void *data, const struct run *run)
{
    return run->lane == LANE_PLAIN ? ready[run->environment] : set_ready;
}

/* Run n is of the share and environment, and may wait until start_by. */
static void add(size_t n, size_t share, uint32_t environment, uint64_t start_by)
{
    runs[n] = (struct run){.share = &shares[share], .environment = environment, .start_by_ns = start_by};
    list_init(&runs[n].link);
    queue_add(&queue, &runs[n]);
}

static int setup(void **state)
{
    queue_init(&queue);
    for (size_t i = 0; i < 3; i++)
        share_init(&shares[i]);
    ready[0] = ready[1] = true;
    set_ready = false;
    return 0;
}

/* Which run starts next; it is then running. -1: none. */
static int start(void)
{
    struct run *run = queue_next(&queue, may_start, NULL);
    if (run == NULL)
        return -1;
    queue_take(&queue, run);
    run->share->running++;
    return (int)(run - runs);
}

static void one_share_in_order(void **state)
{
    for (size_t n = 0; n < 4; n++)
        add(n, 0, 0, 0);
    for (int n = 0; n < 4; n++)
        assert_int_equal(start(), n);
    assert_int_equal(start(), -1);
    assert_int_equal(queue.count, 0);
}

static void fewest_running_first(void **state)
{
    shares[0].running = 5;
    for (size_t n = 0; n < 3; n++)
        add(n, 0, 0, 0);
    add(3, 1, 0, 0);
    add(4, 1, 0, 0);
    assert_int_equal(start(), 3);
    assert_int_equal(start(), 4);
    assert_int_equal(start(), 0);
}

static void equals_take_turns(void **state)
{
    for (size_t n = 0; n < 3; n++)
        add(n, 0, 0, 0);
    add(3, 1, 0, 0);
    add(4, 2, 0, 0);
    assert_int_equal(start(), 0);
    shares[0].running = 0; /* it was a short one */
    assert_int_equal(start(), 3);
    shares[1].running = 0;
    assert_int_equal(start(), 4);
    shares[2].running = 0;
    assert_int_equal(start(), 1);
}

static void an_environment_without_sandboxes_holds_nobody_up(void **state)
{
    ready[0] = false;
    add(0, 0, 0, 0);
    add(1, 0, 1, 0);
    add(2, 1, 0, 0);
    assert_int_equal(start(), 1);
    assert_int_equal(start(), -1);
    ready[0] = true;
    assert_int_equal(start(), 2); /* of the other one nothing runs */
    assert_int_equal(start(), 0);
}

/* Run n is of the share, and waits for a sandbox of the set until give_up. */
static void add_learned(size_t n, size_t share, uint64_t give_up)
{
    runs[n] = (struct run){.share = &shares[share], .lane = 1, .give_up_ns = give_up};
    list_init(&runs[n].link);
    queue_add(&queue, &runs[n]);
}

static void who_waits_for_a_set_holds_nobody_up(void **state)
{
    add_learned(0, 0, 0);
    add(1, 0, 0, 0);
    add_learned(2, 1, 0);
    assert_int_equal(start(), 1);
    assert_int_equal(start(), -1);
    set_ready = true;
    assert_int_equal(start(), 2); /* of the other one nothing runs */
    assert_int_equal(start(), 0);
    assert_int_equal(queue.count + queue.counts[0][0] + queue.counts[0][1], 0);
}

static void who_gives_a_set_up_is_where_he_would_have_been(void **state)
{
    for (size_t n = 0; n < 8; n++)
        if (n % 2 == 0)
            add(n, 0, 0, 0);
        else
            add_learned(n, 0, n < 4 ? 10 : 20);
    assert_true(queue_has(&queue, 0));
    assert_int_equal(queue_give_up(&queue, 0, 1, false, 15), 2);
    assert_int_equal(queue.counts[0][1], 2);
    for (int n = 0; n < 4; n++)
        assert_int_equal(start(), n);
    assert_int_equal(queue_give_up(&queue, 0, 1, true, 0), 2);
    assert_int_equal(queue_give_up(&queue, 0, 1, true, 0), 0);
    for (int n = 4; n < 8; n++)
        assert_int_equal(start(), n);
    assert_int_equal(start(), -1);
    assert_false(queue_has(&queue, 0));
}

static void taken_back_goes_first(void **state)
{
    add(0, 0, 0, 0);
    add(1, 0, 0, 0);
    struct run *run = queue_next(&queue, may_start, NULL);
    queue_take(&queue, run);
    queue_add_back(&queue, run);
    assert_int_equal(queue.count, 2);
    assert_int_equal(start(), 0);
}

static void late_ones_leave(void **state)
{
    struct list late;
    for (size_t n = 0; n < 6; n++)
        add(n, n % 3, n % 2, n < 4 ? 10 : 20);
    list_init(&late);
    queue_take_late(&queue, 15, &late);
    size_t count = 0;
    for (struct list *link = late.next; link != &late; link = link->next)
        count++;
    assert_int_equal(count, 4);
    assert_int_equal(queue.count, 2);
    assert_int_equal(queue_shares(&queue, &shares[0]), 3); /* two that wait, and the one that asks */
    queue_remove(&queue, &runs[4]);
    queue_remove(&queue, &runs[5]);
    assert_true(list_empty(&queue.turns));
    assert_int_equal(start(), -1);
}

static void waits_are_guessed(void **state)
{
    struct pace pace = {0};
    assert_true(pace_wait(&pace, 5, 4) == 0); /* nothing is known: the first may come */
    for (int i = 0; i < 20; i++)
        pace_run_ended(&pace, 2000000000);
    assert_true(pace_wait(&pace, 4, 4) > 1.99 && pace_wait(&pace, 4, 4) < 2.01);
    pace_queue_begins(&pace, 1000);
    pace_waiting_started(&pace, 3000001000); /* one start in three seconds */
    assert_true(pace_wait(&pace, 4, 4) > 11.9 && pace_wait(&pace, 4, 4) < 12.1);
    pace_queue_begins(&pace, 4000000000);
    assert_true(pace_wait(&pace, 4, 4) < 2.01);
}

static void prefer_headers(void **state)
{
    static const struct {
        const char *header;
        double seconds;
    } cases[] = {{"", 30}, {"wait=10", 10}, {"Wait=10", 10}, {"respond-async, wait=10", 10}, {"respond-async; x=1, wait=2.5", 2.5},
                 {"wait=100", 30}, {"wait=-1", 30}, {"wait=", 30}, {"wait=x", 30}, {"wait=nan", 30}, {"await=1", 30}, {"wait=0", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(prefer_wait(cases[i].header, 30) == cases[i].seconds);
    assert_int_equal(retry_after(0), 1);
    assert_int_equal(retry_after(1.2), 2);
    assert_int_equal(retry_after(1e9), 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_share_in_order, setup),
        cmocka_unit_test_setup(fewest_running_first, setup),
        cmocka_unit_test_setup(equals_take_turns, setup),
        cmocka_unit_test_setup(an_environment_without_sandboxes_holds_nobody_up, setup),
        cmocka_unit_test_setup(who_waits_for_a_set_holds_nobody_up, setup),
        cmocka_unit_test_setup(who_gives_a_set_up_is_where_he_would_have_been, setup),
        cmocka_unit_test_setup(taken_back_goes_first, setup),
        cmocka_unit_test_setup(late_ones_leave, setup),
        cmocka_unit_test(waits_are_guessed),
        cmocka_unit_test(prefer_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
