# A compiler: ten megabytes of code, and every bit of its output counts.
gcc -m32 -E -P -ffreestanding -Ihost -I"$top/host" "$top/host/x86/decode.c" -o decode.i
gcc -m32 -E -P -ffreestanding -I"$top/host" "$top/host/x86/emulate.c" -o emulate.i
for options in $(amount -O2 '-O0 -O1 -O2 -Os -O3'); do
	for file in decode $(amount '' emulate); do
		i386 usr/lib/gcc/i686-linux-gnu/12/cc1 -quiet -fpreprocessed \
			$options -m32 -march=i686 -msse2 -mfpmath=sse \
			"$file.i" -o "$file.s" && md5sum "$file.s" && wc -l "$file.s"
	done
done
echo 'int f(void) { return 1.5e300 * 1e10 / 3 > x; } int g(' >bad.c
i386 usr/lib/gcc/i686-linux-gnu/12/cc1 -quiet bad.c -o bad.s
cat >fold.c <<'X'
double a = 1.0 / 3 * 7e100, b = 0.1f * 3; long double c = 1.0L / 3; float d = 1e-40;
double e = __builtin_sqrt(2), g = __builtin_sin(1), h = __builtin_pow(2.5, 3.5);
unsigned long long i = 0x123456789abcdefULL * 0xfedcba987654321ULL / 12345;
X
i386 usr/lib/gcc/i686-linux-gnu/12/cc1 -quiet -O2 fold.c -o - | grep -v ident
