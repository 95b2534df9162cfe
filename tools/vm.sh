#!/bin/sh
# vm.sh FOLDER [COMMAND]: boots a Debian cloud kernel under QEMU, in software, with cgroup v2 alone, and runs COMMAND in it,
# in a copy of this repository with the binary of the build folder FOLDER installed. Without COMMAND: tests/vm/suite. What
# is fetched stays in FOLDER/vm. Status 0 when the command's was.
#
#   VM_PART       instead of COMMAND: what tests/vm/suite runs (security, e2e:2/5, ...); it has a log of its own
#   VM_SYSTEM     1: an ordinary server: systemd as process 1, Docker, AppArmor, and more memory; without COMMAND: tests/system/suite
#   VM_FILES      files that go into the copy of the repository, too, by their base names
#   VM_PACKAGES   packages that the machine has, too, separated by commas
#   VM_ARCH       arm64: that processor, emulated, with the build folder of tools/arm64.sh; not with VM_SYSTEM
#   VM_SUITE      the Debian suite whose kernel is booted: bookworm (6.1, the default), trixie (6.12)
#   VM_RESULTS    where the JUnit file of the tests goes; empty when the machine did not come to its end
#   VM_TIMEOUT    seconds after which the machine is switched off (1800)
set -eu
build=$1
system=${VM_SYSTEM:-}
if [ -n "$system" ]; then
    tests=tests/system
else
    tests=tests/vm
fi
part=${VM_PART:-}
command=${2:-$tests/suite${part:+ $part}}
suite=${VM_SUITE:-bookworm}
seconds=${VM_TIMEOUT:-1800}
# The root file system is of the suite whose libraries the binary was linked with: this machine's.
own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
packages="python3,python3-venv,python3-pytest,python3-pytest-timeout,python3-httpx,python3-requests,python3-jsonschema"
packages="$packages,libuv1,libjansson4,libseccomp2,libsodium23,zlib1g,iproute2,mount,curl,tzdata,uidmap,util-linux"
architecture=${VM_ARCH:-amd64}
memory=2560
options="mitigations=off"
if [ "$architecture" = arm64 ]; then
    machine="qemu-system-aarch64 -machine virt,gic-version=3 -cpu max,pauth-impdef=on -nic none"
    console=ttyAMA0
    variant=extract
    hook=extract
    # Unpacked only: scripts of another architecture's packages do not run here.
    packages="$packages,passwd,login,base-files,coreutils,dash,sed,grep,findutils,procps,gawk"
    # shellcheck disable=SC2016 # $1 is the hook's
    finish='cd "$1" && for name in bin sbin lib; do cp -a $name/. usr/$name && rm -r $name && ln -s usr/$name $name; done &&
            echo root:x:0:0:root:/root:/bin/sh >etc/passwd && echo root:x:0: >etc/group && mkdir -p mnt && chmod 1777 tmp && '
else
    machine="qemu-system-x86_64 -cpu max"
    console=ttyS0
    variant=minbase
    hook=customize
    finish='cd "$1" && '
fi
if [ -n "$system" ]; then
    packages="$packages,systemd,systemd-sysv,dbus,kmod,docker.io,iptables,apparmor,init-system-helpers,libpam-systemd,dbus-user-session,procps,ca-certificates"
    memory=6144
    options="$options apparmor=1 security=apparmor systemd.unit=multi-user.target systemd.show_status=false"
fi
packages=$packages${VM_PACKAGES:+,$VM_PACKAGES}
vm=$PWD/$build/vm
kernel=$vm/vmlinuz-$suite${VM_ARCH:+-$VM_ARCH}
modules=$vm/modules-$suite${VM_ARCH:+-$VM_ARCH}.cpio # for an engine: its file system, its network
root=$vm/root-$own${VM_ARCH:+-$VM_ARCH}-$(echo "$packages" | cksum | cut -d" " -f1).cpio # another list, another root
log=$vm/log${system:+-system}${VM_ARCH:+-$VM_ARCH}-$suite${part:+-$(echo "$part" | tr :/ -- | tr -d -c 'a-z0-9_-')}

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo"
fi
mkdir -p "$vm"

