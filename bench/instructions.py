"""How many instructions the code that reads what comes from outside needs: `python3 bench/instructions.py --build build [--against OTHER]`.

Callgrind counts them, over the fuzzers' corpora, by the programs that replay them (tests/fuzz): the same number in every run, however busy
the machine is, but for some thousandths where JSON objects are (their hash has a random seed). So a change of a percent shows. What a
start of the program costs is taken off. Needs valgrind."""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "fuzz" / "corpus"
TARGETS = ("http", "json", "texts", "imports", "output", "report", "glob", "keys", "settings", "cgroup", "messages_front", "messages_broker")


def count(program, what):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, what]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise SystemExit(f"instructions: {program} {what}: {done.stderr[-500:]}")
    return int(found[1])


def needed(build, target, nothing):
    program = Path(build) / "tests" / "fuzz" / f"replay_{target}"
    return count(program, CORPUS / target) - count(program, nothing)


def main():
    parser = argparse.ArgumentParser(description="Count instructions over the fuzzers' corpora.")
    parser.add_argument("--build", required=True, help="a build folder")
    parser.add_argument("--against", help="that of a build before the change")
    parser.add_argument("--targets", type=lambda text: text.split(","), default=TARGETS, help="commas between them, of: " + ",".join(TARGETS))
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("instructions: valgrind is not here")
    with tempfile.TemporaryDirectory() as nothing:
        Path(nothing, "empty").touch()
        for target in options.targets:
            found = needed(options.build, target, nothing)
            before = needed(options.against, target, nothing) if options.against else None
            print(f"{target:16}{found:>14,}" + (f"{before:>14,}   {found / before:.4f}" if before else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main())
