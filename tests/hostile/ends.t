#! /bin/sh
# However a Launcher ends, it leaves nothing behind.
. "$(dirname "$0")/build.sh"
build ends
build_pc
"$dir/ends" "$LGUEST" "$dir/guest" "$dir/pc"
