# What the tests with Debian's kernels share. Sourced; the caller's directory is
# the top of the sources.

LGUEST=${LGUEST:-./lguest}
debian=${DEBIAN:-build/debian}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
export XDG_CACHE_HOME="$dir/cache"
mkdir "$dir/cache"
tests=0

"${0%/*}/fetch.sh" "$debian" || { echo 'Bail out! no kernels'; exit 1; }

kernel() {	# $1: 686 or 686-pae
	ls "$debian/$1"/boot/vmlinuz-*
}

# Packs an initrd with busybox, the modules "$2..." of kernel $1 and, as /init,
# standard input after a few lines that every init needs. Into $dir/initrd.
initrd() {
	flavour=$1
	shift
	rm -rf "$dir/root"
	mkdir -p "$dir/root/bin" "$dir/root/dev" "$dir/root/proc" \
		"$dir/root/sys" "$dir/root/mnt" "$dir/root/modules"
	cp "$debian/busybox/bin/busybox" "$dir/root/bin"
	for module; do
		cp "$(find "$debian/$flavour/lib/modules" -name "$module.ko")" \
			"$dir/root/modules" || return 1
	done
	{
		cat <<-END
			#!/bin/busybox sh
			export PATH=/bin
			/bin/busybox --install -s /bin
			mount -t proc proc /proc
			mount -t sysfs sys /sys
			mount -t devtmpfs dev /dev
			for module in $*; do insmod /modules/\$module.ko; done
		END
		cat
		echo 'poweroff -f'
	} >"$dir/root/init"
	chmod +x "$dir/root/init"
	(cd "$dir/root" && find . | cpio --quiet -o -H newc) >"$dir/initrd"
}

# Boots kernel $1 with that initrd; $2... are more arguments for lguest. What the
# Guest said ends up in $dir/out; its line ends are those of a terminal.
boot() {
	flavour=$1
	shift
	timeout "${seconds:-120}" "$LGUEST" "${memory:-256}" \
		"$(kernel "$flavour")" --initrd="$dir/initrd" console=ttyS0 \
		rdinit=/init "$@" </dev/null >"$dir/raw" 2>&1
	status=$?
	tr -d '\r' <"$dir/raw" >"$dir/out"
	return $status
}

check() {	# $1 a test's name; $2... what must succeed
	name=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $name"
	else
		echo "not ok $tests - $name"
		tail -n 20 "$dir/out" | sed 's/^/# /'
	fi
}

said() {	# the Guest wrote a line that matches $1
	grep -aq -e "$1" "$dir/out"
}

never_said() {
	! said "$1"
}

finish() {
	echo "1..$tests"
}

virtio="virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci"
