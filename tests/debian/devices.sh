#!/bin/sh
# Disks, the network and randomness, by the drivers that Debian has as modules.
cd "$(dirname "$0")/../.." || exit 1
. tests/debian/lib.sh

disk=$dir/disk
mkdir "$dir/files"
seq 1 100000 >"$dir/files/numbers"
truncate -s 64M "$disk"
mkfs.ext4 -q -F -d "$dir/files" "$disk"
sum=$(md5sum <"$dir/files/numbers" | cut -d' ' -f1)

for flavour in 686 686-pae; do
	initrd $flavour $virtio virtio_blk virtio-rng crc16 mbcache jbd2 \
		crc32c_generic libcrc32c ext4 <<-'END'
		mount -t ext4 /dev/vda /mnt
		echo "numbers $(md5sum </mnt/numbers | cut -d' ' -f1)"
		dd if=/dev/zero of=/mnt/zeroes bs=1M count=20 2>/dev/null
		echo 3 >/proc/sys/vm/drop_caches
		echo "zeroes $(md5sum </mnt/zeroes | cut -d' ' -f1)"
		mkdir /mnt/many
		for i in $(seq 1 300); do cp /bin/busybox /mnt/many/$((i % 7)); done
		cat /mnt/many/* | md5sum >/mnt/many/sum
		umount /mnt
		echo "random $(dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c)"
	END
	check "$flavour: a disk and randomness" boot $flavour \
		--block="$disk" --rng
	check '... it reads what was there' said "^numbers $sum\$"
	check '... and what it wrote' said \
		'^zeroes 8f4e33f3dc3e414ff94e5fb6905cba8c$'
	check '... and finds randomness' said '^random 64$'
	check '... and the file system is sound' e2fsck -fn "$disk"
	debugfs -w -R 'rm zeroes' "$disk" 2>/dev/null
	debugfs -R 'rdump many '"$dir" "$disk" 2>/dev/null
	check '... with many files in it' sh -c \
		'cd "$1" && grep -q "$(cat [0-6] | md5sum | cut -d" " -f1)" sum' \
		sh "$dir/many"
	rm -rf "$dir/many"
	mkfs.ext4 -q -F -d "$dir/files" "$disk"
done

if [ "$(id -u)" = 0 ]; then
	initrd 686 $virtio failover net_failover virtio_net <<-'END'
		ifconfig eth0 192.168.77.2
		ping -c 5 -i 0.2 192.168.77.1
		wget -q -O - http://192.168.77.1:8080/numbers | md5sum
	END
	cat >"$dir/inside" <<-'END'
		ip link set lo up
		cd "$1" && python3 -m http.server 8080 --bind 0.0.0.0 \
			>/dev/null 2>&1 &
		server=$!
		shift
		"$@" </dev/null
		status=$?
		kill $server
		exit $status
	END
	timeout 60 unshare -n sh "$dir/inside" "$dir/files" "$PWD/$LGUEST" 256 \
		"$PWD/$(kernel 686)" --initrd="$dir/initrd" console=ttyS0 \
		rdinit=/init --tunnet=192.168.77.1 >"$dir/raw" 2>&1
	tr -d '\r' <"$dir/raw" >"$dir/out"
	check 'a network card: every ping comes back' said '5 packets received'
	check '... and a file is what it was' said "$sum"
else
	echo '# the network was not tried: that takes root'
fi
finish
