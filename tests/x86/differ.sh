#! /bin/sh
# tests/x86/differ.sh FILE: builds differ, both sides of the processor's test, as
# FILE.  Everything that is emitted goes through the checker on the way.
set -eu
out=$1
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

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
${CC:-gcc} -pthread -o "$out" "$dir"/*.o
