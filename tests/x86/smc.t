#! /bin/sh
# Code that changes: by itself, by others, behind our backs; the results are right,
# and there is no more than about one invalidation for each write.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

${CC:-gcc} -m32 -c -o "$dir/guest.o" tests/x86/smc-guest.S &&
ld -m elf_i386 -Ttext=0x10000000 -e 0 --oformat binary -o "$dir/guest" \
	"$dir/guest.o" &&
${CC:-gcc} -std=gnu11 -O2 -g -Wall -Wextra -Werror -DX86_CHECK=1 \
	-mgeneral-regs-only -fcf-protection=none -Iinclude -Ihost \
	-o "$dir/smc" tests/x86/smc.c host/windows.c host/x86/*.[cS] || exit 1
"$dir/smc" "$dir/guest"
