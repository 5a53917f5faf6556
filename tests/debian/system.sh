#!/bin/sh
# tests/debian/system.sh DIR: a small Debian for i386 in DIR/system, as root. The
# packages come from where this machine's own come from; its kernel's modules
# are those of DIR/686 (see fetch.sh).
set -eu
dir=$(mkdir -p "$1" && cd "$1" && pwd)
packages=systemd-sysv,udev,kmod,iproute2,iputils-ping,iperf3,curl,perl,python3
packages=$packages,gcc,libc6-dev,stress-ng,e2fsprogs

test ! -e "$dir/system.done" || exit 0
test -e "$dir/686/done"
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
	awk -v name="$VERSION_CODENAME" '$2 == name { print $1; exit }')
rm -rf "$dir/system"
debootstrap --arch=i386 --variant=minbase --include="$packages" \
	--cache-dir="$(mkdir -p "$dir/archives" && echo "$dir/archives")" \
	"$VERSION_CODENAME" "$dir/system" $mirror
cd "$dir/system"
cp -a "$dir"/686/lib/modules lib/
depmod -b . "$(ls lib/modules)"
rm -rf var/cache/apt/archives/*.deb
echo puppy >etc/hostname
echo '/dev/vda / ext4 defaults 0 1' >etc/fstab
# This machine may be busy, and the Guest with it; that's no failure.
mkdir -p etc/systemd/system.conf.d
printf '[Manager]\nDefaultDeviceTimeoutSec=10min\nDefaultTimeoutStartSec=10min\n' \
	>etc/systemd/system.conf.d/patience.conf
# Whoever logs in is root, and needs no password.
sed -i 's/^root:[^:]*/root:/' etc/shadow
rm -f "$dir/system.img"
mkfs.ext4 -q -d . "$dir/system.img" 2G
: >"$dir/system.done"
