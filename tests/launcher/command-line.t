#!/bin/sh
# Command lines: what's refused, with which words, and what help there is.
# Nothing here gets as far as needing a Host, except to be told there's none.

top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
LGUEST=${LGUEST:-$top/lguest}
case $LGUEST in /*) ;; *) LGUEST=$PWD/$LGUEST ;; esac
if [ ! -x "$LGUEST" ]; then
	echo "Bail out! there is no $LGUEST"
	exit 1
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
n=0
failed=0

# ok NAME COMMAND...: the command succeeds.
ok()
{
	name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' out err
		failed=1
	fi
}

lguest()
{
	"$LGUEST" "$@" >out 2>err </dev/null
	status=$?
}

# refused MESSAGE ARGUMENTS...: exit 1, that line alone on stderr, nothing on
# stdout.
refused()
{
	message=$1
	shift
	lguest "$@"
	ok "refused: $*" is_refused "$message"
}

is_refused()
{
	[ $status -eq 1 ] && [ ! -s out ] && [ "$(cat err)" = "lguest: $1" ]
}

# usage FIRST-LINE ARGUMENTS...: exit 1, usage on stderr.
usage()
{
	first=$1
	shift
	lguest "$@"
	ok "usage: $*" is_usage "$first"
}

is_usage()
{
	[ $status -eq 1 ] && [ ! -s out ] && grep -q "^usage: lguest " err &&
		head -n 1 err | grep -q "$1"
}

# help and version
lguest --help
ok "--help is a success" [ $status -eq 0 ]
ok "--help says nothing on stderr" [ ! -s err ]
for option in verbose tunnet block rng initrd username chroot host help version; do
	ok "--help knows --$option" grep -q -e "--$option" out
done
ok "--help has an example" \
	grep -q "lguest 64 vmlinux --tunnet=192.168.19.1 --block=rootfile root=/dev/vda" out
lguest --version
ok "--version" grep -qx "lguest [0-9][0-9.]*" out
ok "--version is a success" [ $status -eq 0 ]

# too few words, unknown options
usage "^usage: "
usage "^usage: " 64
usage "^usage: " --rng --block=x 64
usage "unrecognized option '--frobnicate'" --frobnicate 64 vmlinux
usage "invalid option -- 'x'" -x 64 vmlinux
usage "option '--block' requires an argument" 64 vmlinux --block
usage "option '--rng' doesn't allow an argument" --rng=yes 64 vmlinux

# memory
for mem in abc "" 64x 64MB 6.4 0x40 K "6 4" "64 "; do
	refused "memory \"$mem\" is not a number of megabytes (or with K, M, G)" -- "$mem" vmlinux
done
refused "memory \"-64\" is not a number of megabytes (or with K, M, G)" -- -64 vmlinux
for mem in 4096 4G 99999999999999999999999 18446744073709551617 17592186044480M; do
	refused "memory $mem is too much, a Guest can have 4095 MB" $mem vmlinux
done
for mem in 0 1 1023K 0G; do
	refused "memory $mem is too little, a Guest needs 2 MB" $mem vmlinux
done
refused "memory 65537K is not a multiple of 4096 bytes" 65537K vmlinux

# a disk
printf x >small
refused "--block=nowhere: cannot open it: No such file or directory" \
	64 vmlinux --block=nowhere
refused "--block=/etc: cannot open it: Is a directory" \
	--block /etc 64 vmlinux
refused "--block=/dev/null: neither a file nor a block device" --block=/dev/null 64 vmlinux
refused "--block=small: 1 bytes, less than one sector of 512" --block=small 64 vmlinux
: >empty
refused "--block=empty: 0 bytes, less than one sector of 512" --block=empty 64 vmlinux
mkfifo fifo
refused "--block=fifo: neither a file nor a block device" --block=fifo 64 vmlinux
if [ "$(id -u)" -ne 0 ]; then
	truncate -s 4096 unreadable
	chmod 222 unreadable
	refused "--block=unreadable: cannot open it: Permission denied" \
		--block=unreadable 64 vmlinux
fi

# a network
for ip in "" 300.1.2.3 1.2.3 1.2.3.4.5 1.2.3.4x 1.2.3.256 1.2.3. .1.2.3 " 1.2.3.4" 1.2.3.-1 eth0 1..2.3; do
	refused "--tunnet=$ip: \"$ip\" is neither an IP address (four numbers of 0 to 255) nor \"bridge:NAME\"" \
		"--tunnet=$ip" 64 vmlinux
done
for mac in "" 02 02:00:00:00:00 02:00:00:00:00:00:00 02:00:00:00:00:0g 02:00:00:00:00:100 \
	02-00-00-00-00-02 02:00:00:00:00:02x 02:00:00:00:00:02: :02:00:00:00:00:02 0x:0:0:0:0:1; do
	refused "--tunnet=10.0.0.1:$mac: \"$mac\" is not a MAC address (six hexadecimal bytes with colons between)" \
		"--tunnet=10.0.0.1:$mac" 64 vmlinux
done
refused "--tunnet=10.0.0.1:01:00:00:00:00:02: MAC address 01:00:00:00:00:02 can't be a network card's (it is multicast)" \
	--tunnet=10.0.0.1:01:00:00:00:00:02 64 vmlinux
refused "--tunnet=bridge:b:00:00:00:00:00:00: MAC address 00:00:00:00:00:00 can't be a network card's (it is zero)" \
	--tunnet=bridge:b:00:00:00:00:00:00 64 vmlinux
for bridge in "" a-name-too-long-for-an-interface; do
	refused "--tunnet=bridge:$bridge: a bridge's name has 1 to 15 characters" \
		"--tunnet=bridge:$bridge" 64 vmlinux
done

# a Host, a user
lguest --host=kvm 64 vmlinux
ok "an unknown Host" grep -q '^lguest: --host=kvm: this lguest knows "kernel"' err
refused "--username=no-such-user: no such user" --username=no-such-user 64 vmlinux
refused "cannot open kernel vmlinux: No such file or directory" 64 vmlinux
refused "cannot open kernel vmlinux: No such file or directory" 2048K --rng vmlinux -- --block=x

# too many devices: 31 interrupts, and the console needs two
devices=
i=0
while [ $i -lt 30 ]; do
	devices="$devices --rng"
	i=$((i + 1))
done
printf '\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\3\0\1\0\0\0\0\0\20\0\64\0\0\0\0\0\0\0\0\0\0\0\64\0\40\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\20\0\0\0\20\0\124\0\0\0\124\0\0\0\5\0\0\0\0\20\0\0' >tiny
refused "too many devices: device 30 (console) needs interrupt 32, the last is 31" \
	$devices 64 tiny

if [ ! -e /dev/lguest ]; then
	lguest --host=kernel 64 tiny
	ok "no Host" grep -q '^lguest: no Host to run the Guest; /dev/lguest: No such file or directory (the' err
	ok "is told in one line" [ "$(wc -l <err)" -eq 1 ]
	ok "and is an error" [ $status -eq 1 ]
fi

echo "1..$n"
exit $failed
