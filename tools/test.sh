#!/bin/sh
# test.sh FOLDER SUITE...: the suites with the plain build, then those that drive C code again with the sanitizers.
# Suites: unit (meson), and folders of tests/ that pytest runs. Results land in FOLDER/results as JUnit XML; the last
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
rm -f "$results"/*.xml

venv=$build/venv
if [ ! -x "$venv/bin/pytest" ] || ! cmp -s tests/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    "${PYTHON:-/usr/bin/python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt "$venv/requirements.txt"
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    echo "The sandboxes need root: the Python suites run with sudo."
    as_root="sudo -E"
fi

# unit NAME FOLDER
unit() {
    rm -f "$2"/meson-logs/testlog.junit.xml
    meson test -C "$2" --no-rebuild --print-errorlogs --suite unit || status=1
    cp "$2"/meson-logs/testlog.junit.xml "$results/$1.xml" || status=1
}
# python NAME FOLDER SUITE
python() {
    HATCHERY_BINARY="$PWD/$2/hatchery" $as_root "$venv/bin/pytest" -q -c tests/pytest.ini --rootdir tests \
        --junit-xml "$results/$1.xml" -o junit_suite_name="$1" "tests/$3" || status=1
}
# all NAME-PREFIX FOLDER
all() {
    for suite in $suites; do
        if [ "$suite" = unit ]; then
            unit "$1unit" "$2"
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

"$venv/bin/python" tools/summary.py "$results" || status=1
exit $status
