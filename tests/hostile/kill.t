#! /bin/sh
# Nothing that was flushed is lost when the Launcher is killed.
. "$(dirname "$0")/build.sh"
build kill
truncate -s 1M "$dir/disk"
"$dir/kill" "$LGUEST" "$dir/guest" "$dir/disk" "$@"
