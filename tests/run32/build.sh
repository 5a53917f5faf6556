#!/bin/sh
# tests/run32/build.sh FILE: builds run32 as FILE, from host/x86/ alone.
set -eu
mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../.."
${CC:-gcc} -std=gnu11 -O2 -g -fPIE -pie -Wall -Wextra -Wmissing-prototypes \
	-Wmissing-declarations -Werror -mgeneral-regs-only -fcf-protection=none \
	-Ihost -o "$out.new" tests/run32.c tests/run32/*.[cS] host/x86/*.[cS]
mv "$out.new" "$out"
