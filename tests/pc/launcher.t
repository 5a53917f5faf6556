#!/bin/sh
# Which machine does the Launcher take, and what does it tell the kernel?
cd "$(dirname "$0")/../.." || exit 1
LGUEST=${LGUEST:-./lguest}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
tests=0

build() {	# $1 name, $2... gcc's arguments
	name=$1
	shift
	gcc -m32 -nostdlib -static -Wl,-N -Wl,-Ttext=0x100000 \
		-Wl,--build-id=none,--no-warn-rwx-segments \
		-o "$dir/$name" "$@" || {
		echo "Bail out! no $name"
		exit 1
	}
}

build hello tests/pc/hello.S
build paravirt -DSUBARCH tests/pc/hello.S
build program -DSEGMENT=ds -DLOW=0x1000ffff -DHIGH=0x00cff200 tests/pc/segment.S
build kernel -DSEGMENT=ss -DLOW=0x0000ffff -DHIGH=0x000f9200 tests/pc/segment.S
build debugger -DSEGMENT=dr7 -DLOW=0 -DHIGH=0 tests/pc/segment.S
build thread -DSEGMENT=gs -DLOW=0x1000ffff -DHIGH=0x0040f200 tests/pc/segment.S

check() {	# $1 name, $2 status, $3 pattern of a line, $4... lguest's arguments
	name=$1
	wanted=$2
	pattern=$3
	shift 3
	timeout 20 "$LGUEST" "$@" </dev/null >"$dir/out" 2>&1
	status=$?
	tests=$((tests + 1))
	if [ $status -eq "$wanted" ] && grep -qx -e "$pattern" "$dir/out"; then
		echo "ok $tests - $name"
	else
		echo "not ok $tests - $name"
		echo "# status $status" | cat - "$dir/out" | sed 's/^/# /'
	fi
}

hello=$dir/hello
check 'a kernel that is no lguest kernel gets a PC' 0 \
	'.*noisapnp .*nolapic say hello' 16 "$hello" say hello
check '... also one that finds out by itself' 0 \
	'.*noisapnp .*nolapic say hello' 16 "$dir/paravirt" say hello
check '... which --verbose mentions' 0 \
	"lguest: $hello is no lguest kernel .*: once more, on a PC" \
	--verbose 16 "$hello"
check '... at once if it is asked for' 0 '.*noisapnp .* x' \
	--machine=pc 16 "$hello" x
check '... and not if lguest is' 1 'lguest: unhandled trap 13 at .*' \
	--machine=lguest 16 "$hello"
check 'words of the user come instead of ours' 0 \
	'noisapnp cryptomgr.notests nokaslr acpi=off nolapic tsc=unstable' \
	16 "$hello" tsc=unstable
check '... and there are more for a Guest with high memory' 0 \
	'.*nolapic userpte=nohigh x' 897 "$hello" x
check '... and alone if he likes' 0 'just me' \
	--no-default-args 16 "$hello" just me
first=noisapnp
! grep -q tsc /sys/devices/system/clocksource/clocksource0/current_clocksource ||
	first=tsc=reliable
check 'the counter of time is to be relied on if the kernel here does' 0 \
	"$first .*" 16 "$hello"
# Without /sys there's nobody who would say so; but only root can do without.
if [ "$(id -u)" = 0 ]; then
	cat >"$dir/without-sys" <<-END
		#!/bin/sh
		exec unshare -m --propagation unchanged sh -c \
			'mount --make-rprivate /sys && mount -t tmpfs none /sys; exec "\$@"' \
			- "$(realpath "$LGUEST")" "\$@"
	END
	chmod +x "$dir/without-sys"
	real=$LGUEST
	LGUEST=$dir/without-sys
	check '... and only then' 0 'noisapnp .*' 16 "$hello"
	LGUEST=$real
fi
check 'there is no third machine' 1 \
	'lguest: --machine=vax: this lguest knows "lguest" and "pc"' \
	--machine=vax 16 "$hello"
check "a program's segment with a base is refused, with a line" 1 \
	'lguest: a program of .* of 32 bits with base 0x1000 and limit 0xffffffff in ds at 0x10000c: .*' \
	16 "$dir/program"
check "... the kernel's own too" 1 \
	"lguest: the Guest's kernel wants .* of 16 bits with base 0 and limit 0xfffff in ss at 0x10000c: .*" \
	16 "$dir/kernel"
check '... where only an end will not be kept, there is just a line' 0 \
	'lguest: a program of .* wants gs to have limit 0xffff: .*' 16 "$dir/thread"
check '... and where nobody will look at debug registers' 0 \
	'lguest: the Guest wants debug registers to watch for something: .*' 16 "$dir/debugger"
echo "1..$tests"
