#!/bin/sh
# tests/programs/fetch.sh DIR: fetches the i386 programs that the tests run, with
# their libraries, and unpacks them below DIR/root.  Nothing is installed: apt
# gets a state of its own in DIR, where it knows of no package and takes itself
# to be a 32-bit PC.
set -eu
packages='busybox-static libc6 libgcc-s1 libstdc++6
	coreutils libacl1 libattr1 libselinux1 libpcre2-8-0 libgmp10
	gawk bc libmpfr6 libreadline8 libsigsegv2 libtinfo6
	gzip xz-utils liblzma5 sqlite3 libsqlite3-0 zlib1g
	perl-base libcrypt1 openssl libssl3
	python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libexpat1
	cpp-12 libisl23 libmpc3 libzstd1'

mkdir -p "$1/apt/state/lists/partial" "$1/apt/cache/archives/partial" "$1/deb"
cd "$1"
test ! -e "root/done" || exit 0

private_apt_get() {
	apt-get -qq -o Dir::State="$PWD/../apt/state" \
		-o Dir::State::status="$PWD/../apt/status" \
		-o Dir::Cache="$PWD/../apt/cache" -o APT::Architecture=i386 \
		-o APT::Architectures=i386 -o APT::Sandbox::User=root "$@"
}

: >apt/status
cd deb
# One archive of several may be out of order; the download shows what's missing.
private_apt_get update || true
# shellcheck disable=SC2086
private_apt_get download $packages
cd ..
rm -rf root
for deb in deb/*.deb; do
	dpkg-deb -x "$deb" root
done
rm -rf deb apt
: >root/done
