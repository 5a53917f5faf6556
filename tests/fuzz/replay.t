#! /bin/sh
# Every input that a fuzzer has kept, once more.
CC=${CC:-gcc}
flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
guest_flags= host_flags=
. "$(dirname "$0")/build.sh"
export ASAN_OPTIONS=detect_leaks=0
export FUZZ_CURRENT="$dir/current"
tests=0

for fuzzer in $fuzzers; do
	build "$fuzzer" tests/fuzz/replay.c
	tests=$((tests + 1))
	number=$(ls "tests/fuzz/$fuzzer" | wc -l)
	if "$dir/$fuzzer" "tests/fuzz/$fuzzer"/* </dev/null >"$dir/out" 2>"$dir/err"
	then echo "ok $tests - $fuzzer: $number inputs"
	else
		echo "not ok $tests - $fuzzer: $number inputs"
		tail -n 30 "$dir/err" | sed 's/^/# /'
	fi
done
echo "1..$tests"
