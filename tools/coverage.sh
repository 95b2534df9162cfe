#!/bin/sh
# coverage.sh [SUITE...]: builds with clang's counters in build-coverage, runs the suites (unit, e2e and security where none is named)
# and prints which lines and branches of src/ they reach; build-coverage/report has every line. What runs in a sandbox or its
# making (zygote, incubator, collector, the seal) is not counted: docs/testing.md.
set -eu
build=build-coverage
suites=${*:-unit e2e security}
skip='(tests|bench|zygote|incubator|collector|llhttp|node_modules)/|assets_data|sandbox/(identity|landlock|rlimits|seal|seccomp_apply|workspace)\.c'

tools/build.sh --web
if [ ! -f "$build/build.ninja" ]; then
    CC=clang meson setup "$build" -Dprofiles="$PWD/$build/profiles" -Dwerror=false >/dev/null
fi
ninja -C "$build" >"$build/log" || { tail -n 30 "$build/log" >&2; exit 1; }
rm -rf "$build/profiles" "$build/report"
mkdir -p -m 1777 "$build/profiles"
status=0
for suite in $suites; do
    case $suite in
    unit) meson test -C "$build" --no-rebuild --suite unit >"$build/unit.log" 2>&1 || { status=1; tail -n 20 "$build/unit.log"; } ;;
    *) VENV=${VENV:-$PWD/build/venv} tools/pytest.sh "$build" -q "tests/$suite" || status=1 ;;
    esac
done
llvm-profdata merge -sparse "$build"/profiles/*.profraw -o "$build/all.profdata"
objects=$(find "$build/tests" -type f -perm -u+x -name '*_*' ! -name '*.o' | sed 's/^/-object=/')
# shellcheck disable=SC2086
llvm-cov report "$build/hatchery" $objects -instr-profile="$build/all.profdata" -ignore-filename-regex="$skip" >"$build/coverage.txt"
# shellcheck disable=SC2086
llvm-cov show "$build/hatchery" $objects -instr-profile="$build/all.profdata" -ignore-filename-regex="$skip" -format=html -output-dir="$build/report"
awk 'BEGIN {print "file lines missed reached branches missed reached"} /\.c / || /TOTAL/ {print $1, $8, $9, $10, $11, $12, $13}' "$build/coverage.txt" | column -t
exit $status
