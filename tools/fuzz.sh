#!/bin/sh
# fuzz.sh SECONDS [TARGET...]: builds tests/fuzz with clang, libFuzzer and the sanitizers in build-fuzz, and runs each target (all
# of them where none is named) for so long. What is found stays in build-fuzz/found; inputs that reach something new grow
# build-fuzz/corpus. FUZZ_RESULTS: a JUnit file of it, too. Status 1 when something was found.
set -u
seconds=$1
shift
build=build-fuzz

tools/build.sh --web || exit 1
if [ ! -f "$build/build.ninja" ]; then
    CC=clang meson setup "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=2 -Dwerror=false || exit 1
fi
ninja -C "$build" fuzzers || exit 1

export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:quarantine_size_mb=16:malloc_context_size=4 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
mkdir -p "$build/found"
status=0
cases=""
targets="$*"
[ -n "$targets" ] || targets=$(ls tests/fuzz/corpus)
for target in $targets; do
    mkdir -p "$build/corpus/$target"
    log="$build/found/$target.log"
    if "$build/tests/fuzz/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2000 -print_final_stats=1 \
        -artifact_prefix="$build/found/$target-" "$build/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
        printf '%-16s %12s executions\n' "$target" "$(sed -n 's/.*number_of_executed_units: *//p' "$log")"
        cases="$cases<testcase classname=\"fuzz\" name=\"$target\"/>"
        rm "$log"
    else
        printf '%-16s found something:\n' "$target"
        tail -n 60 "$log"
        cases="$cases<testcase classname=\"fuzz\" name=\"$target\"><failure/></testcase>"
        status=1
    fi
done
[ -z "${FUZZ_RESULTS:-}" ] || echo "<testsuite name=\"fuzz\">$cases</testsuite>" >"$FUZZ_RESULTS"
exit $status
