#!/bin/sh
# python.sh FOLDER [SUITE [PACKAGE]]: puts another CPython than the machine's into FOLDER, for tests: a Debian suite's (trixie,
# python3.13) with its own C library, beside this machine's. Its interpreter is FOLDER/usr/bin/PACKAGE. FOLDER must not lie
# below /tmp: a program has a /tmp of its own.
set -eu
folder=$1
suite=${2:-trixie}
package=${3:-python3.13}

[ ! -x "$folder/usr/bin/$package" ] || exit 0
for command in mmdebstrap patchelf; do
    command -v $command >/dev/null 2>&1 || { echo "python.sh: no $command; install the package $command" >&2; exit 1; }
done
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo"
fi
work=$folder.new
$as_root rm -rf "$work"
$as_root mmdebstrap --quiet --aptopt='Acquire::Retries "3"' --variant=extract --include="$package" "$suite" "$work"
$as_root chmod 755 "$work"
# The program loader and the libraries are those beside it, not the machine's.
loader=$(cd "$work" && ls -d usr/lib64/ld-linux-*.so.* usr/lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
libraries=$(dirname "$(find "$work/usr/lib" -name libc.so.6 | head -n 1)")
$as_root patchelf --set-interpreter "$folder/$loader" --force-rpath --set-rpath "$folder${libraries#"$work"}" "$work/usr/bin/$package"
$as_root mv "$work" "$folder"
"$folder/usr/bin/$package" -c 'import ctypes, ssl, sys; print(sys.version)'
