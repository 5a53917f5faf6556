#!/bin/sh
# Debian's i386 programs, run natively and on our processor: what they print has
# to be the same.  Each tests/programs/*.sh but fetch.sh is a script that runs
# some of them; with PROGRAMS=all they work harder (make check-programs).
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
debian=$top/build/debian-i386
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

skip() {	# $1 why
	echo "1..0 # SKIP $1"
	exit 0
}

tests/programs/fetch.sh "$debian" >"$dir/log" 2>&1 || {
	sed 's/^/# /' "$dir/log"
	skip "the i386 packages can't be fetched"
}
ROOT=$debian/root
libraries=$ROOT/lib/i386-linux-gnu:$ROOT/usr/lib/i386-linux-gnu
"$ROOT/bin/busybox" true 2>"$dir/log" ||
	skip "this machine doesn't run i386 programs"
run32=${RUN32:-$dir/run32}	# RUN32: one that is built already
test "$RUN32" || tests/run32/build.sh "$run32" || exit 1

# The files that scripts read stay the same, whoever is writing on ours.
mkdir "$dir/top" && cp -r README.md lguest.txt COPYING host "$dir/top"

# Runs the script $1 with the prefix $2 (none: natively), into $dir/$3.
run() {
	rm -rf "$dir/work"
	mkdir "$dir/work"
	(
		cd "$dir/work" || exit 1
		export LC_ALL=C TZ=UTC
		RUN=$2
		i386() {	# PROGRAM below the root, ARGS
			name=$1
			shift
			$RUN "$ROOT/lib/ld-linux.so.2" --library-path "$libraries" \
				--argv0 "${name##*/}" "$ROOT/$name" "$@"
		}
		script=$top/$1 top=$dir/top
		. "$script"
	) >"$dir/$3" 2>&1 </dev/null
	echo "status $?" >>"$dir/$3"
}

milliseconds() {
	echo $(($(date +%s%N) / 1000000))
}

compare() {	# $1 script, $2 run32's options
	start=$(milliseconds)
	run "$1" "$run32 $2" ours
	end=$(milliseconds)
	n=$((n + 1))
	name="$(basename "$1" .sh)${2:+ $2}"
	if cmp -s "$dir/native" "$dir/ours"; then
		echo "ok $n - $name: $(wc -l <"$dir/ours") lines, natively" \
			"$native ms, here $((end - start)) ms"
	else
		echo "not ok $n - $name"
		diff -a "$dir/native" "$dir/ours" | head -n 20 | sed 's/^/# /'
	fi
}

# The program's own interpreter, out of --root, not the one we name.
interpreter() {
	"$ROOT/bin/busybox" ls / >"$dir/native"
	LD_LIBRARY_PATH=$libraries \
		"$run32" --root="$ROOT" --argv0=ls "$ROOT/bin/ls" / >"$dir/ours" 2>&1
	n=$((n + 1))
	cmp -s "$dir/native" "$dir/ours" || printf 'not '
	echo "ok $n - ls with the interpreter below --root"
}

n=0
PROGRAMS=${PROGRAMS:-some}
# More work where it's wanted: $1 as a rule, $2 for all.
amount() {
	if [ "$PROGRAMS" = all ]; then echo "$2"; else echo "$1"; fi
}
for script in "${@:-tests/programs/*.sh}"; do
	# shellcheck disable=SC2086
	set -- $script
	for script; do
		test "$(basename "$script")" != fetch.sh || continue
		start=$(milliseconds)
		run "$script" '' native
		native=$(($(milliseconds) - start))
		compare "$script" ''
		test "$PROGRAMS" != all || compare "$script" --paged
	done
done
interpreter
echo "1..$n"
