#! /bin/sh
# However a Launcher ends, it leaves nothing behind.
. "$(dirname "$0")/build.sh"
build ends
build_pc
truncate -s 1M "$dir/disk"
"$dir/ends" "$LGUEST" "$dir/guest" "$dir/pc" "$dir/disk"
