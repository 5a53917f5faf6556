#! /bin/sh
# All fuzzers, for a while. Usage: tests/fuzz/fuzz.sh [SECONDS]
# What they learn stays in build/fuzz; what they find, there too.
seconds=${1:-300}
CC=clang
flags='-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined'
. "$(dirname "$0")/build.sh"
export ASAN_OPTIONS=detect_leaks=0
each=$((seconds / 4 + 1))

for fuzzer in $fuzzers; do
	build "$fuzzer"
	mkdir -p "build/fuzz/$fuzzer"
	echo "$fuzzer, $each seconds"
	"$dir/$fuzzer" -close_fd_mask=3 -max_total_time=$each -max_len=4096 \
		-artifact_prefix="build/fuzz/$fuzzer-" -print_final_stats=1 \
		"build/fuzz/$fuzzer" "tests/fuzz/$fuzzer" </dev/null \
		>"$dir/log" 2>&1 || { tail -n 30 "$dir/log"; exit 1; }
	grep -a 'number_of_executed_units\|new_units_added' "$dir/log"
done
echo "random Guests, $each seconds"
tests/hostile/hostile.t random "$each"
