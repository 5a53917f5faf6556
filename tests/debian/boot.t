#!/usr/bin/perl
# Debian's kernels boot to an init and switch themselves off; how they end when
# they don't, too.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Debian qw(read_file write_file);
use Test::More;

sub boots {
	my ($kind) = @_;
	my $version = Debian::version($kind);
	my $debian = Debian->boot({ kind => $kind }, 'loglevel=4');
	my $messages = $debian->seen;
	unlike($messages, qr/BUG|WARNING|Oops|Call Trace/, "$kind: no complaint on the way");
	$debian->does('uname -r', qr/^\Q$version\E$/);
	$debian->does('uname -m', qr/^i686$/);
	$debian->does('cat /proc/cpuinfo', $kind =~ /pae/ ? qr/\bpae\b/ : qr/\bsse2\b/);
	$debian->does('! dmesg | grep -E "WARNING|B(UG|ug)|Call Trace|Oops|[Dd]isabled fast"', qr/^$/);
	$debian->is_content;
	is($debian->off, 0, "$kind: power off");
}

boots($_) for '686', '686-pae';

# Unpacked once, it is kept; unless somebody tampered with it, or doesn't want it.
sub unpacks {
	my ($name, $kept, @options) = @_;
	my $debian = Debian->boot({}, '--verbose', @options);
	my $seen = $debian->seen;
	is($seen =~ /unpacked before/ || 0, $kept, "$name: " . ($kept ? 'kept' : 'unpacked'))
		or diag $seen;
	my ($second) = glob "/proc/@{[$debian->pid]}/task/*/children";
	my @open = grep { -d } map { glob "/proc/$_/fd/*" } split ' ', read_file($second);
	is("@open", '', "$name: no directory is left open");
	is($debian->off, 0, "$name: power off");
	return $debian;
}

unpacks('the second time', 1);
unpacks('--no-cache', 0, '--no-cache');
chmod 0600, $_ and write_file($_, "garbage\n") for glob "$ENV{XDG_CACHE_HOME}/lguest/*";
unpacks('garbage', 0);
unpacks('and then', 1);

# The words that save time, and none of them.
my $words = Debian->boot({}, 'quiet');
$words->does('cat /proc/cmdline', qr/\bnoisapnp\b.*console=ttyS0/);
$words->does('cat /sys/devices/system/clocksource/clocksource0/current_clocksource', qr/^tsc/);
$words->off;
$words = Debian->boot({}, 'quiet', '--no-default-args');
$words->does('cat /proc/cmdline', qr{^console=ttyS0 rdinit=/bin/init quiet$});
$words->off;

my $small = Guest->new(24, Debian::kernel('686'), 'console=ttyS0');
is($small->status, 1, 'too little memory');
like($small->seen, qr/^lguest: kernel .* needs .*memory ends.*\n\z/, 'says so') or diag $small->seen;

# A gigabyte is more than the kernel can address at once.
my $debian = Debian->boot({ memory => 1024 }, 'quiet');
$debian->does('cat /proc/meminfo', qr/^MemTotal: +(9[5-9]\d{4}|10\d{5}) kB\n.*^HighTotal: +1\d{5} kB/ms);
$debian->does('mount -t tmpfs -o size=900m none /mnt && '
	      . 'dd if=/dev/zero bs=1M count=800 2>/dev/null | tr "\0" x >/mnt/x && md5sum </mnt/x',
	      qr/^0591f97c77dab8225316a2e6dd235604/, 3);
is($debian->off, 0, 'a gigabyte: power off');


# -pae defends itself against Meltdown if it is told to: with two page tables for
# each process, and a new one loaded in each system call.
$debian = Debian->boot({ kind => '686-pae' }, 'loglevel=4', 'pti=on');
$debian->does('dmesg | grep -i isolation', qr/page tables isolation: (force )?enabled/);
$debian->does('i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i + 1)); done; echo $i', qr/^300$/);
$debian->does('dd if=/dev/zero bs=64k count=200 2>/dev/null | md5sum',
	      qr/^2cf89b9489b2985f59087db9a9817bd9/);
is($debian->off, 0, 'page-table isolation: power off');

# The worst, and what comes of it.  A kernel that panics reboots if it was told
# so: in the same process, with the same command line.
sub comes_back {
	my ($name, $death, $says) = @_;
	my $debian = Debian->boot({}, 'loglevel=4', 'panic=-1', 'sysrq_always_enabled=1');
	$debian->type("$death\n");
	ok($debian->wait_for($says), "$name: it says so") or diag $debian->seen if $says;
	ok($debian->wait_for(qr/^ready\r?\n/m), "$name: a new life") or diag $debian->seen;
	$debian->does('cut -d. -f1 /proc/uptime', qr/^\d$/);
	is($debian->off, 0, "$name: power off");
}

comes_back('reboot', 'reboot -f');
comes_back('panic', 'echo c >/proc/sysrq-trigger', qr/Kernel panic - not syncing: sysrq triggered crash/);
comes_back('sysrq', 'echo b >/proc/sysrq-trigger');
comes_back('init ends', 'exit 3', qr/Kernel panic - not syncing: Attempted to kill init!/);

# A module that begins with an instruction that isn't one.
sub broken_module {
	my $path = (Debian::with_dependencies('686', 'test_static_key_base'))[-1];
	my $module = read_file("build/debian/686/$path");
	$module =~ s/~Module signature appended~\n\z//;
	$module =~ s/\x55\xb8\0{4}\x89\xe5\xe8\xfc\xff\xff\xff/\x0f\x0b\0\0\0\0\x89\xe5\xe8\xfc\xff\xff\xff/
		or die 'another module than expected';
	return write_file(Debian::scratch('broken.ko'), $module);
}

$debian = Debian->boot({ files => { 'broken.ko' => broken_module() } }, 'loglevel=4');
my ($output, $status) = $debian->run('insmod /broken.ko');
isnt($status, 0, 'an oops: what was at it is dead');
like($output, qr/(invalid opcode|kernel BUG).*EIP: test_static_key_base_init.*Call Trace.*end trace/s, 'an oops: the report');
$debian->does('echo and the others live', qr/live/);
is($debian->off, 0, 'an oops: power off');

# Stopped like any other process, it finds its clock right when it goes on.
$debian = Debian->boot({}, 'loglevel=4');
kill 'TSTP', $debian->pid;
sleep 3;
kill 'CONT', $debian->pid;
$debian->does('sleep 0.2', qr/^$/);
cmp_ok(abs(time - $debian->run('date +%s')), '<=', 2, 'stopped for three seconds: the clock is right');
$debian->does("! dmesg -r | grep '^<[0-4]>'", qr/^$/);
is($debian->off, 0, 'and power off');

my $boots = 0;
for (1 .. 20) {
	my $debian = Debian->boot({}, 'quiet');
	$boots++ if $debian->seen =~ /\A(\S* *)?ready\r?\n\z/ && $debian->off == 0;
}
is($boots, 20, 'twenty boots in a row, each without a word');

done_testing;
