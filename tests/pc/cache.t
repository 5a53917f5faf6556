#!/bin/sh
# Unpacked kernels that are kept: when, which, how many of them, and what if the
# directory isn't as it should be.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$dir"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
out=$dir/out
tests=0

# Root may write where it's forbidden: so let it be somebody else.
as=
if [ "$(id -u)" = 0 ]; then
	as='setpriv --reuid=65534 --regid=65534 --clear-groups'
fi
cp "${LGUEST:-./lguest}" "$dir/lguest"

build() {	# $1 name, $2... gcc's arguments
	name=$1
	shift
	gcc -m32 -c -DNAME="\"$name\"" -o "$dir/o" "$@" tests/pc/unpacks.S &&
	ld -m elf_i386 -e 0 -Ttext=0 --oformat binary -o "$dir/$name" "$dir/o" || {
		echo "Bail out! no $name"
		exit 1
	}
}

build one -DSIZE=0x100000
build two -DSIZE=0x100000
build hang -DSIZE=0x100000 -DHANG
chmod 755 "$dir"
for base in cache read-only full shared killed many old; do
	mkdir "$dir/$base"
	[ -z "$as" ] || chown 65534:65534 "$dir/$base"
done

ok() {		# $1 name; what went before tells whether it's fine
	status=$?
	tests=$((tests + 1))
	if [ $status -eq 0 ]; then
		echo "ok $tests - $1"
	else
		echo "not ok $tests - $1"
		sed 's/^/# /' "$out"
	fi
}

guest() {	# $1 the cache's base, $2 kernel, $3... options: true if it ran
	base=$1
	kernel=$2
	shift 2
	XDG_CACHE_HOME=$base timeout 60 $as "$dir/lguest" --machine=pc \
		--verbose "$@" 32 "$dir/$kernel" </dev/null >"$out" 2>&1 && grep -qx "$kernel" "$out"
}

says() {
	grep -q "^lguest: kernel: $1" "$out"
}

