#! /bin/sh
# The system calls that the Launcher may make, and what happens if it makes others.
. "$(dirname "$0")/build.sh"
build filter
"$dir/filter" "$LGUEST" "$dir/guest" "$@"
