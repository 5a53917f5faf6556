# The classic ones.
u() {
	p=$1
	shift
	case $p in
	cat | cp | date | dd | ln | ls | mkdir | mv | readlink | rm | sleep | touch) i386 "bin/$p" "$@" ;;
	*) i386 "usr/bin/$p" "$@" ;;
	esac
}
big=$ROOT/usr/lib/gcc/i686-linux-gnu/12/cc1
libc=$ROOT/lib/i386-linux-gnu/libc.so.6

for sum in md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum; do
	u $sum <"$(amount "$libc" "$big")"
done
u seq "$(amount 30000 400000)" | u sort -R --random-source="$libc" >shuffled
u md5sum shuffled
u sort -n shuffled | u tail -n 1
u sort shuffled | u md5sum
u shuf --random-source="$libc" -n 5 shuffled
u sort -t/ -k4,4 -s "$ROOT/usr/share/awk/group.awk" | u md5sum
u factor 18446744073709551557 1000000016000000063 600851475143 \
	"$(amount 12345678901234567 18446744073709551617)"
u od -A d -t f8 -N 4000 "$libc" | u md5sum
u od -A d -t fF -N 4000 "$libc" | u md5sum
u od -A d -t fL -N 4000 "$libc" | u md5sum
u od -A d -t d2 -t u4 -t o1 -N 40000 "$libc" | u md5sum
u base64 "$libc" | u base64 -d | cmp - "$libc"
u base64 -w 100 "$libc" | u md5sum
u base32 "$libc" | u md5sum
u tr -cd '[:print:]' <"$libc" | u fold -w 60 | u sort -u | u md5sum
u wc "$libc" | u cut -c 1-30
u seq 0.1 0.7 20.3
u seq -f '%.10e' 1 1e6 5e6
u printf '%5.2f|%-10s|%x|%o|%e|%g|%a\n' 3.14159 hello 255 8 12345.678 1e-5 1.1
u numfmt --to=iec 1024 1048576 123456789 999999999999
u numfmt --from=si 1K 1M 3.5G
u expr 99999999999999999999 '*' 99999999999999999999
u expr length abcdef + 3
u date -u -d '2001-02-03 04:05:06 +3 days' '+%F %T %s %A %U %j'
u date -u -d @4102444800
u dd if="$libc" bs=777 skip=3 count=500 status=none | u md5sum
u split -b 100000 "$libc" part. && u ls -1 && u cat part.* | cmp - "$libc"
u comm -12 shuffled shuffled 2>&1 | u wc -l
u sort -n shuffled | u paste - - - | u head -n 5
u sort -n shuffled | u pr -3 -t -l 20 | u head -n 20
u fmt -w 40 "$top/lguest.txt" | u md5sum
u nl -ba shuffled | u tail -n 2
u tac shuffled | u md5sum
u ptx "$ROOT/usr/share/awk/join.awk" | u md5sum
u csplit -s shuffled 100 200 && u wc -l xx*
u mkdir -p a/b/c && u touch -d @1 a/b/c/f && u ln -s b a/l && u ls -RF a
u stat -c '%s %F %a %Y' a/b/c/f
u ls -l --time-style=+%s a/b/c | u cut -d' ' -f 2-
u cp -a a copy && u ls -R copy && u rm -r copy && u ls
u env -i A=1 "$ROOT/bin/busybox" env
u test 1 -lt 2 && echo yes
u readlink -f a/l/c/f | u tail -c 10
u tsort <<'X'
a b b c c d a d
X
u sort shuffled | u join -a1 -a2 - shuffled 2>&1 | u md5sum
u sleep 0.01
u timeout 0.1 "$ROOT/bin/busybox" sleep 9
echo $?
u nosuchprogram
