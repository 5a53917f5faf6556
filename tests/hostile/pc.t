#! /bin/sh
# The same for Guests of the other machine.
. "$(dirname "$0")/build.sh"
build run faulty
image pcguest pc lib
mkdir "$dir/empty"
"$dir/run" "$LGUEST" "$dir/pcguest" "$dir/empty" "${1:-*}"
