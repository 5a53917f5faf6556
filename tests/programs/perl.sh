# A dynamic language: opcodes, regular expressions, processes, signals.
p() {
	PERL5LIB=$ROOT/usr/lib/i386-linux-gnu/perl-base i386 usr/bin/perl "$@"
}

cat >work.pl <<'X'
use strict; use warnings;
$| = 1;
my $n = shift;
my (%h, @a);
for my $i (1 .. $n) {
	my $k = ($i * 7919) % 1009;
	$h{"k$k"} .= chr(65 + $i % 26);
	push @a, sin($i) * $i;
}
print join(",", map { length $h{$_} } sort keys %h), "\n";
my @s = sort { $a <=> $b } @a;
printf "%.17g %.17g %.17g\n", $s[0], $s[@s / 2], $s[-1];
my $text = join " ", map { $h{$_} } sort keys %h;
my $m = 0;
$m++ while $text =~ /([A-M]+)([N-Z])(?=.{3}\w)/g;
(my $t = $text) =~ s/(\w)(\w)/$2$1/g;
print "$m ", unpack("%32C*", $t), "\n";
print join(" ", unpack("(A3)3 x2 N n C", pack("(A3)3 x2 N n C", qw(abc def ghi), 0xdeadbeef, 4242, 7))), "\n";
print unpack("H*", pack("d>f<q>w", 3.25, -1e10, -5, 300)), "\n";
my @primes = grep { my $x = $_; !grep { $x % $_ == 0 } 2 .. sqrt $x } 2 .. $n / 50;
print scalar(@primes), " $primes[-1]\n";
sub ack { my ($m, $n) = @_; no warnings 'recursion';
	!$m ? $n + 1 : !$n ? ack($m - 1, 1) : ack($m - 1, ack($m, $n - 1)) }
print ack(2, 9), "\n";
print eval { die { code => 42 } } // "died $@->{code}", "\n";
print eval { 1 / ($n - $n) } // "died $@";
printf "%s %s %s\n", 0xffffffff + 1, 2 ** 63, -17 % 5;
printf "%s %.3e %g %x %o %b\n", 1e15 + 0.3, 12345.6789, 1e100, 255, 8, 5;
print 9**9**9, " ", -9**9**9, " ", (9**9**9) / (9**9**9), "\n";
print join(",", map { sprintf "%.15g", $_ } (exp 1, log 10, atan2(1, 2), 2 ** 0.5, int(-3.7), 7.5 % 4)), "\n";
print "caught $_[0]\n" for 0 .. 0;
my $count = 0;
local $SIG{USR1} = sub { $count++ };
kill USR1 => $$ for 1 .. 100;
print "signals $count\n";
local $SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; 1 while 1; };
print "after the $@";
my @pids;
for my $i (1 .. 5) {
	my $pid = fork;
	if (!$pid) { my $x = 0; $x += $_ * $i for 1 .. 1000; exit $x % 200 }
	push @pids, $pid;
}
print join(" ", map { waitpid $_, 0; $? >> 8 } @pids), "\n";
pipe my $r, my $w;
if (!fork) { close $r; print $w "line $_ of a pipe\n" for 1 .. 1000; exit }
close $w;
my $bytes = 0;
$bytes += length while <$r>;
wait;
print "pipe $bytes\n";
if (my $pid = fork) { waitpid $pid, 0; print "killed by ", $? & 127, "\n" }
else { $SIG{SEGV} = 'DEFAULT'; kill SEGV => $$; sleep 5; exit }
print `echo a shell; exit 3`, $? >> 8, "\n";
system("kill -TERM \$\$"); print "system ", $?, "\n";
system("/nonexistent"); print "system ", $?, "\n";
my $z = "x" x 1_000_00; $z =~ tr/x/y/; print length $z, substr($z, -3), "\n";
my @m = ([1, 2], [3, 4]); for (1 .. 30) {
	@m = map { my $r = $_; [map { my $c = $_; ($r->[0] * $m[0][$c] + $r->[1] * $m[1][$c]) % 1000003 } 0 .. 1] } @m }
print join(" ", map { @$_ } @m), "\n";
print join "", map { chr(ord($_) ^ 1) } split //, "Hello"; print "\n";
print sprintf("%vd", "1.22.333"), " ", lc("ÀB"), " ", ucfirst("abc"), " ", scalar reverse("abc"), "\n";
X
p work.pl "$(amount 20000 300000)"
p -e 'print $^X =~ /perl|run32|ld-linux/ ? "me\n" : "$^X\n"'
p -ne '$w{lc $_}++ for /\w+/g; END { print "$w{$_} $_\n" for sort { $w{$b} <=> $w{$a} || $a cmp $b } keys %w }' "$top/lguest.txt" | head -n 30
p -e 'syntax error here('
