#! /bin/sh
# extract against small files: order, paths, odd characters, errors.
cd "$(dirname "$0")/.." || exit 1
extract=$PWD/extract
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$dir/work" "$dir/tmp" && cd "$dir/work" || exit 1
export TMPDIR="$dir/tmp"
tests=0

result() {	# $1 the name of the test, after a command that says how it went
	status=$?
	tests=$((tests + 1))
	[ $status -eq 0 ] && echo "ok $tests - $1" && return
	echo "not ok $tests - $1"
	sed 's/^/# out: /' ../out
	sed 's/^/# err: /' ../err
	sed 's/^/# wanted: /' ../wanted
}

# The wanted output is on standard input.
prints() {	# $1 name, then the arguments of extract
	name=$1
	shift
	cat >../wanted
	"$extract" "$@" >../out 2>../err </dev/null &&
		cmp -s ../out ../wanted && [ ! -s ../err ]
	result "$name"
}

refuses() {	# $1 name, $2 the whole message, then the arguments
	name=$1
	printf '%s\n' "$2" >../wanted
	shift 2
	"$extract" "$@" >../out 2>../err </dev/null
	[ $? -eq 1 ] && [ ! -s ../out ] && cmp -s ../err ../wanted
	result "$name"
}

cat >first.c <<'END'
int nobody;
/*L:020 The second section is written first.
 * It has	a tab, and two  blanks.
 */
static int second(void)
{
	return 2;
}
/*:*/
int between;
/*L:000
 * A marker with a line to itself.
:*/
/*H:010 Somebody else's chapter. :*/
END
cat >second.h <<'END'
	/*L:010 In the middle, and indented.
	 :*/
/*L:999*/
int last;
/*:*/
END

prints 'sections come in the order of their numbers' L first.c second.h <<'END'
[ first.c ]
/*
 * A marker with a line to itself.
*/

[ second.h ]
	/* In the middle, and indented.
	 */

[ first.c ]
/* The second section is written first.
 * It has	a tab, and two  blanks.
 */
static int second(void)
{
	return 2;
}

[ second.h ]
int last;

END
prints 'the path comes again only when it changes' L first.c <<'END'
[ first.c ]
/*
 * A marker with a line to itself.
*/

/* The second section is written first.
 * It has	a tab, and two  blanks.
 */
static int second(void)
{
	return 2;
}

END
prints 'one line can be a section' H first.c second.h <<'END'
[ first.c ]
/* Somebody else's chapter. */

END
prints 'with -n every section says which it is' -n L second.h first.c <<'END'
[ L:000 first.c:11 ]
/*
 * A marker with a line to itself.
*/

[ L:010 second.h:1 ]
	/* In the middle, and indented.
	 */

[ L:020 first.c:2 ]
/* The second section is written first.
 * It has	a tab, and two  blanks.
 */
static int second(void)
{
	return 2;
}

[ L:999 second.h:3 ]
int last;

END

cat >'100% of\n *b* a=b.c' <<'END'
/*S:001 100% \n \\ \1 & "$HOME" `id` $(id) * ** %s %d  
 */
	printf("%s\t\\%%\n", a * b);   	
  x = '\0';\
/*:*/
END
prints 'blanks, %, \ and * survive in paths and lines' \
	S '100% of\n *b* a=b.c' <<'END'
[ 100% of\n *b* a=b.c ]
/* 100% \n \\ \1 & "$HOME" `id` $(id) * ** %s %d  
 */
	printf("%s\t\\%%\n", a * b);   	
  x = '\0';\

END
for odd in a=b.c -n -- - -f '*'; do
	printf '/*S:000 %s :*/\n' odd >"./$odd"
	prints "a file may be called $odd" S "$odd" <<END
[ $odd ]
/* odd */

END
done

printf '/*S:100 \303\244 \377\200\r\n:*/' >bytes.c
printf '[ bytes.c ]\n/* \303\244 \377\200\r\n*/\n\n' >../bytes
prints 'any bytes survive, and the last line needs no end' S bytes.c <../bytes

cat >script <<'END'
# /*M:010 A file that is not C
# has its own comments.
echo
# :*
// /*M:020 So has this.
//:*
END
prints 'markers stand in comments of other languages' M script <<'END'
[ script ]
# A file that is not C
# has its own comments.
echo

// So has this.

END

cat >near.c <<'END'
/*D:1 too short */
/*D:1000 too long */
/*D:100x not a number */
/*d:100 small */
/* D:100 apart */
char *s = "/*D:100 in a string */";
END
refuses 'what only looks like a marker is none' \
	'extract: no section of D in near.c' D near.c

printf '/*D:007 One :*/\n' >one.c
printf '\n/*D:007 Two :*/\n' >'and two.c'
refuses 'a number twice: both files are named, nothing is printed' \
	'extract: D:007 is in one.c, line 1, and again in and two.c, line 2' \
	D one.c 'and two.c'
refuses 'the same file twice is a number twice' \
	'extract: D:007 is in one.c, line 1, and again in one.c, line 1' \
	D one.c one.c

printf '/*D:001 Fine :*/\n\n/*D:002 Open\nint a;\n' >open.c
refuses 'a section that is never closed' \
	'extract: D:002 in open.c, line 3, is never closed' D open.c one.c
printf '/*D:001 Open\n/*G:001 Nested :*/\n' >nested.c
refuses 'a section inside a section' \
	'extract: D:001 in nested.c, line 1, is still open in line 2' D nested.c

refuses 'no section at all' 'extract: no section of P in these 2 files' \
	P one.c first.c
refuses 'a file that is not there' 'extract: cannot read missing.c' \
	D one.c missing.c
refuses 'a directory' 'extract: .. is a directory' D one.c ..
usage='usage: extract [-n] LETTER FILE...'
refuses 'no arguments' "$usage"
refuses 'no files' "$usage" D
refuses 'two letters' "$usage" DD one.c
refuses 'a small letter' "$usage" d one.c
refuses 'an empty letter' "$usage" '' one.c
refuses 'a pattern for a letter' "$usage" '*' one.c

[ -z "$(ls -A "$TMPDIR")" ]
result 'no temporary files are left'
echo "1..$tests"