# Who gives a file its name, or takes it away, does so in his own time.
settled() {	# $1 base, $2 how many files there must be
	for i in $(seq 200); do
		set -- "$1" "$2" $(ls -A "$1/lguest" 2>/dev/null)
		[ $(($# - 2)) -ne "$2" ] || return 0
		sleep 0.05
	done
	ls -A "$1/lguest" >"$out"
	return 1
}

runs_without() {	# $1 what's the matter, $2 base, $3 the complaint
	guest "$2" one && says "$3" && ! says 'unpacked before'
	ok "$1: it runs, and says why it keeps nothing"
}

cache=$dir/cache
guest "$cache" one && says 'kept an unpacked copy' && settled "$cache" 1
ok 'the first time, a kernel is kept'
copy=$cache/lguest/$(ls "$cache/lguest")
[ "$(stat -c %a "$cache/lguest") $(stat -c %a "$copy")" = '700 600' ]
ok '... for the user alone'
[ "$(stat -c %s "$copy")" -lt $((0x100000 + 8192)) ]
ok '... as far as it goes'
guest "$cache" one && says 'unpacked before' && ! says kept
ok 'the second time, it is used'
guest "$cache" one --no-cache && ! says 'unpacked before' && ! says kept
ok '... unless one says --no-cache'
guest "$cache" one --no-default-args && ! says 'unpacked before' && ! says kept
ok '... or the kernel would move'
guest "$cache" two && says kept && settled "$cache" 2
ok 'another kernel, another copy'

printf 'garbage\n' >"$copy"
guest "$cache" one && says kept
ok 'garbage is replaced'
settled "$cache" 2 && guest "$cache" one && says 'unpacked before'
ok '... by a good one'
truncate -s -1 "$copy"
guest "$cache" one && says kept && settled "$cache" 2
ok 'one that is too short'
printf x | dd of="$copy" bs=1 seek=100000 conv=notrunc 2>/dev/null
guest "$cache" one && says kept && settled "$cache" 2
ok 'one with a wrong byte'
other=$(ls "$cache/lguest"/* | grep -v "$copy")
cp "$other" "$copy"
guest "$cache" one && says kept && settled "$cache" 2
ok "one that is another kernel's"
rm "$copy"
mkdir "$copy"
guest "$cache" one && settled "$cache" 2
ok 'a directory in its place'
rmdir "$copy"
mkfifo "$copy"
guest "$cache" one && says kept && settled "$cache" 2
ok '... and a pipe'

$as mkdir -m 500 "$dir/read-only/lguest"
runs_without 'read-only' "$dir/read-only" 'cannot keep an unpacked copy: Permission denied'
(ulimit -f 100; guest "$dir/full" one) && says 'cannot keep' && settled "$dir/full" 0
ok 'full: it runs, says so, and leaves nothing'
runs_without "not one's own" / "no unpacked copies, / isn't only ours"
$as mkdir -m 770 "$dir/shared/lguest"
runs_without 'shared' "$dir/shared" "no unpacked copies, lguest isn't only ours"
runs_without 'a file instead' "$dir/one" "no unpacked copies, cannot open .*: Not a directory"
rmdir "$dir/shared/lguest"
ln -s nowhere "$dir/shared/lguest"
runs_without 'a link to nowhere' "$dir/shared" 'no unpacked copies, cannot open lguest: No such file'
ln -sfn / "$dir/shared/lguest"
runs_without 'a link to the wrong place' "$dir/shared" "no unpacked copies, lguest isn't only ours"
ln -sfn "$cache/lguest" "$dir/shared/lguest"
guest "$dir/shared" two && says 'unpacked before'
ok 'a link to the right one'
HOME=relative guest relative one && ! says .*copies && ! says kept
ok 'no directory at all'

# Killed before there was anything to keep.
XDG_CACHE_HOME=$dir/killed $as "$dir/lguest" --machine=pc 32 "$dir/hang" \
	</dev/null >"$out" 2>&1 &
victim=$!
settled "$dir/killed" 1
ok 'a kernel that takes its time: a file without its name yet'
kill -KILL $victim
wait $victim 2>/dev/null
settled "$dir/killed" 0
ok '... which goes when lguest is killed'

# Several at once.
together() {	# $1 the cache's base, $2... kernels: true if all of them ran
	base=$1
	shift
	all=
	for kernel; do
		(
			out=$dir/out.$kernel.$#
			guest "$base" "$kernel"
		) &
		all="$all $!"
		shift
	done
	for pid in $all; do
		wait "$pid" || return 1
	done
}

together "$dir/many" one one one one one one && settled "$dir/many" 1
ok 'six at once all run, and leave one copy'
guest "$dir/many" one && says 'unpacked before'
ok '... which is good'

# 256 MB are the limit.
old=$dir/old
digits=0123456789abcdef0123456789abcde
sized() {	# $1 the rest of its name, $2 MB, $3 days ago
	$as truncate -s "$2M" "$old/lguest/$digits$1"
	$as touch -d "$3 days ago" "$old/lguest/$digits$1"
}

has() {		# $1... the rests of the names that there are
	for rest; do
		[ -e "$old/lguest/$digits$rest" ] || return 1
	done
	settled "$old" $(($# + copies)) && ls "$old/lguest/$own" >/dev/null
}

guest "$old" one && settled "$old" 1
own=$(ls "$old/lguest")
sized 1 100 1
sized 2 100 3
sized 3 50 2
sized 4 50 4
$as touch -d '5 days ago' "$old/lguest/$own"
$as truncate -s 1G "$old/lguest/${digits}f0"
copies=1
guest "$old" one && says 'unpacked before' && has 1 2 3 4 f0
ok 'a copy that is used is the last to go'
copies=2
guest "$old" two && says kept && has 1 2 3 f0
ok "when it's too much, the oldest goes"
sized 4.123 200 6
sized 5 20 7
rm "$old/lguest/$own"
guest "$old" one && has 1 2 3 f0
ok '... and the next, also one that was never finished'
sized 6 200 8
rm "$old/lguest/$own"
printf garbage >"$(ls "$old/lguest"/* | grep -v $digits)"
together "$old" one two one two && has 1 2 3 f0
ok 'several who make room at the same time'
echo "1..$tests"
