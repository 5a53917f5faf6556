# Floating point down to the last bit, and strings.
g() {
	i386 usr/bin/gawk "$@"
}

g -v n="$(amount 20000 500000)" 'BEGIN {
	for (i = 0; i < n; i++) {
		x = i * 0.37 - n / 10
		s += sin(x) * cos(x * 3) + atan2(x, i + 1) + exp(-i / n) + log(i + 1)
		if (i % 1000 == 0)
			printf "%.17g %.17g %.17g\n", s, sqrt(i) ^ 1.7, x * x % 17
	}
}'
g -v n="$(amount 20 60)" 'BEGIN {
	for (y = -n; y < n; y++) {
		line = ""
		for (x = -2 * n; x < n; x++) {
			a = b = 0
			for (i = 0; i < 60 && a * a + b * b < 4; i++) {
				t = a * a - b * b + x / n
				b = 2 * a * b + y / n
				a = t
			}
			line = line sprintf("%c", i == 60 ? "#" : 32 + i % 15)
		}
		print line
	}
}'
g -v n="$(amount 20000 200000)" 'BEGIN {
	srand(42)
	for (i = 0; i < n; i++) {
		k = "key" int(rand() * 1000)
		count[k]++
		text[k] = text[k] substr("abcdefghij", 1 + i % 10, 3)
	}
	m = asorti(count, order)
	for (i = 1; i <= m; i++) {
		t = gensub(/(.)b(.)/, "\\2-\\1", "g", text[order[i]])
		print order[i], count[order[i]], length(t), gsub(/-/, "", t), toupper(substr(t, 1, 9))
	}
}'
g 'BEGIN { for (i = 1; i < 120; i++) printf "%d %o %x %e %.15f\n", 2^i, 2^i, 2^i, 1/3^i, 7^i }'
g -M -v PREC=1000 'BEGIN { printf "%.290f\n", atan2(0, -1); print 2^521 - 1; print 3^200 % 1000007 }' 2>&1
g '{ for (i = 1; i <= NF; i++) w[$i]++ } END { PROCINFO["sorted_in"] = "@val_num_desc"; for (x in w) if (w[x] > 3) print w[x], x }' "$top/README.md" "$top/lguest.txt" | sort
g 'BEGIN { print strftime("%F %T", 1e9, 1), (systime() > 0), and(12, 10), xor(12, 10), lshift(1, 40), strtonum("0x1p3") }'
g 'BEGIN { "echo from a child" | getline x; print x; print "sorted" | "sort"; close("sort"); print index("hello", "l"), match("foobar", /o+/), RSTART, RLENGTH }'
g 'BEGIN { printf "%s", 1/0 }'
