#! /bin/sh
# The Journey holds together: every chapter can be told, each says where to go
# on, and what its sections name is really there.
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS
export LC_ALL=C
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
tests=0

result() {	# $1 the test's name; fails with the lines of $dir/why, if any
	tests=$((tests + 1))
	if [ -s "$dir/why" ]; then
		echo "not ok $tests - $1"
		sed 's/^/# /' "$dir/why"
	else
		echo "ok $tests - $1"
	fi
}

tell() {	# all the sources, to extract
	tr '\n' '\0' <"$dir/sources" | xargs -0 ./extract "$@" 2>/dev/null
}

make -s sources >"$dir/sources"
set -- Preparation Guest Drivers Launcher Host Switcher Mastery
while [ $# -gt 0 ]; do
	make -s "$1" >"$dir/$1" 2>"$dir/why"
	result "$1 can be told: it isn't empty, no number is doubled, all is closed"

	if [ $# -gt 1 ]; then
		tell -n "$(printf %.1s "$1")" | awk -v next_one="$2" '
		/^\[ [A-Z]:[0-9]* .* \]$/ { section = $2; found = 0 }
		index($0, "make " next_one) { found = 1 }
		END { if (!found) print section " has no \"make " next_one "\"" }
		' >"$dir/why"
		result "the end of $1 says that $2 comes next"
	fi
	shift
done

tr '\n' '\0' <"$dir/sources" | xargs -0 awk '
/^[ \t]*\/\*[A-Z]:/ && !/^[ \t]*\/\*[A-Z]:[0-9][0-9][0-9]([ \t:]|\*\/|$)/ {
	print FILENAME ":" FNR ": " $0
}' >"$dir/why"
result 'every marker has a letter and three digits'

# What the code says when its comments are taken away, in words; and what the C
# library could be asked for.
while read -r source; do
	case $source in
	*.[chS]) gcc -fpreprocessed -dD -E -P -w -x c "$source" 2>/dev/null ;;
	esac
done <"$dir/sources" | grep -o '[A-Za-z_][A-Za-z0-9_]*' >"$dir/words"
nm -D --defined-only "$(gcc -print-file-name=libc.so.6)" |
	sed 's/.* //; s/@.*//' >>"$dir/words"
sort -u "$dir/words" -o "$dir/words"

for letter in P G D L H S M; do
	tell "$letter"
done | grep -o '[A-Za-z_][A-Za-z0-9_]*()' | tr -d '()' | sort -u |
	comm -23 - "$dir/words" >"$dir/why"
result 'every function() that a section speaks of exists'
echo "1..$tests"
