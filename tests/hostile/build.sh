# Sourced by the .t files: the Guests into $dir/guest, $1.c and whatever else is
# named into $dir/$1.
cd "${top:-$(dirname "$0")/../..}" || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
LGUEST=${LGUEST:-./lguest}
here=tests/hostile

build() {
	gcc -m32 -std=gnu11 -O1 -ffreestanding -fno-builtin -fno-pie \
		-fno-stack-protector -fcf-protection=none -mgeneral-regs-only \
		-fno-asynchronous-unwind-tables -Wall -Wextra -Werror \
		-nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,--no-warn-rwx-segments -Wl,-T,$here/guest.ld \
		-o "$dir/guest" $here/guest.c $here/ring.c $here/devices.c \
		$here/cpu.c $here/endless.c &&
	${CC:-gcc} -std=gnu11 -O1 -g -Wall -Wextra -Werror -o "$dir/$1" \
		$(printf " $here/%s.c" "$@") || {
		echo 'Bail out! the hostile Guests do not build'
		exit 1
	}
}

# The kernel for a PC into $dir/pc.
build_pc() {
	gcc -m32 -std=gnu11 -O1 -ffreestanding -fno-pie -fno-stack-protector \
		-fcf-protection=none -fno-asynchronous-unwind-tables -Wall -Wextra \
		-Werror -nostdlib -static -no-pie -Wl,-N,-Ttext=0x100000,-e,_start \
		-Wl,--build-id=none,--no-warn-rwx-segments \
		-o "$dir/pc" tests/pc/echo.c || {
		echo 'Bail out! no kernel for a PC'
		exit 1
	}
}
