#!/bin/sh
# install-settings.sh: a step of the installation: puts the settings file where there is none. One that is there stays, and
# so does this one when the rest is uninstalled.
set -eu
source=$(dirname "$0")/hatchery.conf
target=${DESTDIR:-}/etc/hatchery/hatchery.conf
[ ! -e "$target" ] || exit 0
install -D -m 644 "$source" "$target" 2>/dev/null || echo "no settings file: $target cannot be written" >&2
