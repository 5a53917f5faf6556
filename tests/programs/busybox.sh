# One static program that is two hundred.
b() {
	$RUN "$ROOT/bin/busybox" "$@"
}

b sh -c 'i=0; s=0
	while [ $i -lt '"$(amount 20000 300000)"' ]; do
		i=$((i + 1)); s=$(((s * 31 + i) % 1000003))
	done
	echo $i $s'
b sh -c 'f() { [ $1 -lt 2 ] && echo $1 || echo $(($(f $(($1 - 1))) + $(f $(($1 - 2))))); }; f '"$(amount 5 8)"
b seq 1 20000 | b awk '{ s += $1 * $1; c[$1 % 7]++ } END { print s; for (k in c) print k, c[k] }' | b sort -n
for sum in md5sum sha1sum sha256sum sha512sum sha3sum; do
	b $sum "$ROOT/bin/busybox" | b sed 's/ .*//'
done
b gzip -9 <"$ROOT/bin/busybox" | b gunzip | b md5sum
b bzip2 <"$ROOT/bin/busybox" | b bunzip2 | b md5sum
mkdir tree && cp "$ROOT/usr/share/awk/"* tree
b seq 1 3000 >tree/numbers
b touch -d @1000000000 tree/* && b tar -c -o -f t.tar tree/* && b md5sum t.tar
b tar -tf t.tar | b sort | b tail -n 3
b sed -n 's/\([0-9]\)\([0-9]\)$/\2\1/p' tree/numbers | b md5sum
b grep -c '[13579]$' tree/numbers
b tac tree/numbers | b rev | b sort -r | b uniq -d | b wc
b find tree -name 'num*' | b xargs wc
echo '355 113 / p 2 64 ^ p v p' | b dc
echo 'scale=40; 1/7; sqrt(2)' | b bc
b od -A x -t x4 "$ROOT/bin/busybox" | b head -n 200 | b md5sum
b hexdump -C "$ROOT/bin/busybox" | b md5sum
b uuencode -m x <tree/numbers | b uudecode -o - | b cmp - tree/numbers
b diff -u tree/numbers "$ROOT/bin/busybox" | b head -n 3 | b wc -l
b date -u -d @1000000000
b cal 2 2024
b sh -c 'trap "echo caught" USR1; kill -USR1 $$; trap - TERM; (kill -TERM $$) & wait; echo after' 2>&1
b timeout 1 sleep 5
echo "timeout $?"
b ash -c 'exec 3>x; echo a >&3; cat x; set -- a b c; shift; echo $# $*; case x in [a-z]) echo letter;; esac'
b expr 123456 '*' 7890
b factor 1234567890123456789 "$(amount 99999999977 18446744073709551557)"
b nosuch
