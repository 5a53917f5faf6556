#!/bin/sh
# All of the Launcher's tests once more, for the 32-bit ./lguest32, which is the
# one that a real /dev/lguest would meet.

top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
if [ ! -x "$top/lguest32" ]; then
	echo "1..0 # skip there is no ./lguest32 (make M32=1)"
	exit 0
fi
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 1' HUP INT TERM
n=0
failed=0
for t in "$top"/tests/launcher/*.t; do
	[ "$t" = "$top/tests/launcher/m32.t" ] && continue
	n=$((n + 1))
	name=$(basename "$t" .t)
	if LGUEST=$top/lguest32 "$t" >"$log" 2>&1; then
		echo "ok $n - $name: $(grep -c '^ok' "$log") tests"
	else
		echo "not ok $n - $name"
		grep -v '^ok' "$log" | sed 's/^/# /'
		failed=1
	fi
done
echo "1..$n"
exit $failed
