#! /bin/sh
# However a Launcher ends, it leaves nothing behind.
. "$(dirname "$0")/build.sh"
build ends
gcc -m32 -std=gnu11 -O1 -ffreestanding -fno-pie -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -Wall -Wextra -Werror -nostdlib -static -no-pie \
	-Wl,-Ttext=0x100000,-e,_start,--build-id=none,--no-warn-rwx-segments,-N \
	-o "$dir/pc" tests/pc/echo.c || {
	echo 'Bail out! no kernel for a PC'
	exit 1
}
"$dir/ends" "$LGUEST" "$dir/guest" "$dir/pc"
