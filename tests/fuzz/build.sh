# Sourced: build NAME puts a fuzzer into $dir/NAME. Set CC and flags before.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
fuzzers='loader queue decode'

build() {	# $1 the fuzzer, the others: more sources
	sources="host/*.c host/*/*.[cS]"
	[ "$1" = decode ] && sources=host/x86/decode.c
	[ -e "$dir/hosts.a" ] || [ "$1" = decode ] || build_hosts
	[ "$1" = decode ] || sources=$dir/hosts.a
	name=$1
	shift
	# shellcheck disable=SC2086
	$CC -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-unused-function \
		-Iinclude -Ihost $flags -o "$dir/$name" "tests/fuzz/$name.c" \
		"$@" $sources || {
		echo "Bail out! $name does not build"
		exit 1
	}
}

# The Launcher wants both Hosts to link; it never gets as far as to call them.
build_hosts() {
	for source in host/*.c host/*/*.[cS]; do
		$CC -std=gnu11 -O1 -Iinclude -Ihost -mgeneral-regs-only \
			-fcf-protection=none -c "$source" \
			-o "$dir/$(echo "$source" | tr / _).o" || exit 1
	done
	ar rc "$dir/hosts.a" "$dir"/*.o
}
