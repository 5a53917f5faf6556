#! /bin/sh
# Every class of instructions runs into trouble: pages that are missing, read-only
# or the kernel's, under all of an operand or half of it, from ring 3 and from the
# kernel; TF, TS, waiting exceptions.  The traps and what comes after, once the page
# is there, are those of the CPU.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

tests/x86/differ.sh "$dir" || exit 1
echo 1..13
"$dir/differ" faults
