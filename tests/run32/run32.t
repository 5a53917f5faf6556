#!/bin/sh
# run32 itself: programs that fault, catch signals, rewrite their code and have
# children print the same natively and on our processor.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
n=0

result() {	# $1 the test's name, $2 a file that has to be empty
	n=$((n + 1))
	if [ -s "$2" ]; then
		echo "not ok $n - $1"
		head -n 20 "$2" | sed 's/^/# /'
	else
		echo "ok $n - $1"
	fi
}

build() {	# $1 C source, as $dir/its name
	${CC:-gcc} -m32 -march=i686 -std=gnu11 -O2 -Wall -Wextra -Werror \
		-ffreestanding -nostdlib -static -fno-pic -no-pie \
		-fno-stack-protector -fcf-protection=none \
		-Wl,--build-id=none,-z,noexecstack -o "$dir/$(basename "$1" .c)" \
		"$1" guest/user/lib.c guest/user/crt0.S
}

same() {	# $1 program, $2 run32's options
	# shellcheck disable=SC2086
	timeout 60 "$dir/run32" $2 "$dir/$1" >"$dir/ours" 2>/dev/null
	echo "status $?" >>"$dir/ours"
	diff "$dir/native" "$dir/ours" >"$dir/why"
	result "$1${2:+ $2}: $(wc -l <"$dir/ours") lines" "$dir/why"
}

tests/run32/build.sh "$dir/run32" || exit 1
for source in tests/run32/guest/*.c guest/user/*test.c guest/user/mallocy.c; do
	program=$(basename "$source" .c)
	build "$source" || exit 1
	timeout 60 "$dir/$program" >"$dir/native" 2>/dev/null
	status=$?
	if [ $n -eq 0 ] && [ $status -eq 126 ]; then
		echo "1..0 # SKIP this machine doesn't run i386 programs"
		exit 0
	fi
	echo "status $status" >>"$dir/native"
	same "$program" ''
	same "$program" --paged
done

cat >"$dir/expected" <<'X'
max leaf 5
not ours: 0 0
sse2: yes
extended: 0 0
X
"$dir/run32" "$dir/cpu" cpuid 2>&1 | diff "$dir/expected" - >"$dir/why"
result 'cpuid: an i686 with SSE2, and nothing that needs AVX' "$dir/why"

"$dir/run32" --argv0=other "$dir/tasks" x | grep -vx '<other><x>' >"$dir/why"
result 'a name of its own' "$dir/why"

complains() {	# $1 exit status, $2 message, then the arguments
	status=$1 message=$2
	shift 2
	"$dir/run32" "$@" >"$dir/ours" 2>&1
	test $? -eq "$status" && grep -q -e "$message" "$dir/ours" &&
		test "$(wc -l <"$dir/ours")" -eq 1 && : >"$dir/ours"
	result "$message" "$dir/ours"
}
complains 1 'usage: run32'
complains 1 '--frob: no such option' --frob x
complains 127 '/nonexistent: No such file' /nonexistent
complains 126 'not an i386 ELF program' "$dir/run32"
head -c 60 "$dir/cpu" >"$dir/short"
complains 126 'shorter than its headers say' "$dir/short"
echo "1..$n"
