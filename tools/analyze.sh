#!/bin/sh
# analyze.sh [short]: what other readers of C find in src/. short: cppcheck alone, in seconds. Otherwise also a build with clang's
# warnings as errors, clang-tidy with the static analyzer (.clang-tidy), and gcc -fanalyzer, less what tools/analyze.known
# explains. Status 1 when something is open.
set -u
export LC_ALL=C
status=0
headers="-Isrc -D_GNU_SOURCE -DHATCHERY_VERSION=\"0\" -DHATCHERY_LIBEXECDIR=\"/\""
python="-I/usr/include/$(/usr/bin/python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])') -DPy_LIMITED_API=0x03090000"
open=$(mktemp)
trap 'rm -f "$open"' EXIT

# Macros of other people's headers, which cppcheck does not read, in words that it knows.
# shellcheck disable=SC2086
cppcheck --quiet --enable=warning,performance,portability --inline-suppr --std=c11 $headers -D__x86_64__ -D__linux__ \
    "-Djson_object_foreach(object,key,value)=while(next(object,&key,&value))" "-DPy_RETURN_NONE=return 0" "-D_Noreturn=__attribute__((noreturn))" \
    --suppress=missingIncludeSystem --error-exitcode=1 --template='{file}:{line}: {message} [{id}]' src bench || status=1
if [ "${1:-}" = short ]; then
    [ $status -eq 0 ] && echo "analyze: cppcheck finds nothing"
    exit $status
fi

tools/build.sh --web || exit 1
if [ ! -f build-clang/build.ninja ]; then
    CC=clang meson setup build-clang >/dev/null || exit 1
fi
ninja -C build-clang || status=1

# One file a process: clang-tidy 14 mistakes a va_list in the second one.
git ls-files 'src/*.c' | xargs -n 1 -P "$(nproc)" clang-tidy -p build-clang --quiet 2>/dev/null | grep -E '(warning|error): ' |
    sed 's/^.*\(src\/[^:]*\):[0-9]*:[0-9]*: /\1: /' | sort -u >"$open"
for file in $(git ls-files 'src/*.c'); do
    # shellcheck disable=SC2086
    gcc -std=gnu17 -O1 -fanalyzer $headers -isystem /usr/share/include $python -Ibuild-clang/src/zygote -Ibuild-clang/src/broker \
        -c -o /dev/null "$file" 2>&1 | grep -E '(warning|error): ' | sed 's/:[0-9]*:[0-9]*: /: /' | sort -u
done >>"$open"
# tools/analyze.known: a finding as it is printed here, then a tab and why it is none
if cut -f1 tools/analyze.known | grep -vxFf - "$open"; then
    status=1
fi
[ $status -eq 0 ] && echo "analyze: nothing is open"
exit $status
