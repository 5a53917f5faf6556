#!/bin/bash
# Guests, for a long time. Usage: tests/soak.sh [SECONDS [BOOTS [PUPPIES]]]
# First so many puppies at once that do their self-test again and again, each with
# a disk of its own; then so many boots in a row. Next to them are three that live
# all the time: a Guest that keeps its devices busy, one on a PC, and one that
# reboots as soon as it has started its own. Fails with the first self-test that
# fails, or if one of the three has grown since it was five seconds old.
seconds=${1:-600} boots=${2:-1000} puppies=${3:-24}
SECONDS=0
top=$(dirname "$0")/..
. "$top/tests/hostile/build.sh"
build kill
build_pc
touch "$dir/lives" "$dir/log"
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT

one_life() {	# $1 number of the puppy
	"$LGUEST" 64 guest/puppy --initrd=guest/initrd.cpio \
		"--block=$dir/disk$1" --rng root=/dev/vda selftest \
		</dev/null >"$dir/out$1" 2>&1 &&
		grep -q ' 0 failed' "$dir/out$1" && return
	cp "$dir/out$1" "$dir/failed"
	return 1
}

live() {	# $1 number of the puppy
	truncate -s 4M "$dir/disk$1"
	while [ ! -e "$dir/failed" ] && [ $SECONDS -lt "$seconds" ]; do
		one_life "$1" && echo >>"$dir/lives"
	done
}

names=() firsts=() before=()
start() {	# $1 name, $2... kernel and arguments
	truncate -s 1M "$dir/$1.disk"
	"$LGUEST" "--block=$dir/$1.disk" --rng 16 "${@:2}" </dev/null \
		> >(grep -a --line-buffered '^reboot' >"$dir/$1.out") 2>>"$dir/log" &
	names+=("$1") firsts+=($!)
}

# Kilobytes and descriptors of a Launcher: its first process's, and, unless that
# one has another all the time, its second's.
size() {	# $1 index
	local first=${firsts[$1]} pids kb fds
	pids=$first
	[ "${names[$1]}" = rebooting ] || pids+=" $(cat /proc/$first/task/$first/children)"
	kb=$(for pid in $pids; do cat "/proc/$pid/status"; done |
		awk '/^Rss(Anon|Shmem)/ { kb += $2 } END { print kb + 0 }')
	fds=$(for pid in $pids; do ls "/proc/$pid/fd"; done | wc -l)
	echo "$kb" "$fds"
}

good=true
verdict() {	# $1 whether it's good, $2 the line
	$1 || good=false
	echo "$2"
}

start busy "$dir/guest" _everything 0
start pc "$dir/pc"
start rebooting "$dir/guest" _reboot
sleep 5
for i in 0 1 2; do before[i]=$(size $i); done

for ((i = 0; i < puppies; i++)); do live $i & lives+=($!); done
wait "${lives[@]}"
verdict "[ ! -e $dir/failed ]" \
	"$puppies puppies at once for $seconds s: $(wc -l <"$dir/lives") self-tests without a failure"
for ((i = 0; i < boots; i++)); do
	[ ! -e "$dir/failed" ] && one_life 0 || break
done
verdict "[ $i -eq $boots ]" "one after the other: $i boots without a failure"
for i in 0 1 2; do
	read -r kb fds <<<"${before[i]}"
	read -r more_kb more_fds <<<"$(size $i)"
	verdict "[ $more_fds -gt 0 -a $more_fds -eq $fds -a $((more_kb - kb)) -lt 1024 ]" \
		"${names[i]}, for $SECONDS s: from $kb KB and $fds descriptors to $more_kb KB and $more_fds"
done
reboots=$(wc -l <"$dir/rebooting.out")
verdict "[ $reboots -gt $boots ]" "which rebooted $reboots times"
$good && echo 'soak: good' && exit
cat "$dir/failed" "$dir/log" 2>/dev/null | tail -n 60
echo 'soak: BAD'
exit 1
