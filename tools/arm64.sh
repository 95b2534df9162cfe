#!/bin/sh
# arm64.sh FOLDER: builds for arm64 in the folder build-arm64, with Debian's cross compiler, and runs under qemu-user what that can
# run: the unit tests and the commands that make no sandbox, for which it has no namespaces: VM_ARCH=arm64 tools/vm.sh build-arm64.
# What is fetched, the libraries of arm64 and the emulator, stays in FOLDER/arm64; nothing is installed on this machine.
set -eu
build=$1
state=$PWD/$build/arm64
root=$state/root
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
packages="libc6-dev,linux-libc-dev,libuv1-dev,libjansson-dev,libseccomp-dev,libsodium-dev,zlib1g-dev,libcmocka-dev,python3-dev"
if dpkg-query -W libllhttp-dev >/dev/null 2>&1; then
    packages="$packages,libllhttp-dev"
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo"
fi
extract() { # ARCHITECTURE PACKAGES FOLDER: unpacked only, no script of theirs runs
    rm -rf "$3.new"
    $as_root mmdebstrap --quiet --aptopt='Acquire::Retries "3"' --variant=extract --architectures="$1" --include="$2" "$suite" "$3.new" \
        </dev/null >"$state/log" 2>&1 || { tail -n 20 "$state/log" >&2; exit 1; }
    mv "$3.new" "$3"
}
mkdir -p "$state"
[ -d "$root" ] || extract arm64 "$packages" "$root"
if [ ! -x "$state/qemu" ]; then
    extract amd64 qemu-user-static "$state/emulator"
    cp "$state/emulator/usr/bin/qemu-aarch64-static" "$state/qemu"
    $as_root rm -rf "$state/emulator"
fi

cat >"$state/cross" <<CROSS
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['$state/qemu', '-L', '$root']
[built-in options]
c_args = ['--sysroot=$root']
c_link_args = ['--sysroot=$root']
[properties]
sys_root = '$root'
pkg_config_libdir = '$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
CROSS

tools/build.sh build-arm64 --cross-file "$state/cross" >"$state/build.log" 2>&1 || { tail -n 40 "$state/build.log" >&2; exit 1; }
emulated() {
    "$state/qemu" -L "$root" "$@"
}
file=$(od -An -tx2 -j18 -N2 build-arm64/hatchery | tr -d ' ')
[ "$file" = 00b7 ] || { echo "arm64.sh: the binary is of machine 0x$file, not 0x00b7" >&2; exit 1; }
emulated build-arm64/hatchery version
emulated build-arm64/hatchery serve --dump-config >"$state/settings"
"$build/hatchery" serve --dump-config | diff - "$state/settings"
emulated build-arm64/hatchery help seccomp.json | python3 -m json.tool >/dev/null
rm -f build-arm64/meson-logs/testlog.json
meson test -C build-arm64 --no-rebuild --suite unit --print-errorlogs --timeout-multiplier 10
