/* The modules that a program imports, and the environment that fits: a guess, but a bounded one, whatever the text. */
#include "front/imports.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

/* "a b c" */
static void expect(const char *code, size_t size, const char *names)
{
    struct imports imports;
    char found[IMPORTS_MAX * IMPORT_NAME_MAX] = "";
    char *exact = malloc(size > 0 ? size : 1); /* so that a sanitizer sees a byte read too far */
    memcpy(exact, code, size);
    imports_scan(exact, size, &imports);
    free(exact);
    for (size_t i = 0; i < imports.count; i++) {
        strcat(found, i > 0 ? " " : "");
        strcat(found, imports.names[i]);
    }
    if (strcmp(found, names) != 0)
        fail_msg("%s:\n  expected %s\n  got      %s", code, names, found);
}

static void finds_imports(void **state)
{
    static const struct {
        const char *code, *names;
    } vectors[] = {
        {"", ""},
        {"import numpy", "numpy"},
        {"import numpy\n", "numpy"},
        {"import numpy as np\nimport pandas as pd\n", "numpy pandas"},
        {"import numpy as np, pandas as pd, os.path, re\n", "numpy pandas os re"},
        {"import\tnumpy\n", "numpy"},
        {"import  a ,b,  c as d ,e\n", "a b c e"},
        {"from pandas.core import frame\nfrom numpy import *", "pandas numpy"},
        {"from . import x\nfrom .. import y\nfrom .z import w\n", ""},
        {"import numpy\nimport numpy.linalg\nfrom numpy import array\n", "numpy"},
        {"\xef\xbb\xbfimport numpy\n", "numpy"},
        {"#!/usr/bin/python3\n# import no\nimport yes\r\n", "yes"},
        {"import yes # import no\n", "yes"},
        {"import yes; import no\n", "yes"},
        {"\"\"\"\nimport no\n\"\"\"\nimport yes\n", "yes"},
        {"'''\nimport no\n\\'''\nimport no\n'''\nimport yes\n", "yes"},
        {"x = '''\nimport no\n'''; y = \"\"\"\nimport no\n\"\"\"\nimport yes\n", "yes"},
        {"x = 'it''s'\nimport yes\n", "yes"},
        {"x = \"'''\"\nimport yes\n", "yes"},
        {"x = 'unclosed\nimport yes\n", "yes"},
        {"x = '\\\nimport no'\nimport yes\n", "yes"},
        {"x = 1 + \\\nimport_ + 1\nimport yes\n", "yes"},
        {"# it's\nimport yes\n", "yes"},
        {"  import no\ntry:\n    import no\nimport yes\n", "yes"},
        {"importlib = 1\nimport_x = 2\nfromage = 3\nimport = 4\n", ""},
        {"import (no)\nimport 1no\nimport\nfrom\nimport ", ""},
        {"import yes as\nimport also", "yes also"},
        {"import a as b as c, d\n", "a"},
        {"import asx, as_y\n", "asx as_y"},
        {"import z\xc3\xa4hler\n", "z"},
        {"'''import no", ""},
        {"'''\\", ""},
        {"\\", ""},
        {"i", ""},
        {"f", ""},
        {"from", ""},
        {"import", ""},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        expect(vectors[i].code, strlen(vectors[i].code), vectors[i].names);
    expect("import a\0b\nimport c\n", 20, "a c");
}

static void is_bounded(void **state)
{
    struct imports imports;
    static char code[1 << 20];
    size_t size = 0;
    for (int i = 0; i < 1000; i++)
        size += (size_t)sprintf(code + size, "import module%d\n", i);
    imports_scan(code, size, &imports);
    assert_int_equal(imports.count, IMPORTS_MAX);
    memset(code, 'x', sizeof code);
    memcpy(code, "import ", 7);
    imports_scan(code, sizeof code, &imports);
    assert_int_equal(imports.count, 0);
    memset(code, '\n', sizeof code);
    memcpy(code + sizeof code - 16, "import too_late\n", 16);
    imports_scan(code, sizeof code, &imports);
    assert_int_equal(imports.count, 0);
}

/* Any bytes: a sanitizer build tells what is wrong. */
static void survives_anything(void **state)
{
    static const char alphabet[] = "import from as.,'\"\\#\n\t ;x1_()\0\xc3";
    struct imports imports;
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)(seed >> 16) % 60;
        char *code = malloc(size + 1);
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1103515245 + 12345;
            code[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        seed = seed * 1103515245 + 12345;
        char *exact = realloc(code, size > 0 ? size : 1);
        imports_scan(exact, size, &imports);
        assert_true(imports.count <= IMPORTS_MAX);
        imports_scan_head(exact, size, &imports);
        assert_true(imports.count <= IMPORTS_MAX);
        free(exact);
    }
}

