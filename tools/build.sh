#!/bin/sh
# build.sh FOLDER [MESON OPTION...]: fetches the web assets that the binary embeds, configures once, and builds.
# build.sh --web: fetches them, and no more.
set -eu
build=$1
shift

# The tarball of tools/dist.sh has the pages built. Otherwise node_modules has a copy of the lock file from the last complete install
if [ ! -f web/prebuilt/list ] && [ -f web/package-lock.json ] && ! cmp -s web/package-lock.json web/node_modules/.hatchery-lock.json; then
    npm ci --ignore-scripts --no-audit --no-fund --prefix web
    cp web/package-lock.json web/node_modules/.hatchery-lock.json
fi
[ "$build" != --web ] || exit 0
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$@"
fi
ninja -C "$build"
