#! /bin/bash
# Puppies, for a long time. Usage: tests/soak.sh [MINUTES [PUPPIES [BOOTS]]]
# First so many at once that do their self-test again and again, each with a disk
# of its own, and next to them one Guest that keeps all its devices busy; then so
# many boots in a row. Fails with the first that fails, and if the one that lives
# all the time grows.
top=$(dirname "$0")/..
. "$top/tests/hostile/build.sh"
minutes=${1:-10} puppies=${2:-24} boots=${3:-1000}
build kill

one_life() {	# $1 number of the puppy
	"$LGUEST" 64 guest/puppy --initrd=guest/initrd.cpio \
		"--block=$dir/disk$1" --rng root=/dev/vda selftest \
		</dev/null >"$dir/out$1" 2>&1 &&
		grep -q ' 0 failed' "$dir/out$1"
}

live() {	# $1 number of the puppy
	truncate -s 4M "$dir/disk$1"
	while [ ! -e "$dir/failed" ] && [ $SECONDS -lt $((minutes * 60)) ]; do
		one_life "$1" || { cp "$dir/out$1" "$dir/failed"; return 1; }
		echo >>"$dir/lives"
	done
}

# Of the long-lived Guest: its kilobytes and its descriptors.
start_busy() {
	"$LGUEST" --rng 16 "$dir/guest" _busy </dev/null >/dev/null 2>"$dir/busy" &
	first=$!
	sleep 2
	read -r busy </proc/$first/task/$first/children
}

size() {
	awk '/^(RssAnon|RssShmem)/ { kb += $2 } END { print kb }' "/proc/$busy/status"
}

descriptors() {
	ls "/proc/$busy/fd" | wc -l
}

failed() {
	echo 'FAILED:'
	tail -n 20 "$dir/failed"
	exit 1
}

start_busy
sleep 3
kb=$(size) fds=$(descriptors)
for ((i = 0; i < puppies; i++)); do live $i & lives+=($!); done
while [ $SECONDS -lt $((minutes * 60)) ] && [ ! -e "$dir/failed" ]; do
	sleep 10
	echo "$SECONDS s: $(wc -l <"$dir/lives") lives, the busy one has" \
		"$(size) KB and $(descriptors) descriptors"
done
wait "${lives[@]}"
[ -e "$dir/failed" ] && failed
echo "$puppies puppies, $minutes minutes: $(wc -l <"$dir/lives") lives, none failed"

for ((i = 1; i <= boots; i++)); do
	one_life 0 || { cp "$dir/out0" "$dir/failed"; failed; }
done
echo "$boots boots in a row: none failed"
grown=$(($(size) - kb)) more=$(($(descriptors) - fds))
kill $first
wait $first 2>/dev/null
cat "$dir/busy"
echo "the busy one grew by $grown KB and $more descriptors"
[ $grown -lt 1024 ] && [ $more -eq 0 ]
