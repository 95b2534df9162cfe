#!/bin/sh
# dist.sh BUILD: makes BUILD/hatchery-VERSION.tar.xz, the sources with the web pages built, then builds from it, in a folder of its
# own without a network, and compares with BUILD. The same commit gives the same bytes.
set -eu
build=$1
version=$(sed -n "s/^ *version: '\(.*\)',/\1/p" meson.build)
name=hatchery-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

mkdir "$work/$name"
git ls-files -z | tar -c --null -T - | tar -x -C "$work/$name"
python3 tools/prebuilt.py "$build" "$work/$name/web/prebuilt"
python3 tools/sbom.py >"$work/$name/sbom.spdx.json"
tar -C "$work" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - "$name" |
    xz -6 -T1 >"$build/$name.tar.xz"

mkdir "$work/offline"
tar -xJf "$build/$name.tar.xz" -C "$work/offline"
offline="unshare -rn"
[ "$(id -u)" -ne 0 ] || offline="unshare -n"
(cd "$work/offline/$name" && $offline env PATH=/usr/bin:/bin sh -c '
    meson setup build -Dprefix=/usr && ninja -C build hatchery src/incubator/hatchery-incubator src/collector/hatchery-collector src/zygote/_hatchery.abi3.so
' >"$work/log" 2>&1) || { tail -n 30 "$work/log" >&2; exit 1; }
"$work/offline/$name/build/hatchery" version
echo "$build/$name.tar.xz: $(($(stat -c %s "$build/$name.tar.xz") / 1024)) KiB; it builds without a network"
