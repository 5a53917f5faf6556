#! /bin/sh
# The decoder against a table, objdump and the machine itself.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

build() {	# $1 the program
	${CC:-gcc} -std=gnu11 -O2 -g -Wall -Wextra -Werror -Ihost \
		-fno-stack-protector -o "$dir/$1" \
		"tests/x86/decode-$1.c" "$dir/decode.o"
}

program() {	# the program and its arguments; adds to the tests in $dir/tap
	"$dir/$@" >>"$dir/tap" || echo "not ok - $1 ended with $?" >>"$dir/tap"
}

objdump_too() {	# $1 what it is, $2 step of addresses, then objdump's arguments
	what=$1 step=$2
	shift 2
	objdump -w --insn-width=16 "$@" >"$dir/dump"
	program objdump check "$what" "$step" <"$dir/dump"
}

${CC:-gcc} -std=gnu11 -O2 -g -Wall -Wextra -Werror -mgeneral-regs-only -Ihost \
	-c -o "$dir/decode.o" host/x86/decode.c &&
	build fields && build objdump && build machine || exit 1

program fields

"$dir/objdump" random 50000 >"$dir/random"
objdump_too 'random bytes' 32 -D -b binary -m i386 "$dir/random"

for options in -O1 -Os '-O3 -march=nehalem -mfpmath=sse'; do
	gcc -m32 -ffreestanding -fno-pie $options -Ihost -c \
		-o "$dir/real.o" host/x86/decode.c
	objdump_too "decode.c $options" 1 -d "$dir/real.o"
done
for file in guest/puppy /lib32/libc.so.6 /lib32/libm.so.6; do
	test -f $file && objdump_too $file 1 -d $file
done

program machine
awk '/^(not )?ok/ { sub(/ok/, "ok " ++n) }
	{ print }
	END { print "1.." n }' "$dir/tap"
