#!/bin/sh
# The PC by itself, without a Launcher: what only its kernel would notice.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

flags="-std=gnu11 -O1 -g -Wall -Wextra -Werror -Iinclude -Ihost"

gcc -m32 -c -o "$dir/rows.o" tests/pc/rows.S &&
ld -m elf_i386 -Ttext=0x100000 --oformat binary -o "$dir/rows" \
	"$dir/rows.o" &&
${CC:-gcc} $flags -mgeneral-regs-only -fcf-protection=none -o "$dir/run" \
	tests/pc/run.c host/pc/*.c host/windows.c host/tsc.c \
	host/x86/*.[cS] || {
	echo "Bail out! the PC doesn't build"
	exit 1
}
"$dir/run" "$dir/rows"
