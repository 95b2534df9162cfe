#!/bin/sh
# deps.sh GROUP...: installs the packages that are missing, on Debian and its kin, as root or with sudo; elsewhere says
# exactly what is missing and ends with status 1. Groups: build, test, ci, fuzz, analyze, coverage, vm, container, deb, cross, arm64, bench, instructions. Nothing is touched when nothing is missing.
set -eu

missing=""
need_package() { # one of these packages
    for name in "$@"; do
        if dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed; then
            return
        fi
    done
    missing="$missing $(echo "$@" | tr ' ' '|')"
}
need_command() { # COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

if ! command -v dpkg-query >/dev/null 2>&1; then
    lacks=""
    for name in cc meson ninja pkg-config npm git /usr/bin/python3; do
        command -v "$name" >/dev/null 2>&1 || lacks="$lacks $name"
    done
    for name in libuv jansson libseccomp libsodium zlib; do
        pkg-config --exists "$name" 2>/dev/null || lacks="$lacks $name(headers)"
    done
    if [ -n "$lacks" ]; then
        echo "This is no Debian or Ubuntu, so packages must be installed by hand. Missing:$lacks" >&2
        echo "Also needed: llhttp (its headers and library) and the headers of /usr/bin/python3; cmocka for the tests." >&2
        exit 1
    fi
    exit 0
fi

for group in "$@"; do
    case $group in
    build)
        need_command cc gcc
        need_package libc6-dev libc-dev
        need_command meson meson
        need_command ninja ninja-build
        need_command pkg-config pkg-config
        need_package libuv1-dev
        need_package libjansson-dev
        need_package libseccomp-dev
        need_package libsodium-dev
        need_package zlib1g-dev
        need_package libllhttp-dev node-llhttp
        need_package libcmocka-dev
        need_command /usr/bin/python3 python3
        need_package python3-dev
        [ -f web/prebuilt/list ] || need_command node nodejs
        [ -f web/prebuilt/list ] || need_command npm npm
        need_package ca-certificates
        ;;
    test)
        need_package python3-venv
        need_command curl curl
        need_package tzdata
        ;;
    ci) # what some tests skip without
        need_package python3-numpy
        need_package python3-pandas
        need_package python3-matplotlib
        need_command chromium chromium
        need_package fonts-dejavu-core
        need_command mmdebstrap mmdebstrap
        need_command patchelf patchelf
        need_command promtool prometheus
        need_command slowhttptest slowhttptest
        ;;
    analyze)
        need_command clang clang
        need_command clang-tidy clang-tidy
        need_command cppcheck cppcheck
        ;;
    coverage)
        need_command clang clang
        need_command llvm-cov llvm
        need_package libclang-rt-dev libclang-rt-14-dev
        ;;
    instructions)
        need_command valgrind valgrind
        ;;
    fuzz)
        need_command clang clang
        need_package libclang-rt-dev libclang-rt-14-dev
        ;;
    vm)
        need_command qemu-system-x86_64 qemu-system-x86
        need_command mmdebstrap mmdebstrap
        need_command cpio cpio
        ;;
    container)
        need_command dockerd docker.io
        need_command /usr/bin/docker docker.io
        need_command /usr/bin/docker-compose docker-compose
        need_command iptables iptables
        need_command mmdebstrap mmdebstrap
        need_package python3-venv
        ;;
    deb)
        need_command dpkg-shlibdeps dpkg-dev
        need_command lintian lintian
        need_command mmdebstrap mmdebstrap
        ;;
    cross)
        need_command aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
        need_command mmdebstrap mmdebstrap
        ;;
    arm64)
        need_command qemu-system-aarch64 qemu-system-arm
        need_command cpio cpio
        need_command mmdebstrap mmdebstrap
        ;;
    bench)
        need_package python3-venv
        need_package python3-numpy
        need_package python3-pandas
        need_command bwrap bubblewrap
        ;;
    *)
        echo "deps.sh: there is no group \"$group\"" >&2
        exit 2
        ;;
    esac
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo"
fi
# Of "a|b" the first that the archive has; before the lists are there, the last.
choose() {
    for entry in "$@"; do
        chosen=""
        for name in $(echo "$entry" | tr '|' ' '); do
            if [ -z "$chosen" ] && [ -n "$(apt-cache --quiet=2 policy "$name" 2>/dev/null | grep 'Candidate:' | grep -v '(none)')" ]; then
                chosen=$name
            fi
        done
        echo "${chosen:-${entry##*|}}"
    done | tr '\n' ' '
}
if [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; then
    # shellcheck disable=SC2046,SC2086
    echo "Packages are missing and there is no sudo. As root: apt-get install $(choose $missing)" >&2
    exit 1
fi
echo "Installing packages:$missing"
$as_root apt-get -q -o Acquire::Retries=3 update
# shellcheck disable=SC2046,SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 --no-install-recommends install $(choose $missing)
