#! /bin/sh
# Nothing that was flushed is lost when the Launcher is killed.
. "$(dirname "$0")/build.sh"
build kill
"$dir/kill" "$LGUEST" "$dir/guest" "$@"
