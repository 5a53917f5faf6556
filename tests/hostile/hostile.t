#! /bin/sh
# Guests that mean no good, each with what should become of it.
. "$(dirname "$0")/build.sh"
build run faulty
mkdir "$dir/empty"
"$dir/run" "$LGUEST" "$dir/guest" "$dir/empty" "$@"