static void finds_the_head(void **state)
{
    static const struct {
        const char *code;
        uint32_t found; /* of "numpy,pandas.core,sympy" */
    } vectors[] = {
        {"", 0},
        {"import numpy", 1},
        {"import numpy as np, pandas", 3},
        {"import numpypy, pand, sym", 0},
        {"from pandas import DataFrame\nimport sympy\n", 6},
        {"#!/usr/bin/python3\n# -*- coding: utf-8 -*-\n\n'''What it does.\n'''\n\n  # a comment\nimport numpy # and another\r\nimport sympy\r\n", 5},
        {"\xef\xbb\xbf\"A docstring\"\nimport numpy\n", 1},
        {"from __future__ import annotations\nimport numpy\n", 1},
        {"from os import (path,  # (\n    sep,\n\n)\nimport numpy\n", 1},
        {"from os import path, \\\n    sep\nimport numpy\n", 1},
        {"from os import (\nimport numpy\n)\nimport sympy\n", 4},
        {"x = 1\nimport numpy\n", 0},
        {"import numpy\nx = 1\nimport sympy\n", 1},
        {"import numpy; x = 1\nimport sympy\n", 1},
        {"import sys; sys.path.insert(0, '.')\nimport numpy\n", 0},
        {"import os\nif True:\n    pass\nimport numpy\n", 0},
        {"try:\n    import numpy\nexcept ImportError:\n    pass\n", 0},
        {"'a docstring'\n'a second one'\nimport numpy\n", 0},
        {"'a docstring'; x = 1\nimport numpy\n", 0},
        {"'a' + f()\nimport numpy\n", 0},
        {"import os\n'no docstring'\nimport numpy\n", 0},
        {" import numpy\n", 0},
        {"\fimport numpy\n", 0},
        {"import os\rx = 1\nimport numpy\n", 0},
        {"import os = 1\nimport numpy\n", 0},
        {"import(numpy)\n", 0},
        {"importlib = 1\nimport numpy\n", 0},
        {"from . import x\nimport numpy\n", 1},
        {"import os\\", 0},
        {"from os import (", 0},
        {"'''import numpy", 0},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const size_t size = strlen(vectors[i].code);
        char *exact = malloc(size > 0 ? size : 1);
        memcpy(exact, vectors[i].code, size);
        const uint32_t found = imports_of("numpy,pandas.core,sympy", exact, size);
        free(exact);
        if (found != vectors[i].found)
            fail_msg("%s:\n  expected %u, got %u", vectors[i].code, vectors[i].found, found);
    }
    assert_int_equal(imports_of("numpy", "import os\0\nimport numpy\n", 24), 0);
    assert_int_equal(imports_of("", "import numpy", 12), 0);
}

static uint32_t choose(const struct config *config, const char *code)
{
    return imports_choose(config, code, strlen(code));
}

static void chooses_the_best(void **state)
{
    struct config config;
    struct error err;
    config_init(&config);
    assert_int_equal(config_set(&config, "environment.data.preload", "numpy,pandas", &err), 0);
    assert_int_equal(config_set(&config, "environment.numbers.preload", "numpy.linalg", &err), 0);
    assert_int_equal(config_set(&config, "environment.large.preload", "scipy", &err), 0);
    assert_int_equal(config_set(&config, "environment.large.limit-memory", "1G", &err), 0);
    assert_int_equal(config_set(&config, "environment.other.preload", "torch", &err), 0);
    assert_int_equal(config_set(&config, "environment.other.python", "/opt/python", &err), 0);
    assert_int_equal(config_finish(&config, &err), 0);
    enum { DEFAULT, DATA, NUMBERS };
    assert_int_equal(choose(&config, "print(1)"), DEFAULT);
    assert_int_equal(choose(&config, "import os, sys"), DEFAULT);
    assert_int_equal(choose(&config, "import numpy"), NUMBERS); /* both have it, this one less besides */
    assert_int_equal(choose(&config, "import pandas"), DATA);
    assert_int_equal(choose(&config, "import numpy, pandas"), DATA);
    assert_int_equal(choose(&config, "import scipy"), DEFAULT); /* that one has other limits */
    assert_int_equal(choose(&config, "import torch"), DEFAULT); /* and that one another Python */
    assert_int_equal(choose(&config, "import numpy, pandas, scipy, torch"), DATA);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_imports),
        cmocka_unit_test(finds_the_head),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(survives_anything),
        cmocka_unit_test(chooses_the_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
