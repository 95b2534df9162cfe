#!/bin/sh
# docs.sh BINARY [--check]: writes what comes from tables in the source: docs/settings.md, the middle of docs/hatchery.1,
# packaging/docker/seccomp.json; and from docs/performance.md the README's chart. With --check nothing is written, and
# status 1 tells that something would have been.
set -eu
binary=$(realpath "$1")
check=${2:-}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$binary" help settings.md >"$work/settings.md"
sed '/^\.\\" settings: begin/q' docs/hatchery.1 >"$work/hatchery.1"
"$binary" help settings.mdoc >>"$work/hatchery.1"
sed -n '/^\.\\" settings: end/,$p' docs/hatchery.1 >>"$work/hatchery.1"
"$binary" help seccomp.json >"$work/seccomp.json"
python3 tools/chart.py docs/performance.md >"$work/latency.svg"

status=0
for file in docs/settings.md docs/hatchery.1 packaging/docker/seccomp.json docs/images/latency.svg; do
    new=$work/$(basename "$file")
    if [ "$check" = --check ]; then
        if ! diff -u "$file" "$new"; then
            echo "$file is not what the source's table says: run \"make docs\"" >&2
            status=1
        fi
    else
        cp "$new" "$file"
    fi
done
exit $status
