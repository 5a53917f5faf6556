#! /bin/sh
# tests/x86/differ.sh DIRECTORY: builds differ, both sides of the processor's test,
# in DIRECTORY.  Everything that is emitted goes through the checker on the way.
set -eu
dir=$1
cd "$(dirname "$0")/../.."

compile() {	# $1 the source, then flags
	source=$1
	shift
	${CC:-gcc} -std=gnu11 -O2 -g -Wall -Wextra -Werror -Iinclude -Ihost \
		-DX86_CHECK=1 "$@" \
		-c -o "$dir/$(basename "${source%.*}").o" "$source"
}

for source in host/x86/*.[cS] host/windows.c; do
	compile "$source" -mgeneral-regs-only -fcf-protection=none
done
# Signal handlers and callbacks that run with a case's FPU, fs and flags.
for source in common machine oracle; do
	compile "tests/x86/$source.c" -mgeneral-regs-only -mno-red-zone \
		-fno-stack-protector
done
for source in generate cases coverage diff; do
	compile "tests/x86/$source.c"
done
${CC:-gcc} -pthread -o "$dir/differ" "$dir"/*.o
