#!/bin/sh
# test.sh FOLDER SUITE...: the suites with the plain build, then those that drive C code again with the sanitizers (all but
# browser: its pages send what other suites send, too).
# Suites: unit (meson), and folders of tests/ that pytest runs. Results land in FOLDER/results as JUnit XML and meson's JSON; the last
# line says how many passed and failed. As root, or with sudo: the sandboxes need it.
set -eu
build=$1
shift
suites=$*
asan=build-asan
results=$PWD/$build/results
status=0

tools/build.sh "$build"
mkdir -p "$results"
rm -f "$results"/*.xml "$results"/*.json

export VENV="$PWD/$build/venv"

# unit NAME FOLDER. Meson's log, not its JUnit file: there a test that took too long looks like one that passed.
unit() {
    rm -f "$2"/meson-logs/testlog.json
    meson test -C "$2" --no-rebuild --print-errorlogs --timeout-multiplier 5 --suite unit || status=1
    cp "$2"/meson-logs/testlog.json "$results/$1.json" || status=1
}
# python NAME FOLDER SUITE
python() {
    tools/pytest.sh "$2" --junit-xml "$results/$1.xml" -o junit_suite_name="$1" "tests/$3" || status=1
}
# all NAME-PREFIX FOLDER
all() {
    for suite in $suites; do
        if [ "$suite" = browser ] && [ -n "$1" ]; then
            continue
        elif [ "$suite" = unit ]; then
            unit "$1unit" "$2"
        elif [ "$suite" = conformance ] && [ -n "$1" ]; then # with the sanitizers what reads hostile bytes; the document is the same
            python "$1$suite" "$2" "$suite/test_framing.py"
            python "$1$suite-bodies" "$2" "$suite/test_fastapi.py"
        elif [ -n "$(find "tests/$suite" -name 'test_*.py' 2>/dev/null | head -n 1)" ]; then
            python "$1$suite" "$2" "$suite"
        fi
    done
}

all "" "$build"

tools/build.sh "$asan" -Db_sanitize=address,undefined -Doptimization=1 -Dwerror=false
export ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=1:detect_leaks=1:quarantine_size_mb=4}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
all "asan-" "$asan"

"${PYTHON:-/usr/bin/python3}" tools/summary.py "$results" || status=1
exit $status
