#!/usr/bin/perl
# A whole Debian, from its login prompt to its reboot: packages, perl, python,
# a compiler, stress-ng, and sums over everything that lies on its disk. What
# comes out must be what comes out of the same programs on this machine.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Debian qw(write_file read_file run_here);
use Test::More;

plan skip_all => 'needs root' if $>;

my $disk = Debian::system_disk();
my $there = "$Debian::dir/system";
my $initrd = Debian::initrd('686', \@Debian::disk);
my $debian = Debian->new(512, Debian::kernel('686'), "--initrd=$initrd", "--block=$disk",
			 qw(console=ttyS0 rdinit=/bin/init root=/dev/vda quiet));

# A shell that neither echoes nor prompts, as run() wants it.
sub log_in {
	my ($name) = @_;
	my $prompt = 0;
	for (1 .. 6) {
		last if $prompt = $debian->wait_for(qr/^puppy login: /m);
	}
	ok($prompt, "$name: a login prompt") or BAIL_OUT($debian->seen);
	$debian->type("root\n");
	$debian->wait_for(qr/root\@puppy:.*# /);
	$debian->type("exec sh\n");
	$debian->wait_for(qr/\n.*# /);
	$debian->type("stty -echo; PS1=; cd; echo at home\n");
	ok($debian->wait_for(qr/^at home\r?\n/m), "$name: a shell") or BAIL_OUT($debian->seen);
}

# The same command here, in the directory that the disk was made of.
sub same {
	my ($command, $patience) = @_;
	my $here = `chroot $there sh -c 'cd /root; $command' 2>&1`;
	my ($output, $status) = $debian->run("($command) 2>&1", $patience);
	is($status, 0, $command);
	is($output, $here, '... and says what it says here');
	cmp_ok(length $here, '>', 1, '... which is something');
}

log_in('first');
$debian->does('systemctl is-system-running --wait', qr/^running$/);
$debian->does('dpkg --audit', qr/^$/);
$debian->does('apt-get check', qr/Building dependency tree/);
$debian->does('dpkg --verify', qr/^(..5\.{6} c .*\n)*$/, 3);
same($_, 3) for 'cd /; find usr/bin usr/lib/i386-linux-gnu usr/lib/gcc -type f | sort | '
		. 'xargs sha256sum | sha256sum',
	'cd /usr/share && tar cf - --sort=name --mtime=@0 perl | sha256sum',
	'cd /usr/lib && tar czf - --sort=name --mtime=@0 python3.11 | tar tzf - | wc -l',
	'perl -e "my %h; \$h{\$_ * 7919 % 10007} .= chr(65 + \$_ % 26) for 1 .. 200000; '
		. 'print map({ \$_ . \$h{\$_} } (sort { \$a <=> \$b } keys %h)[0 .. 9]), exp(1) ** 0.5"',
	'python3 -c "import hashlib, math, decimal, zlib; decimal.getcontext().prec = 200; '
		. 'print(decimal.Decimal(2).sqrt(), math.gamma(4.5), sum(i * i for i in range(10 ** 5)), '
		. 'hashlib.sha512(repr(list(range(10000))).encode()).hexdigest(), '
		. 'zlib.crc32(zlib.compress(bytes(range(256)) * 1000)), pow(3, 10 ** 4) % (10 ** 9 + 7))"',
	'perl -MMath::BigInt -e "print Math::BigInt->new(300)->bfac" | sha256sum',
	'seq 1 200000 | sort -R --random-source=/usr/bin/perl | sort -n | awk "{ s += \$1 * NR } END { printf \"%.0f\", s }"',
	'dd if=/usr/lib/gcc/i686-linux-gnu/12/cc1 bs=4096 skip=3 count=2000 2>/dev/null | gzip -9 | gunzip | sha256sum';

# A program that gcc makes: the same bytes as here, and with the same result.
my $source = <<'END';
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static jmp_buf back;
static int by_value(const void *a, const void *b)
{
	return *(int *)a - *(int *)b;
}
int main(void)
{
	static int numbers[100000];
	unsigned long long product = 1;
	double sum = 0;
	for (int i = 0; i < 100000; i++) {
		numbers[i] = (i * 7919u) % 100003;
		sum += sin(i) * sqrt(i);
		product = product * 6364136223846793005ull + i;
	}
	qsort(numbers, 100000, sizeof(int), by_value);
	if (!setjmp(back))
		longjmp(back, 1);
	printf("%d %d %.12g %llu %lld\n", numbers[0], numbers[99999], sum, product,
	       (long long)product / 12345);
	return strlen("puppy");
}
END
write_file("$there/root/program.c", $source);
$debian->does("echo ${\ unpack 'H*', $source} | perl -ne 'chomp; print pack q(H*), \$_' >program.c", qr/^$/);
same('gcc -O2 -o program program.c -lm && sha256sum program; ./program; test $? = 5', 2);
unlink "$there/root/$_" for qw(program program.c);

# What only a PC's programs can do, and here in part: ports by its kernel's leave,
# segments of their own.
$source = <<'END';
#include <asm/ldt.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static int number = 42;
static void try(const char *what, int (*function)(void))
{
	int status;
	if (!fork())
		_exit(function());
	wait(&status);
	if (WIFSIGNALED(status))
		printf("%s: signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: %d\n", what, WEXITSTATUS(status));
	fflush(stdout);
}
static int port(void)
{
	outb(0x5a, 0x3ff);
	return inb(0x3ff);
}
static int port_by_leave(void)
{
	return ioperm(0x3ff, 1, 1) ? 1 : port();
}
static int port_next_to_it(void)
{
	return ioperm(0x3ff, 1, 1) ? 1 : inb(0x3fe);
}
static int port_of_all(void)
{
	return iopl(3) ? 1 : port();
}
static void make_segment(void)
{
	struct user_desc desc = { .base_addr = (unsigned long)&number,
		.limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1 };
	syscall(SYS_modify_ldt, 1, &desc, sizeof(desc));
}
static int by_fs(void)
{
	int value;
	make_segment();
	asm volatile("mov %1, %%fs; mov %%fs:0, %0" : "=r"(value) : "r"(7));
	return value;
}
static int by_ds(void)
{
	make_segment();
	asm volatile("mov %0, %%ds" : : "r"(7));
	return 0;
}
int main(void)
{
	try("port", port);
	try("ioperm", port_by_leave);
	try("neighbour", port_next_to_it);
	try("iopl", port_of_all);
	try("fs", by_fs);
	try("ds", by_ds);
	return 0;
}
END
$debian->does("echo ${\ unpack 'H*', $source} | perl -ne 'chomp; print pack q(H*), \$_' >program.c && "
	      . 'gcc -o program program.c && ./program',
	      qr/^port: signal 11\nioperm: 90\nneighbour: signal 11\niopl: 90\nfs: 42\n(lguest: a program .*\n)ds: signal 11\n$/);

$debian->does('stress-ng --cpu 1 --cpu-method all --verify -t 30 2>&1', qr/successful run completed/, 2);
$debian->does('stress-ng --vm 1 --vm-bytes 96m --vm-method all --verify -t 30 2>&1', qr/successful run completed/, 2);
$debian->does('dd if=/dev/urandom of=random bs=1M count=64 2>/dev/null && sha256sum random >sum && '
	      . 'sync && echo 3 >/proc/sys/vm/drop_caches && sha256sum -c sum', qr/^random: OK$/);
$debian->does('mkdir copy && tar cf - -C /usr/lib/python3 . | tar xf - -C copy && diff -r /usr/lib/python3 copy', qr/^$/);
# A word about Debian's own choices is Debian's affair.
$debian->does('journalctl -k -p warning --no-pager -q | grep -v CONFIG_IMA_DISABLE_HTABLE | cat', qr/^$/);

$debian->type("reboot\n");
ok($debian->wait_for(qr/Restarting system/), 'reboot') or diag $debian->seen;
log_in('again');
$debian->does('sha256sum -c sum', qr/^random: OK$/);
$debian->type("poweroff\n");
is($debian->status, 0, 'power off') or diag $debian->seen;
ok(run_here('e2fsck', '-fn', $disk), 'e2fsck has nothing to say');

done_testing;
