#! /bin/sh
# What no compiler complains of: widths, leftovers, headers that lean on others.
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

sources=$(make -s sources)
texts="$sources Makefile extract README.md lguest.txt .ci/run"
scripts="extract .ci/run $(find tests -name '*.t' -o -name '*.sh')"
hosts=$(printf '%s\n' $sources | grep '^host/.*\.S$')

grep -n '[ 	]$' $texts >"$dir/why"
result 'no line ends in blanks'

for file in $sources; do
	expand "$file" | awk -v file="$file" 'length > 100 {
		print file ":" NR ": " length " columns" }'
done >"$dir/why"
result 'no line of code is wider than 100 columns'

awk 'length > 80 { print FILENAME ":" FNR ": " length " columns" }
	/\t/ { print FILENAME ":" FNR ": a tab" }' lguest.txt >"$dir/why"
result 'the guide fits 80 columns, without tabs'

left='TO''DO|FIX''ME|XX''X'
grep -rnwE "$left" $texts tests guest host include >"$dir/why" 2>/dev/null
result 'nothing is left to do in a comment'

for header in $(printf '%s\n' $sources | grep '^\(include\|host\)/.*\.h$'); do
	gcc -std=gnu11 -Wall -Wextra -Werror -Iinclude -Ihost -fsyntax-only \
		-x c "$header"
done >"$dir/why" 2>&1
result 'every header compiles on its own'

for file in $hosts; do
	grep -q 'note.GNU-stack' "$file" || echo "$file"
done >"$dir/why"
result 'assembler files of the Host ask for no executable stack'

for script in $scripts; do
	case $(head -n 1 "$script") in
	*bash*) bash -n "$script" ;;
	*sh*) sh -n "$script" ;;
	esac
done >"$dir/why" 2>&1
result 'scripts parse'

./lguest --help | grep -o -e '--[a-z][a-z]*' | sort -u | while read -r option; do
	grep -qF -e "$option" lguest.txt || echo "$option"
done >"$dir/why" 2>&1
result 'the guide tells of every option in --help'
echo "1..$tests"
