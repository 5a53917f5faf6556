#!/bin/sh
# Who knows whom in the Host: the processor knows neither of the two machines,
# what they share doesn't either, and they don't know of each other.
cd "$(dirname "$0")/.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
objects=build/${MODE:-release}/host
tests=0

sources() {	# $1 a part of the Host
	case $1 in
	processor) ls host/x86/* host/perf_map.h ;;
	shared) ls host/windows.[ch] host/tsc.[ch] host/patience.h ;;
	lguest) ls host/*.[ch] | grep -v 'windows\.\|tsc\.\|patience\.\|perf_map\.h\|raw\.h\|types\.h' ;;
	pc) ls host/pc/* ;;
	esac
}

symbols() {	# $1 a part, $2 --defined-only or --undefined-only
	for source in $(sources "$1" | grep '\.[cS]$'); do
		object=$objects/$(echo "$source" | sed 's,host/,,;s,\.[cS]$,.o,')
		# The checker is only in MODE=debug.
		[ ! -f "$object" ] || nm -g "$2" "$object"
	done | sed 's/.* //' | sort -u
}

ignores() {	# $1 and $2, two parts
	tests=$((tests + 1))
	symbols "$1" --undefined-only >"$dir/needs"
	symbols "$2" --defined-only >"$dir/has"
	comm -12 "$dir/needs" "$dir/has" >"$dir/why"
	for header in $(sources "$2" | grep '\.h$' | sed 's,^host/,,'); do
		grep -ns "#include \"\(.*/\)*$(basename "$header")\"" \
			$(sources "$1") /dev/null
	done | grep -v '"\(cache\|decode\|x86\)\.h"' >>"$dir/why"
	if [ -s "$dir/why" ]; then
		echo "not ok $tests - $1 knows nothing of $2"
		sed 's/^/# /' "$dir/why"
	else
		echo "ok $tests - $1 knows nothing of $2"
	fi
}

ignores processor shared
ignores processor lguest
ignores processor pc
ignores shared lguest
ignores shared pc
ignores lguest pc
ignores pc lguest
echo "1..$tests"
