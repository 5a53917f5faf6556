# Packed here has to be the same, bit for bit, as packed there.
big=$(amount "$ROOT/lib/i386-linux-gnu/libm.so.6" "$ROOT/usr/bin/python3.11")
for level in 1 6 9; do
	i386 bin/gzip -n -$level <"$big" | tee packed | md5sum
	i386 bin/gzip -dc packed | md5sum
done
for level in 0 6 9e; do
	i386 usr/bin/xz -T1 -$level <"$big" | tee packed.xz | md5sum
	i386 usr/bin/xz -t packed.xz && i386 usr/bin/xz -dc packed.xz | md5sum
done
i386 usr/bin/xz --x86 --lzma2=preset=6 -C sha256 <"$big" | md5sum
i386 usr/bin/xz --format=lzma -5 <"$big" | md5sum
head -c 1000 packed.xz >short.xz
i386 usr/bin/xz -t short.xz
i386 bin/gzip -t "$big"
i386 usr/bin/xz -l packed.xz
