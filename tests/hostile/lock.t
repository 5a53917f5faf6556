#! /bin/sh
# A disk is for one Launcher at a time, or for any number of readers.
. "$(dirname "$0")/build.sh"
build kill
truncate -s 1M "$dir/disk" "$dir/other"
tests=0

result() {	# $1 0 if it's good, $2 its name
	tests=$((tests + 1))
	if [ "$1" -eq 0 ]; then echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		sed 's/^/# /' "$dir/err"
	fi
}

launch() {	# $1 disk; a Guest that powers down at once
	"$LGUEST" "--block=$1" 16 "$dir/guest" block_nothing </dev/null 2>"$dir/err"
}

# As somebody who may not write to a file that nobody may write to: root may.
if [ "$(id -u)" -eq 0 ]; then
	unprivileged='setpriv --bounding-set -dac_override'
fi

start() {	# $1 case, $2 disk; into $pid
	rm -f "$dir/out"
	$unprivileged "$LGUEST" "--block=$2" 16 "$dir/guest" "$1" >"$dir/out" 2>&1 &
	pid=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -s "$dir/out" ] || sleep 0.1
	done
}

refused() {	# $1 who
	[ $? -eq 1 ]; result $? "$1 is refused"
	[ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q "^lguest: --block=$dir/disk: in use" "$dir/err"
	result $? 'in one line'
}

start _log "$dir/disk"
first=$pid
before=$(wc -c <"$dir/out")
launch "$dir/disk"
refused 'the second'
launch "$dir/other"
result $? 'another disk is free'
chmod 444 "$dir/disk"
$unprivileged "$LGUEST" "--block=$dir/disk" 16 "$dir/guest" block_nothing </dev/null 2>"$dir/err"
refused 'a reader'
chmod 644 "$dir/disk"
sleep 0.1
[ "$(wc -c <"$dir/out")" -gt "$before" ]
result $? 'the first runs on'
kill -KILL $first
wait $first 2>/dev/null
sleep 0.3
launch "$dir/disk"
result $? 'and after its death, so is this one'
"$LGUEST" "--block=$dir/disk" "--block=$dir/disk" 16 "$dir/guest" block_nothing \
	</dev/null 2>"$dir/err"
[ $? -eq 1 ]; result $? 'nor may one Launcher have it twice'

chmod 444 "$dir/disk"
start _read_log "$dir/disk"
first=$pid
[ -s "$dir/out" ]; result $? 'a reader runs'
start _read_log "$dir/disk"
[ -s "$dir/out" ]; result $? 'with another one'
chmod 644 "$dir/disk"
launch "$dir/disk"
refused 'a writer'
kill -TERM $first $pid
wait $first $pid 2>/dev/null
launch "$dir/disk"
result $? 'until they are gone'
echo "1..$tests"
