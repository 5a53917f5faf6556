#! /bin/sh
# The system calls that the Launcher may make, and what happens if it makes others.
. "$(dirname "$0")/build.sh"
build filter
truncate -s 1M "$dir/disk"
"$dir/filter" "$LGUEST" "$dir/guest" "$dir/disk"
