#! /bin/sh
# The processor of host/x86/ against the one we have: random programs must leave
# the same registers, flags, FPU, memory and traps; first those which once didn't.
#	tests/x86/diff.t [FIRST CASES [SECONDS]]
# runs others: from that number on, so many, for so long at most.  What differs
# is made small, and becomes a file in tests/x86/cases/.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

tests/x86/differ.sh "$dir" || exit 1
echo 1..4
"$dir/differ" cases tests/x86/cases/*
"$dir/differ" run "${1:-0}" "${2:-250000}" $3
