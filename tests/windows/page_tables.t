#! /bin/sh
# Builds page_tables.c with stubs around it, and runs that.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

${CC:-gcc} -O2 -g -std=gnu11 -Wall -Wextra -Werror -Iinclude -Ihost \
	-o "$dir/page_tables" tests/windows/page_tables.c || exit 1
"$dir/page_tables"
