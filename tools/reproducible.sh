#!/bin/sh
# reproducible.sh: builds what is installed twice, in folders of other names, one after the other, and compares the bytes. Prints
# their SHA-256. Status 1 when they differ; both stay in build/reproducible then.
set -eu
work=$PWD/build/reproducible
rm -rf "$work"
tools/build.sh --web
for name in one a/folder/deeper/two; do
    mkdir -p "$work/$name"
    git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$work/$name"
    ln -s "$PWD/web/node_modules" "$work/$name/web/node_modules"
    (
        cd "$work/$name"
        meson setup build -Dprefix=/usr >meson.log 2>&1 || { cat meson.log >&2; exit 1; }
        ninja -C build hatchery src/incubator/hatchery-incubator src/collector/hatchery-collector src/zygote/_hatchery.abi3.so >ninja.log 2>&1 ||
            { tail -n 30 ninja.log >&2; exit 1; }
        cd build && sha256sum hatchery src/incubator/hatchery-incubator src/collector/hatchery-collector src/zygote/_hatchery.abi3.so >../sums
    )
done
cat "$work/one/sums"
cmp "$work/one/sums" "$work/a/folder/deeper/two/sums" || { echo "reproducible: the two builds differ" >&2; exit 1; }
echo "reproducible: two builds gave the same bytes"
rm -rf "$work"
