#! /bin/sh
# What a running Launcher has given up, and what its binary is made like.
. "$(dirname "$0")/build.sh"
build kill
build_pc
mkdir "$dir/jail"
truncate -s 1M "$dir/disk"
tests=0

result() {	# $1 name; fails with the lines of $dir/why, if any
	tests=$((tests + 1))
	if [ -s "$dir/why" ]; then
		echo "not ok $tests - $1"
		sed 's/^/# /' "$dir/why"
	else
		echo "ok $tests - $1"
	fi
}

# Starts a Launcher and waits until its Guest speaks; its first process's number
# goes into $first, all the others' into $others.
start() {
	rm -f "$dir/out"
	"$LGUEST" "--block=$dir/disk" --rng "$@" </dev/null >"$dir/out" 2>"$dir/err" &
	first=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		[ -s "$dir/out" ] || sleep 0.2
	done
	second=$(tr -d ' ' <"/proc/$first/task/$first/children")
	others="$second $(cat "/proc/$second/task/$second/children" 2>/dev/null)"
}

stop() {
	kill "$first"
	wait "$first" 2>/dev/null
}

each_has() {	# $1 a line of /proc/PID/status, spaces for tabs
	for pid in $others; do
		tr '\t' ' ' <"/proc/$pid/status" | grep -qx "$1" ||
			grep "^${1%%:*}" "/proc/$pid/status" || echo "no $1"
	done >"$dir/why"
	result "$who: $1 in each of $(echo $others | wc -w) processes"
}

none='0000000000000000'
look() {
	for set in CapInh CapPrm CapEff CapAmb; do each_has "$set: $none"; done
	each_has 'NoNewPrivs: 1'
	each_has "Seccomp: ${1:-2}"
	for pid in $others; do
		awk '$2 ~ /w/ && $2 ~ /x/' "/proc/$pid/maps"
	done >"$dir/why"
	result "$who: nothing is writable and executable"
	awk '$2 ~ /x/ && !/lguest|\.so|vdso|vsyscall/ { found = 1 }
		END { if (!found) print "no code cache" }' "/proc/$second/maps" >"$dir/why"
	result "$who: and yet the Guest's code is executable somewhere"
	for pid in $others; do
		find "/proc/$pid/fd" -type l -exec test -d {} \; -print
	done >"$dir/why"
	result "$who: no directory is open"
}

who='lguest'
start 16 "$dir/guest" _everything 0
look
stop

who='PC'
start 16 "$dir/pc"
look
stop

who='--no-seccomp'
start --no-seccomp 16 "$dir/guest" _everything 0
look 0
stop

# All of it at once, with reboots.
who='--chroot --username'
if [ "$(id -u)" -eq 0 ]; then
	start "--chroot=$dir/jail" --username=nobody 16 "$dir/guest" _everything 0
	look
	id=$(id -u nobody)
	each_has "Uid: $id $id $id $id"
	id=$(id -g nobody)
	each_has "Gid: $id $id $id $id"
	for pid in $others; do
		[ "$(readlink "/proc/$pid/root")" = "$dir/jail" ] || echo "$pid"
	done >"$dir/why"
	result "$who: and no other file system"
	stop
	start "--chroot=$dir/jail" --username=nobody 16 "$dir/guest" _reboot
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(wc -l <"$dir/out")" -ge 10 ] || sleep 0.2
	done
	[ "$(grep -c reboot "$dir/out")" -ge 10 ] || cat "$dir/out" "$dir/err" >"$dir/why"
	result "$who: ten reboots"
	stop
else
	for what in look ids root reboots; do
		tests=$((tests + 1))
		echo "ok $tests - $who: $what # SKIP needs to be root"
	done
fi

readelf -hW "$LGUEST" | grep -q 'Type: *DYN' || echo 'not position-independent' >"$dir/why"
result 'the binary may be loaded anywhere'
readelf -lW "$LGUEST" | grep -q GNU_RELRO || echo 'no GNU_RELRO' >"$dir/why"
readelf -dW "$LGUEST" | grep -q 'BIND_NOW\|FLAGS_1.*NOW' || echo lazy >>"$dir/why"
result 'relocated once and for all'
readelf -lW "$LGUEST" | grep -E 'GNU_STACK.*E  *0x|LOAD.*RWE' >"$dir/why"
result 'no segment of it is writable and executable'
readelf -sW "$LGUEST" | grep -q __stack_chk_fail || echo 'no __stack_chk_fail' >"$dir/why"
result 'stack protector'
echo "1..$tests"
