/* The watchdog: what hangs is found, and whoever only waits for a core, for the disk, for a debugger or for its watcher is not. */
#include "broker/process.h"
#include "broker/watchdog.h"

#include "unit.h"

enum { LONG = 10000 };

static struct watchdog watchdog;
static char state;
static uint64_t used_ms;

char process_state(pid_t pid, uint64_t *cpu_ms)
{
    *cpu_ms = used_ms;
    return state;
}

static int setup(void **data)
{
    watchdog = (struct watchdog){0};
    state = 'S';
    used_ms = 5;
    return 0;
}

static enum watchdog_news tick(enum watchdog_duty duty)
{
    char why[64];
    return watchdog_tick(&watchdog, 1, duty, why, sizeof why);
}

/* Ticks until it hangs, each of them `cpu_ms` of processor time later; 0: it does not. */
static int hangs_after(enum watchdog_duty duty, uint64_t cpu_ms)
{
    for (int ticks = 1; ticks <= LONG; ticks++) {
        used_ms += cpu_ms;
        if (tick(duty) == WATCHDOG_HANGS)
            return ticks;
    }
    return 0;
}

static void one_that_answers_is_asked_and_well(void **data)
{
    int asked = 0;
    for (int i = 0; i < LONG; i++) {
        const enum watchdog_news news = tick(WATCHDOG_ANSWERS);
        assert_int_not_equal(news, WATCHDOG_HANGS);
        asked += news == WATCHDOG_ASK;
        if (news == WATCHDOG_ASK)
            watchdog_heard(&watchdog);
    }
    assert_int_equal(asked, LONG / 2);
}

static void one_that_talks_is_not_asked(void **data)
{
    for (int i = 0; i < LONG; i++) {
        watchdog_heard(&watchdog);
        assert_int_equal(tick(WATCHDOG_ANSWERS), WATCHDOG_WELL);
    }
}

static void stopped(void **data)
{
    state = 'T';
    assert_int_equal(hangs_after(WATCHDOG_ANSWERS, 0), WATCHDOG_STILL_TICKS);
    setup(data);
    state = 'T';
    assert_int_equal(hangs_after(WATCHDOG_IDLE, 0), WATCHDOG_STILL_TICKS);
    setup(data);
    state = 'T';
    assert_int_equal(hangs_after(WATCHDOG_STARTS, 0), WATCHDOG_STILL_TICKS);
    setup(data);
    state = 'T';
    for (unsigned i = 1; i < WATCHDOG_STILL_TICKS; i++) /* asked for something meanwhile */
        assert_int_not_equal(tick(i < 3 ? WATCHDOG_IDLE : WATCHDOG_ANSWERS), WATCHDOG_HANGS);
    assert_int_equal(tick(WATCHDOG_ANSWERS), WATCHDOG_HANGS);
}

static void asleep(void **data)
{
    assert_int_equal(hangs_after(WATCHDOG_ANSWERS, 0), 1 + WATCHDOG_STILL_TICKS);
    setup(data);
    assert_int_equal(hangs_after(WATCHDOG_IDLE, 0), 0);
}

/* An endless loop; not a front that a client has given much to do, nor one that gets little of the machine. */
static void busy(void **data)
{
    state = 'R';
    assert_int_equal(hangs_after(WATCHDOG_ANSWERS, 1000), 1 + WATCHDOG_BUSY_SECONDS);
    setup(data);
    state = 'R';
    assert_in_range(hangs_after(WATCHDOG_ANSWERS, 100), 10 * WATCHDOG_BUSY_SECONDS, 10 * WATCHDOG_BUSY_SECONDS + 1);
}

static void one_that_waits_does_not_hang(void **data)
{
    static const char states[] = {'R', 'D', 't', 0 /* cannot be read */};
    for (size_t i = 0; i < sizeof states; i++) {
        setup(data);
        state = states[i];
        assert_int_equal(hangs_after(WATCHDOG_ANSWERS, 0), 0);
    }
    setup(data);
    for (int i = 0; i < LONG; i++) { /* asleep at every look, yet it does something between them */
        used_ms += i % WATCHDOG_STILL_TICKS == 0;
        assert_int_not_equal(tick(WATCHDOG_ANSWERS), WATCHDOG_HANGS);
        if (used_ms > WATCHDOG_BUSY_SECONDS * 900)
            setup(data);
    }
}

static void an_answer_in_the_last_moment(void **data)
{
    state = 'T';
    for (int i = 0; i < LONG; i++) {
        for (int ticks = 1; ticks < WATCHDOG_STILL_TICKS; ticks++)
            assert_int_not_equal(tick(WATCHDOG_ANSWERS), WATCHDOG_HANGS);
        watchdog_heard(&watchdog);
        assert_int_equal(tick(WATCHDOG_ANSWERS), WATCHDOG_WELL);
    }
}

static void a_start_may_sleep_and_work(void **data)
{
    assert_in_range(hangs_after(WATCHDOG_STARTS, 0), WATCHDOG_START_TICKS, WATCHDOG_START_TICKS + 3);
    setup(data);
    state = 'R';
    assert_in_range(hangs_after(WATCHDOG_STARTS, 1000), WATCHDOG_START_TICKS, WATCHDOG_START_TICKS + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_that_answers_is_asked_and_well, setup),
        cmocka_unit_test_setup(one_that_talks_is_not_asked, setup),
        cmocka_unit_test_setup(stopped, setup),
        cmocka_unit_test_setup(asleep, setup),
        cmocka_unit_test_setup(busy, setup),
        cmocka_unit_test_setup(one_that_waits_does_not_hang, setup),
        cmocka_unit_test_setup(an_answer_in_the_last_moment, setup),
        cmocka_unit_test_setup(a_start_may_sleep_and_work, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
