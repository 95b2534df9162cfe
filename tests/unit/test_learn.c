/* What is learned: the counting of sets of modules, which one is worth an interpreter, and which interpreter fits a program. */
#include "broker/learn.h"
#include "common/modules.h"

#include "unit.h"

#include <string.h>

#define MINUTE (60 * UINT64_C(1000000000))

enum { NUMPY = 1, PANDAS = 2, SCIPY = 4, SYMPY = 8 };

static uint32_t served; /* the sets, as bits, that have an interpreter */

static bool is_served(const void *data, uint32_t modules)
{
    return (served >> modules & 1) != 0;
}

static uint32_t best(struct learn *learn, uint32_t blocked, uint64_t now)
{
    const struct candidate *candidate = learn_best(learn, blocked, now, is_served, NULL);
    return candidate != NULL ? candidate->modules : 0;
}

static int setup(void **state)
{
    served = 0;
    return 0;
}

static void weight_halves(void **state)
{
    struct tally tally = {0};
    assert_true(tally_weight(&tally, MINUTE) == 0);
    for (int i = 0; i < 4; i++)
        tally_add(&tally, MINUTE);
    assert_true(tally_weight(&tally, MINUTE) == 4);
    assert_true(tally_weight(&tally, 0) == 4); /* no time passes backwards */
    assert_true(tally_weight(&tally, 11 * MINUTE) == 2);
    assert_true(tally_weight(&tally, 6 * MINUTE) == 3);
    assert_true(tally_weight(&tally, 31 * MINUTE) == 0.5f);
    assert_true(tally_weight(&tally, UINT64_MAX) == 0);
    uint64_t now = MINUTE;
    for (float before = 5; now < 200 * MINUTE; now += MINUTE / 7) { /* it never grows by itself */
        assert_true(tally_weight(&tally, now) <= before);
        before = tally_weight(&tally, now);
    }
}

static void third_run_is_worth_it(void **state)
{
    struct learn learn = {0};
    assert_int_equal(best(&learn, 0, 0), 0);
    learn_note(&learn, NUMPY, 1 * MINUTE);
    learn_note(&learn, NUMPY, 2 * MINUTE);
    assert_int_equal(best(&learn, 0, 2 * MINUTE), 0);
    learn_note(&learn, NUMPY, 3 * MINUTE);
    assert_int_equal(best(&learn, 0, 3 * MINUTE), NUMPY);
    assert_int_equal(best(&learn, 0, 20 * MINUTE), 0); /* it was long ago */
    assert_int_equal(best(&learn, NUMPY, 3 * MINUTE), 0);
    served = 1 << NUMPY;
    assert_int_equal(best(&learn, 0, 3 * MINUTE), 0);
}

static void rare_runs_never_are(void **state)
{
    struct learn learn = {0};
    for (uint64_t now = MINUTE; now < 600 * MINUTE; now += 20 * MINUTE) {
        learn_note(&learn, NUMPY, now);
        assert_int_equal(best(&learn, 0, now), 0);
    }
}

static void heaviest_comes_first(void **state)
{
    struct learn learn = {0};
    for (int i = 0; i < 10; i++) {
        learn_note(&learn, NUMPY | PANDAS, MINUTE);
        if (i < 5)
            learn_note(&learn, SYMPY, MINUTE);
    }
    assert_int_equal(best(&learn, 0, MINUTE), NUMPY | PANDAS);
    assert_int_equal(best(&learn, PANDAS, MINUTE), SYMPY);
    served = 1 << (NUMPY | PANDAS);
    assert_int_equal(best(&learn, 0, MINUTE), SYMPY);
    assert_ptr_equal(learn_find(&learn, SYMPY), learn_best(&learn, 0, MINUTE, is_served, NULL));
    assert_null(learn_find(&learn, SCIPY));
}

/* However many sets somebody makes up, what others ask for again and again stays known. */
static void flood_does_not_wash_it_away(void **state)
{
    struct learn learn = {0};
    for (int i = 0; i < 3; i++)
        learn_note(&learn, NUMPY, MINUTE);
    for (uint32_t made_up = 100; made_up < 10000; made_up++)
        learn_note(&learn, made_up, MINUTE + made_up);
    assert_int_equal(best(&learn, 0, MINUTE + 10000), NUMPY);
}

static void fits(void **state)
{
    /* made with pandas, which has brought numpy along */
    const uint32_t needs = PANDAS, has = NUMPY | PANDAS;
    assert_int_equal(learn_fit(needs, has, PANDAS), 1);
    assert_int_equal(learn_fit(needs, has, NUMPY | PANDAS), 2);
    assert_int_equal(learn_fit(needs, has, NUMPY | PANDAS | SCIPY), 2);
    assert_int_equal(learn_fit(needs, has, NUMPY), 0); /* it would see pandas */
    assert_int_equal(learn_fit(needs, has, 0), 0);
    assert_int_equal(learn_fit(0, 0, NUMPY), 0);
    assert_true(learn_serves(needs, has, PANDAS));
    assert_true(learn_serves(needs, has, NUMPY | PANDAS));
    assert_false(learn_serves(needs, has, NUMPY));
    assert_false(learn_serves(needs, has, NUMPY | PANDAS | SCIPY));
}

static void names(void **state)
{
    const char *name;
    size_t size;
    char text[16];
    assert_int_equal(modules_count(""), 0);
    assert_int_equal(modules_count("a,b.c"), 2);
    assert_true(modules_name("a,b.c,d", 1, &name, &size));
    assert_int_equal(size, 3);
    assert_memory_equal(name, "b.c", 3);
    assert_false(modules_name("a,b", 2, &name, &size));
    assert_false(modules_name("", 0, &name, &size));
    modules_text("a,b.c,d", 5, text, sizeof text);
    assert_string_equal(text, "a,d");
    modules_text("a,b.c,d", ~0U, text, sizeof text);
    assert_string_equal(text, "a,b.c,d");
    modules_text("numpy,pandas,matplotlib", 7, text, sizeof text); /* no part of a name */
    assert_memory_equal(text, "numpy,pandas", 12);
    modules_text("", ~0U, text, sizeof text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(weight_halves, setup),
        cmocka_unit_test_setup(third_run_is_worth_it, setup),
        cmocka_unit_test_setup(rare_runs_never_are, setup),
        cmocka_unit_test_setup(heaviest_comes_first, setup),
        cmocka_unit_test_setup(flood_does_not_wash_it_away, setup),
        cmocka_unit_test_setup(fits, setup),
        cmocka_unit_test_setup(names, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
