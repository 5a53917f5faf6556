#! /bin/sh
# A program that tests for AVX finds none on our processor, and takes its way for
# SSE2 there; whatever it finds on this machine, it says the same.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

tests/run32/build.sh "$dir/run32" || exit 1
gcc -m32 -O2 -static -Wall -Wextra -Wno-psabi -o "$dir/avx" tests/x86/avx.c || exit 1
"$dir/avx" >"$dir/native"
if [ $? -eq 126 ]; then
	echo '1..0 # SKIP no i386 programs on this machine'
	exit 0
fi
echo 1..2
"$dir/run32" "$dir/avx" >"$dir/ours"
echo "# natively $(cat "$dir/native")"
grep '^sse2 ' "$dir/ours" >"$dir/why" || printf 'not '
echo "ok 1 - a program that looks for AVX: $(cat "$dir/ours")"
test "$(cut -d ' ' -f 2 "$dir/native")" = "$(cut -d ' ' -f 2 "$dir/ours")" ||
	printf 'not '
echo 'ok 2 - and its result'
