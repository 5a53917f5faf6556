#! /bin/sh
# Guests that mean no good, each with what should become of it.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
LGUEST=${LGUEST:-./lguest}

here=tests/hostile
gcc -m32 -std=gnu11 -O1 -ffreestanding -fno-builtin -Wno-builtin-declaration-mismatch -fno-pie -fno-stack-protector \
	-fcf-protection=none -mgeneral-regs-only -fno-asynchronous-unwind-tables \
	-Wall -Wextra -Werror -nostdlib -static -no-pie -Wl,--build-id=none,--no-warn-rwx-segments \
	-Wl,-T,$here/guest.ld -o "$dir/guest" \
	$here/guest.c $here/ring.c $here/devices.c $here/cpu.c &&
${CC:-gcc} -std=gnu11 -O1 -g -Wall -Wextra -Werror -o "$dir/run" $here/run.c || {
	echo 'Bail out! the hostile Guests do not build'
	exit 1
}
"$dir/run" "$LGUEST" "$dir/guest" "$@"
