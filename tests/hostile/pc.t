#! /bin/sh
# The same for Guests of the other machine.
. "$(dirname "$0")/build.sh"
build run faulty
image pcguest pc lib
"$dir/run" "$LGUEST" "$dir/pcguest" "${1:-*}"
