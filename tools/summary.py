"""summary.py FOLDER: adds up the results in a folder, JUnit files and meson's testlog.json. Prints a line for each and at last
"N passed, N failed".

Status 1 when something failed, when nothing ran, and, where HATCHERY_SKIPS_FATAL is 1, when something was skipped.
"""

import json
import os
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def count_meson(path):
    """The same of meson's log: a line of JSON for each test. Whatever is neither good nor skipped failed: also what took too long."""
    try:
        found = [json.loads(line)["result"] for line in path.read_text().splitlines()]
    except (OSError, ValueError, LookupError):
        return 0, 1, 0
    passed, skipped = found.count("OK") + found.count("EXPECTEDFAIL"), found.count("SKIP")
    return passed, len(found) - passed - skipped if found else 1, skipped


def count(path):
    """(passed, failed, skipped) of one JUnit file; a file that cannot be read is one failure."""
    outcomes = {}
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return 0, 1, 0
    for case in root.iter("testcase"):  # one that was tried again stands there twice: the last counts
        kinds = {element.tag for element in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        outcomes[case.get("classname"), case.get("name")] = outcome
    found = list(outcomes.values())
    return found.count("passed"), found.count("failed"), found.count("skipped")


def main():
    fatal = os.environ.get("HATCHERY_SKIPS_FATAL") == "1"
    passed = failed = skipped = 0
    folder = Path(sys.argv[1])
    for path in sorted([*folder.glob("*.xml"), *folder.glob("*.json")]):
        p, f, s = count_meson(path) if path.suffix == ".json" else count(path)
        print(f"{path.stem:16} {p:5} passed {f:5} failed {s:5} skipped")
        passed, failed, skipped = passed + p, failed + f, skipped + s
    if fatal:
        failed += skipped
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


sys.exit(main())
