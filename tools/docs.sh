#!/bin/sh
# docs.sh BINARY [--check]: writes what comes from the table of settings: docs/settings.md and the middle of
# docs/hatchery.1. With --check nothing is written, and status 1 tells that something would have been.
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

status=0
for name in settings.md hatchery.1; do
    if [ "$check" = --check ]; then
        if ! diff -u "docs/$name" "$work/$name"; then
            echo "docs/$name is not what the settings' table says: run \"make docs\"" >&2
            status=1
        fi
    else
        cp "$work/$name" "docs/$name"
    fi
done
exit $status
