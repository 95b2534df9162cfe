#!/bin/sh
# deb.sh FOLDER [test]: makes FOLDER/hatchery_VERSION_ARCH.deb for the Debian or Ubuntu that this is, and has lintian look at it.
# With test: in a bare root of the same release, made by mmdebstrap, installs it over an older version whose settings were changed,
# uses it and purges it. As root, or with fakeroot.
set -eu
build=$1
version=$(sed -n "s/^ *version: '\(.*\)',/\1/p" meson.build)
architecture=$(dpkg --print-architecture)
root=$PWD/$build/deb
package=$PWD/$build/hatchery_${version}_$architecture.deb

tools/build.sh build-deb -Dprefix=/usr -Dbuildtype=debugoptimized >"$build/deb.log" 2>&1 || { tail -n 30 "$build/deb.log" >&2; exit 1; }
rm -rf "$root"
DESTDIR=$root meson install -C build-deb --no-rebuild --strip --quiet
doc=$root/usr/share/doc/hatchery
mkdir -p "$root/DEBIAN" "$doc" "$root/usr/share/hatchery" "$root/usr/share/lintian/overrides"
gzip -9n "$root"/usr/share/man/man1/hatchery.1 "$root"/usr/share/man/man5/hatchery.conf.5
install -m 644 packaging/docker/seccomp.json packaging/apparmor/hatchery-container "$root/usr/share/hatchery/"
install -m 644 packaging/debian/copyright "$doc/copyright"
install -m 644 packaging/debian/lintian-overrides "$root/usr/share/lintian/overrides/hatchery"
maintainer="Hatchery maintainers <hatchery@localhost.localdomain>"
date=$(date -R)
printf 'hatchery (%s) unstable; urgency=medium\n\n  * See https://keepachangelog.com: CHANGELOG.md of this version.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$date" | gzip -9n >"$doc/changelog.gz"
for script in postinst prerm postrm; do
    install -m 755 "packaging/debian/$script" "$root/DEBIAN/$script"
done
printf '/etc/hatchery/hatchery.conf\n' >"$root/DEBIAN/conffiles"

# What the binaries link to, as packages of this release.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: hatchery\n\nPackage: hatchery\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info "$root/usr/bin/hatchery" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
cat >"$root/DEBIAN/control" <<CONTROL
Package: hatchery
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: python3, $libraries
Section: net
Priority: optional
Description: runs Python code over HTTP, each program in a sandbox of its own
 Hatchery keeps CPython interpreters warm, seals sandboxes around forks of
 them ahead of time, and hands a program to one of them when a request comes.
 Namespaces, cgroups, seccomp and Landlock bound what a program can do.
CONTROL
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
chmod -R u=rwX,go=rX "$root"
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
if [ "${2:-}" = test ]; then
    sed -i 's/^Version: .*/Version: 0.0.1/' "$root/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone --build "$root" "$work/hatchery-older.deb" >/dev/null
fi
rm -rf "$root"
lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs,bogus-mail-host "$package"
echo "$package: $(($(stat -c %s "$package") / 1024)) KiB, lintian finds nothing"
[ "${2:-}" = test ] || exit 0

bare=$PWD/$build/deb-root
trap 'rm -rf "$work" "$bare"' EXIT
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
echo "Installing it over an older version in a bare root of $suite"
# shellcheck disable=SC2016 # the hooks' own variables
mmdebstrap --quiet --aptopt='Acquire::Retries "3"' --variant=minbase --include=python3 --customize-hook="copy-in $work/hatchery-older.deb $package /" \
    --customize-hook='chroot "$1" apt-get install -qq -y --no-install-recommends /hatchery-older.deb >/dev/null' \
    "$suite" "$bare" </dev/null >"$build/deb-root.log" 2>&1 || { tail -n 20 "$build/deb-root.log" >&2; exit 1; }
unshare --mount sh -eu -c '
    for name in proc sys dev; do mount --rbind /$name "$1/$name"; done
    echo "limit-memory = 100M" >>"$1/etc/hatchery/hatchery.conf"
    [ "$(chroot "$1" dpkg-query -W -f "\${Version}" hatchery)" = 0.0.1 ]
    chroot "$1" dpkg -i "/$2" >/dev/null
    [ "$(chroot "$1" dpkg-query -W -f "\${Version}" hatchery)" != 0.0.1 ]
    chroot "$1" hatchery serve --config /etc/hatchery/hatchery.conf --dump-config | grep -qx "limit-memory = 100M"
    chroot "$1" hatchery doctor >/dev/null
    [ "$(echo "print(6 * 7)" | chroot "$1" hatchery run -)" = 42 ]
    chroot "$1" apt-get purge -qq -y hatchery >/dev/null
' sh "$bare" "$(basename "$package")"
left=$(find "$bare" -xdev -name '*hatchery*' -not -path '*/var/*' -not -name '*.deb' -not -path '*/proc/*')
[ -z "$left" ] || { echo "deb.sh: purge leaves: $left" >&2; exit 1; }
echo "installed, upgraded with its settings kept, used and purged: nothing is left"
