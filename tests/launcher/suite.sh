# A suite in C: compile it together with the stand-in, run it on the Launcher
# that LGUEST names.  Sourced by the .t files, which set $suite.

top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
here=$top/tests/launcher
LGUEST=${LGUEST:-$top/lguest}
case $LGUEST in /*) ;; *) LGUEST=$PWD/$LGUEST ;; esac

if [ ! -x "$LGUEST" ]; then
	echo "Bail out! there is no $LGUEST"
	exit 1
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
${CC:-cc} -std=gnu11 -O1 -g -Wall -Wextra -Werror -I"$top/include" -I"$here" \
	-o "$tmp/$suite" "$here/$suite.c" "$here/standin.c" || exit 1
mkdir "$tmp/scratch"
"$tmp/$suite" "$LGUEST" "$tmp/scratch"
