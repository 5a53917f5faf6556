#! /bin/sh
# What strace sees of a running Launcher: what is in the lists, and no more.
. "$(dirname "$0")/build.sh"
command -v strace >/dev/null || { echo '1..0 # SKIP no strace'; exit; }
build kill
truncate -s 1M "$dir/disk"

# From a list in lguest.c: the names that follow its first line, to its end.
list() {
	sed -n "/^static const struct rule $1\[\]/,/^};/p" lguest.c |
		grep -o '\(SYS\|__NR\)_[a-z0-9_]*' | sed 's/^SYS_//; s/^__NR_//'
}

kinds() {
	sed -n '/^} console_kind/,/^};/p' lguest.c | grep -o 'SYS_[a-z0-9]*' |
		sed 's/SYS_//'
}

strace -f -o "$dir/trace" "$LGUEST" "--block=$dir/disk" --rng 64 guest/puppy \
	--initrd=guest/initrd.cpio root=/dev/vda selftest </dev/null >"$dir/out" 2>&1
if ! grep -q 'seccomp(SECCOMP_SET_MODE_FILTER' "$dir/trace"; then
	echo '1..0 # SKIP strace cannot trace here'
	exit
fi
{ list everybodys; list cpus; kinds; } | sort -u >"$dir/allowed"
awk '/ seccomp\(SECCOMP_SET_MODE_FILTER/ { filtered[$1] = 1; next }
	filtered[$1] && $2 ~ /^[a-z][a-z0-9_]*\(/ {
		sub(/\(.*/, "", $2); print $2 }' "$dir/trace" |
	sort -u >"$dir/made"
comm -13 "$dir/allowed" "$dir/made" >"$dir/others"
echo 1..2
if grep -q ' 0 failed' "$dir/out"; then echo 'ok 1 - a Guest ran'
else echo 'not ok 1 - a Guest ran'; fi
if [ -s "$dir/others" ]; then
	echo 'not ok 2 - only calls in the lists'
	sed 's/^/# /' "$dir/others"
else
	echo "ok 2 - only calls in the lists: $(wc -l <"$dir/made") of them"
fi
