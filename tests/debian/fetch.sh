#!/bin/sh
# tests/debian/fetch.sh DIR: fetches Debian's i386 kernels and a static busybox
# into DIR and unpacks them there: DIR/686, DIR/686-pae, DIR/busybox. Nothing is
# installed: apt gets a state of its own, so that it forgets this machine's
# packages and takes itself to be a 32-bit PC.
set -eu
dir=$(mkdir -p "$1" && cd "$1" && pwd)
apt=$dir/apt

private() {	# $1 apt-get or apt-cache
	program=$1
	shift
	"$program" -qq \
		-o Dir::State="$apt/state" -o Dir::State::status="$apt/status" \
		-o Dir::Cache="$apt/cache" -o APT::Architecture=i386 \
		-o APT::Architectures=i386 -o APT::Sandbox::User=root "$@"
}

# The package that does the work behind the name $1 of a metapackage.
version_of() {
	private apt-cache depends "$1" |
		sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\).*/\1/p' | head -n 1
}

unpack() {	# $1 a package, $2 where to
	test ! -e "$dir/$2/done" || return 0
	rm -rf "$dir/deb" "${dir:?}/$2"
	mkdir -p "$dir/deb"
	(cd "$dir/deb" && private apt-get download "$1")
	dpkg-deb -x "$dir"/deb/*.deb "$dir/$2"
	rm -rf "$dir/deb"
	for modules in "$dir/$2"/lib/modules/*; do
		test ! -d "$modules" || depmod -b "$dir/$2" "${modules##*/}"
	done
	: >"$dir/$2/done"
}

test ! -e "$dir/686/done" || test ! -e "$dir/686-pae/done" ||
	test ! -e "$dir/busybox/done" || exit 0
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
# One archive of several may be out of order; downloading shows what is missing.
private apt-get update || true
unpack "$(version_of linux-image-686)" 686
unpack "$(version_of linux-image-686-pae)" 686-pae
unpack busybox-static busybox
