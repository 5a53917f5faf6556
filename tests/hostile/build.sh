# Sourced by the .t files: the Guests into $dir/guest, $1.c and whatever else is
# named into $dir/$1.
cd "${top:-$(dirname "$0")/../..}" || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
LGUEST=${LGUEST:-./lguest}
here=tests/hostile

fail_to_build() {
	echo 'Bail out! the hostile Guests do not build'
	exit 1
}

sources() {
	printf " $here/%s.c" "$@"
}

image() {	# $1 into $dir, of the others' sources
	into=$dir/$1
	shift
	# shellcheck disable=SC2046
	gcc -m32 -std=gnu11 -O1 -ffreestanding -fno-builtin -fno-pie \
		-fno-stack-protector -fcf-protection=none -mgeneral-regs-only \
		-fno-asynchronous-unwind-tables -Wall -Wextra -Werror \
		-nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,--no-warn-rwx-segments -Wl,-T,$here/guest.ld \
		-o "$into" $(sources "$@") || fail_to_build
}

build() {
	image guest guest lib ring devices cpu endless
	# shellcheck disable=SC2046
	${CC:-gcc} -std=gnu11 -O1 -g -Wall -Wextra -Werror -o "$dir/$1" \
		$(sources "$@") || fail_to_build
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
