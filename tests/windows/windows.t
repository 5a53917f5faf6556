#! /bin/sh
# Builds windows.c with a mock of everything around it, and runs that.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

${CC:-gcc} -O2 -g -std=gnu11 -Wall -Wextra -Werror -Iinclude -Ihost \
	-o "$dir/windows" tests/windows/windows.c || exit 1
"$dir/windows"
