#! /bin/sh
# All fuzzers, one after the other. Usage: tests/fuzz/fuzz.sh [SECONDS]
# That's for all of it: building takes a minute of it, and the fuzzers share what
# is left (each has five seconds at least). What they learn stays in build/fuzz;
# what they find goes to build/fuzz/found, and then the exit status is 1.
end=$(($(date +%s) + ${1:-300}))
CC=clang
flags='-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined'
guest_flags='-fsanitize=fuzzer'
host_flags='-fsanitize-coverage=inline-8bit-counters,pc-table'
. "$(dirname "$0")/build.sh"
export ASAN_OPTIONS=detect_leaks=0
export FUZZ_CURRENT="$dir/current"
found=build/fuzz/found
mkdir -p $found
findings=0

# Its share of what is left: $1 of them, ours included, are still to come.
share() {
	left=$(((end - $(date +%s)) / $1))
	[ $left -ge 5 ] || left=5
	echo $left
}

tell() {	# $1 who, $2 runs, $3 coverage
	printf '%-28s %10s runs   %-22s' "$1" "$2" "$3"
}

finding() {	# $1 the file
	findings=$((findings + 1))
	echo "FOUND: $1"
	tail -n 25 "$dir/log"
}

# Whoever runs Guests can't be told of a fault of the Host's by a signal, since
# those are the Guests'; so it leaves its input where we find it.
fuzz() {	# $1 the fuzzer, $2 seconds
	options=
	runs_guests "$1" && options='-handle_segv=0 -handle_bus=0 -handle_ill=0
		-handle_fpe=0 -use_counters=0'
	[ -e "tests/fuzz/$1.dict" ] &&
		options="$options -dict=tests/fuzz/$1.dict"
	mkdir -p "build/fuzz/$1"
	# shellcheck disable=SC2086
	"$dir/$1" -close_fd_mask=3 -max_total_time="$2" -max_len=4096 \
		-len_control=0 -rss_limit_mb=3000 -timeout=25 $options \
		-artifact_prefix="$found/$1-" -print_final_stats=1 \
		"build/fuzz/$1" "tests/fuzz/$1" </dev/null >"$dir/log" 2>&1
	status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log")
	edges=$(grep -a -o 'cov: [0-9]*' "$dir/log" | tail -n 1)
	tell "$1" "${runs:-?}" "edges ${edges#cov: }"
	[ $status -eq 0 ] && { echo none found; return; }
	file=$(sed -n 's/.*Test unit written to //p' "$dir/log" | tail -n 1)
	if [ -z "$file" ]; then
		file="$found/$1-died-of-$status-$(date +%s)"
		cp "$FUZZ_CURRENT" "$file"
	fi
	finding "$file"
}

# Programs that say "ok" or "not ok", with other numbers each time.
run_others() {	# $1 who, $2 how the log tells of runs, then the command
	who=$1 runs=$2
	shift 2
	"$@" </dev/null >"$dir/log" 2>&1
	status=$?
	tell "$who" "$(sed -n "$runs" "$dir/log" | tail -n 1)" ''
	if [ $status -eq 0 ] && ! grep -q '^not ok' "$dir/log"; then
		echo none found
	else
		file="$found/$(echo "$who" | tr ' ' -)-$(date +%s)"
		cp "$dir/log" "$file"
		finding "$file"
	fi
}

decode_machine() {	# $1 until when
	tried=0
	while [ "$(date +%s)" -lt "$1" ]; do
		seed=$(($(date +%s) * 1000 + $$ % 1000))
		tried=$((tried + 50000))
		echo "# seed $seed, then there have been $tried"
		"$dir/decode-machine" 50000 $seed || return 1
	done
}

for fuzzer in $fuzzers; do
	build "$fuzzer"
done
gcc -std=gnu11 -O2 -Ihost -mgeneral-regs-only -c -o "$dir/decode-gcc.o" \
	host/x86/decode.c &&
	gcc -std=gnu11 -O2 -Ihost -fno-stack-protector -o "$dir/decode-machine" \
		tests/x86/decode-machine.c "$dir/decode-gcc.o" || exit 1

remaining=10
for fuzzer in $fuzzers; do
	fuzz "$fuzzer" "$(share $remaining)"
	remaining=$((remaining - 1))
done
run_others 'decoder and this machine' \
	's/^# seed .* been \([0-9]*\)$/\1/p' \
	decode_machine $(($(date +%s) + $(share 3)))
run_others 'processor and this machine' 's/^# \([0-9]*\) cases from .*/\1/p' \
	env CC=gcc tests/x86/diff.t "$(date +%s)000" 1000000000 "$(share 2)"
share=$(share 1)
run_others 'hostile Guests' 's/^# \([0-9]*\) hostile Guests/\1/p' \
	env CC=gcc tests/hostile/hostile.t random "$share"
# Four gigabytes of code to translate take one of these minutes.
[ "$share" -ge 60 ] &&
	run_others 'gigabytes of code' 's/^# \([0-9]*\) hostile Guests/\1/p' \
		env CC=gcc tests/hostile/hostile.t gigabytes
exit $((findings > 0))
