#! /bin/sh
# make run-net: a Guest with a network card in a network namespace of its own,
# and ping in both directions. The namespace ends with us, and takes the tap
# with it.
cd "$(dirname "$0")/.." || exit 1
here=192.168.19.1 there=192.168.19.2

if [ "$(id -u)" != 0 ]; then
	echo 'make run-net: only root may make a tap: sudo make run-net' >&2
	exit 1
fi
[ "$1" = inside ] || exec unshare -n -- "$0" inside

replies() {	# how many echo requests this end has answered
	awk '/^Icmp:/ && !names { names = split($0, name); next }
	/^Icmp:/ { for (i = 1; i <= names; i++)
			if (name[i] == "OutEchoReps") print $i }' /proc/net/snmp
}

wait_for() {	# $1 seconds; then a command
	tries=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] && kill -0 "$guest" 2>/dev/null || return 1
		sleep 0.1
	done
}

answered() {
	[ "$(replies)" -ge 3 ]
}

dir=$(mktemp -d) || exit 1
guest=
trap 'rm -rf "$dir"; [ -z "$guest" ] || kill "$guest" 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE
mkfifo "$dir/keys" || exit 1
ip link set lo up
./lguest 64 guest/puppy --tunnet=$here --block=build/disk.img --rng \
	--initrd=guest/initrd.cpio root=/dev/vda <"$dir/keys" &
guest=$!
exec 3>"$dir/keys"

status=0
wait_for 10 ping -c1 -W1 $there
ping -c3 -w10 $there || status=1
echo "ping $here" >&3
wait_for 10 answered || status=1
echo poweroff >&3
exec 3>&-
wait $guest || status=1
guest=
[ $status = 0 ] && echo "Ping answered in both directions: $here, $there" ||
	echo 'make run-net: no ping' >&2
exit $status
