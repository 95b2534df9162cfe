/* Patterns mean what Python's glob means by them; tests/e2e/test_collect.py compares the two on real folders. */
#include "collector/glob.h"

#include "unit.h"

#include <string.h>

static void matches(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool match;
    } vectors[] = {
        {"a", "a", true},          {"a", "b", false},           {"a", "a/a", false},       {"*", "a", true},
        {"*", "a/b", false},       {"*", ".a", false},          {".*", ".a", true},        {"?", "a", true},
        {"?", "\xc3\xa9", true},   {"?", ".", false},           {"??", "\xc3\xa9", false}, {"*.py", "x.py", true},
        {"*.py", ".py", false},    {"*.py", "x.pyc", false},    {"a*b*c", "aXbXbc", true}, {"a*b*c", "aXbXb", false},
        {"**", "a", true},         {"**", "a/b/c", true},       {"**", ".a/b", false},     {"**", "a/.b", false},
        {"**/c", "c", true},       {"**/c", "a/b/c", true},     {"**/c", "a/b/d", false},  {"a/**", "a/b", true},
        {"a/**/z", "a/z", true},   {"a/**/z", "a/b/c/z", true}, {"a/**/z", "b/z", false},  {"**/**", "a/b", true},
        {"a**", "ab", true},       {"a**", "a/b", false},       {"[ab]", "b", true},       {"[ab]", "c", false},
        {"[!ab]", "c", true},      {"[!ab]", "a", false},       {"[a-c]", "b", true},      {"[a-c]", "d", false},
        {"[]]", "]", true},        {"[!]]", "a", true},         {"[a", "[a", true},        {"[", "[", true},
        {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},              {"[a-]", "-", true},       {"x[0-9]y", "x5y", true},
        {"a/**", "a", false},      {"*/*/**", "0/0", false},    {"**/**", "a", true},      {"*/**/**", "a/b", true},
        {"", "a", false},          {"*", "", true},             {"a/", "a", false},        {"[!a]", ".", false},
        {"?", "\xff", true},       {"*", "\xff\xfe", true},  {"?", "\xf8\x80\x80\x80", false}, {"[\xc3\xbf]", "\xff", false},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        if (glob_match(vectors[i].pattern, vectors[i].path) != vectors[i].match)
            fail_msg("%s %s", vectors[i].pattern, vectors[i].path);
}

/* Patterns on which a matcher that tries everything never ends. */
static void hostile_patterns_take_no_time(void **state)
{
    char stars[512] = "", name[256], folders[4096] = "", deep[512] = "";
    for (int i = 0; i < 120; i++)
        strcat(stars, "*a");
    strcat(stars, "b");
    memset(name, 'a', 255);
    name[255] = '\0';
    assert_false(glob_match(stars, name));
    for (int i = 0; i < 15; i++)
        strcat(folders, "a/");
    for (int i = 0; i < 15; i++)
        strcat(deep, "**/a/");
    strcat(folders, "c");
    strcat(deep, "**/b");
    assert_false(glob_match(deep, folders));
    deep[0] = '\0';
    for (int i = 0; i < 40; i++)
        strcat(deep, "a/");
    assert_false(glob_match(deep, folders));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(matches), cmocka_unit_test(hostile_patterns_take_no_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
