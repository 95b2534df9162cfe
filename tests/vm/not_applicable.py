"""Prints the options with which pytest leaves out the tests of not_applicable.toml: whole files are not even read."""

import tomllib
from pathlib import Path

LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["not_applicable"]
for entry in LISTED:
    file, _, _ = entry["test"].partition("::")
    assert entry["why"] and Path("tests", file).exists(), entry
    print("--ignore=tests/" + file if file == entry["test"] else "--deselect=" + entry["test"])
