#! /bin/sh
# The Host by itself: its four requests, and a tiny Guest for each row of what
# was measured on the real thing.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

CC=${CC:-gcc}
flags="-std=gnu11 -O1 -g -Wall -Wextra -Werror -Iinclude -Ihost"

gcc -m32 -c -o "$dir/rows.o" tests/host/rows.S &&
ld -m elf_i386 -Ttext=0x100000 -e 0 --oformat binary -o "$dir/rows" \
	"$dir/rows.o" &&
$CC $flags -mgeneral-regs-only -fcf-protection=none -o "$dir/run" \
	tests/host/run.c host/*.c host/x86/*.[cS] || {
	echo "Bail out! the Host doesn't build"
	exit 1
}
"$dir/run" "$dir/rows"
