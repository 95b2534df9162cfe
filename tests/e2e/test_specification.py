"""SPECIFICATION.md names a test or a command for every promise, and each of them exists."""

import ast
import re

from service import REPOSITORY

TEXT = (REPOSITORY / "SPECIFICATION.md").read_text()
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| promise"))]
TEST, TARGET = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`"), re.compile(r"`make ([\w-]+)`")


def test_every_promise_names_what_enforces_it():
    assert len(ROWS) > 25
    assert [row for row in ROWS if not TEST.search(row) and not TARGET.search(row)] == []


def test_all_of_it_exists():
    missing = []
    for file, name in TEST.findall(TEXT):
        tree = ast.parse((REPOSITORY / file).read_text()) if (REPOSITORY / file).exists() else ast.Module([], [])
        if name not in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}:
            missing.append(f"{file}::{name}")
    makefile = (REPOSITORY / "Makefile").read_text()
    missing += [f"make {target}" for target in TARGET.findall(TEXT) if not re.search(rf"^{target}:", makefile, re.M)]
    assert missing == []
