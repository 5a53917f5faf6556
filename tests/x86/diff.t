#! /bin/sh
# The processor of host/x86/ against the one we have: random programs must leave
# the same registers, flags, FPU, memory and traps.
#	tests/x86/diff.t [FIRST CASES [SECONDS]]
# runs others: from that number on, so many, for so long at most.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

compile() {	# $1 the source, then flags
	source=$1
	shift
	${CC:-gcc} -std=gnu11 -O2 -g -Wall -Wextra -Werror -Iinclude -Ihost "$@" \
		-c -o "$dir/$(basename "${source%.*}").o" "$source" || exit 1
}

for source in host/x86/*.[cS] host/windows.c; do
	compile "$source" -mgeneral-regs-only -fcf-protection=none
done
# Signal handlers and callbacks that run with a case's FPU, fs and flags.
for source in common machine oracle; do
	compile "tests/x86/$source.c" -mgeneral-regs-only -mno-red-zone \
		-fno-stack-protector
done
compile tests/x86/generate.c
compile tests/x86/diff.c
${CC:-gcc} -pthread -o "$dir/differ" "$dir"/*.o || exit 1
"$dir/differ" "${1:-0}" "${2:-250000}" $3
