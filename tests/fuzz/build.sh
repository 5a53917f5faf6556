# Sourced: build NAME puts a fuzzer into $dir/NAME. Set CC and flags before, and
# host_flags for the Host's code: what it reads beside its own variables is the
# Guest's, so it can't have sanitizers, but the fuzzer may count where it has been.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
fuzzers='loader options queue devices decode hypercalls pc'

compile() {	# $1 the source, then flags
	source=$1
	shift
	# shellcheck disable=SC2086
	$CC -std=gnu11 -O1 -g -Iinclude -Ihost -DX86_CHECK=1 $host_flags "$@" \
		-mgeneral-regs-only -fcf-protection=none -c "$source" \
		-o "$dir/$(echo "$source" | tr / _).o"
}

# Whatever is translated is checked.
build_hosts() {
	for source in host/*.c host/*/*.[cS]; do
		compile "$source" || exit 1
	done
	ar rc "$dir/hosts.a" "$dir"/*.o
}

# What belongs to the Host and is looked at as strictly as the Launcher is; and
# whether a fuzzer runs Guests, in which case its signals are theirs.
sources_of() {
	case $1 in
	decode) echo host/x86/decode.c ;;
	devices) echo host/pc/cmos.c host/pc/p[ic]*.c host/pc/ports.c \
		host/pc/serial.c host/pc/virtio.c ;;
	esac
}

runs_guests() {
	[ "$1" = hypercalls ] || [ "$1" = pc ]
}

build() {	# $1 the fuzzer, the others: more sources
	name=$1
	shift
	these=$flags
	runs_guests "$name" && these=$guest_flags
	[ -e "$dir/hosts.a" ] || build_hosts
	# shellcheck disable=SC2046,SC2086
	$CC -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-unused-function \
		-Iinclude -Ihost $these -o "$dir/$name" "tests/fuzz/$name.c" \
		"$@" $(sources_of "$name") "$dir/hosts.a" || {
		echo "Bail out! $name does not build"
		exit 1
	}
}
