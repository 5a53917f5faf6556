# Numbers longer than any register.
i386 usr/bin/bc -lq <<X
scale=$(amount 200 1500)
4*a(1)
e(1)
l(2)
s(1)^2+c(1)^2
j(3,2.5)
sqrt(2)
2^$(amount 2000 20000)
define f(n) { if (n < 2) return 1; return n * f(n - 1); }
f($(amount 200 1500))
define g(n) { auto a, b, t; a = 0; b = 1; while (n--) { t = a + b; a = b; b = t; }; return a; }
g($(amount 2000 20000))
obase=16
2^255-19
ibase=16
DEADBEEF*CAFEBABE
X
echo '3^400 % 1000000007; obase=7; 123456789; 1/0; 5' | i386 usr/bin/bc -q
