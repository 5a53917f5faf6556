#! /bin/sh
# A disk is for one Launcher at a time.
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
	"$LGUEST" "--block=$1" 16 "$dir/guest" block_nothing 2>"$dir/err"
}

"$LGUEST" "--block=$dir/disk" 16 "$dir/guest" _log >"$dir/out" 2>&1 &
first=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -s "$dir/out" ] || sleep 0.1
done
before=$(wc -c <"$dir/out")
launch "$dir/disk" </dev/null
[ $? -eq 1 ]; result $? 'the second is refused'
[ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q "^lguest: --block=$dir/disk: in use" "$dir/err"
result $? 'in one line'
launch "$dir/other" </dev/null
result $? 'another disk is free'
sleep 0.1
[ "$(wc -c <"$dir/out")" -gt "$before" ]
result $? 'the first runs on'
kill -KILL $first
wait $first 2>/dev/null
sleep 0.3
launch "$dir/disk" </dev/null
result $? 'and after its death, so is this one'
"$LGUEST" "--block=$dir/disk" "--block=$dir/disk" 16 "$dir/guest" block_nothing \
	</dev/null 2>"$dir/err"
[ $? -eq 1 ]; result $? 'nor may one Launcher have it twice'
echo "1..$tests"