# Everything goes through a temporary name: what is there is complete.
if [ ! -f "$kernel" ] || [ ! -f "$modules" ]; then
    echo "Fetching the kernel of $suite"
    # shellcheck disable=SC2016 # $1 is the hook's
    $as_root env CPIO="$modules.new" mmdebstrap --quiet --aptopt='Acquire::Retries "3"' --variant=extract --architectures="$architecture" --include="linux-image-cloud-$architecture" \
        --extract-hook="install -m 644 \"\$1\"/boot/vmlinuz-* '$kernel.new'" \
        --extract-hook='cd "$1" && mkdir -p modules/usr/lib && mv $(ls -d lib/modules usr/lib/modules 2>/dev/null | head -n 1) modules/usr/lib/ &&
                        cd modules && find . -type d -o -path "*/kernel/net/*" -o -path "*/kernel/fs/overlayfs/*" -o -path "*/kernel/drivers/net/veth.ko*" \
                            -o -path "*/kernel/lib/*" -o -path "*/kernel/crypto/*" -o -path "*/kernel/arch/x86/crypto/*" -o -name "modules.*" |
                        cpio --quiet -o -H newc -R 0:0 >"$CPIO"' \
        --format=null "$suite" - </dev/null
    mv "$modules.new" "$modules"
    mv "$kernel.new" "$kernel"
fi
if [ ! -f "$root" ]; then
    echo "Making a root file system of $own"
    # shellcheck disable=SC2016 # $1 is the hook's
    $as_root env CPIO="$root.new" mmdebstrap --quiet --aptopt='Acquire::Retries "3"' --architectures="$architecture" --variant="$variant" --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --"$hook"-hook="$finish"'find . -xdev -path ./var/lib/apt/lists -prune -o -path ./var/cache/apt -prune -o -print0 |
                                 cpio --quiet -0 -o -H newc -R 0:0 >"$CPIO"' \
        --format=null "$own" - </dev/null
    mv "$root.new" "$root"
fi

# The kernel unpacks one archive over the other.
stage=$(mktemp -d "$vm/stage.XXXXXX")
initrd=$stage.cpio
trap 'rm -rf "$stage" "$initrd"' EXIT
mkdir "$stage/hatchery"
cp -r tests tools docs packaging clients src Makefile meson.build ./*.md "$stage/hatchery/"
for file in ${VM_FILES:-}; do
    cp "$file" "$stage/hatchery/"
done
printf '%s\n' "$command" >"$stage/hatchery/command"
ln -s hatchery/tests/vm/init "$stage/init"
cp "$root" "$initrd"
if [ -n "$system" ]; then
    touch "$stage/hatchery/system" # the package brings the binary
    cat "$modules" >>"$initrd"
else
    DESTDIR=$stage meson install -C "$build" --no-rebuild --tags runtime --quiet
fi
(cd "$stage" && find . -mindepth 1 -print0 | cpio --quiet -0 -o -H newc -R 0:0) >>"$initrd"

# shellcheck disable=SC2086 # the machine is several words
# loglevel: what the kernel says of OOM kills is no news here.
timeout "$seconds" $machine -accel tcg,thread=multi -smp 2 -m "$memory" -nodefaults -display none -no-reboot \
    -serial stdio -kernel "$kernel" -initrd "$initrd" -append "console=$console loglevel=3 panic=-1 $options" \
    </dev/null | sed -u 's/\r//g' | tee "$log" || true
if [ -n "${VM_RESULTS:-}" ]; then
    sed -n '/^vm-results:begin$/,/^vm-results:end$/p' "$log" | grep -v -e "^vm-results:" -e "^\[ *[0-9.]*\] " >"$VM_RESULTS" || true
fi
if grep -qx "vm: passed" "$log"; then
    echo "vm.sh: passed with the kernel of $suite${part:+: $part}"
else
    echo "vm.sh: failed with the kernel of $suite${part:+: $part}; all that was said is in $log" >&2
    exit 1
fi
