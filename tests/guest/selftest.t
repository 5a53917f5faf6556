#!/usr/bin/perl
# The small Guest tries everything it has, on every kind of kernel file, with
# every device that needs no root, and as somebody who isn't root.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Temp;
use Guest;
use Test::More;

my $dir = File::Temp->newdir;
chmod 0755, $dir;

sub disk {
	my ($name) = @_;
	my $path = "$dir/$name";
	open my $disk, '>', $path or die "$path: $!";
	truncate $disk, 4 << 20;
	chmod 0666, $path;
	return $path;
}

sub passes {
	my ($name, @command) = @_;
	my $guest = Guest->command(@command);
	$guest->hang_up;
	is($guest->status, 0, "$name: exit status") or diag $guest->seen;
	my ($passed, $failed) = $guest->seen =~ /selftest: (\d+) passed, (\d+) failed/;
	is($failed, 0, "$name: no test fails") or diag $guest->seen;
	cmp_ok($passed // 0, '>', 30, "$name: and there are some");
	unlike($guest->seen, qr/FAIL/, "$name: only PASS");
}

my @devices = ('--rng', '--initrd=guest/initrd.cpio');
for my $kernel (qw(puppy puppy-pae puppy.bz)) {
	passes($kernel, './lguest', 64, "guest/$kernel", '--block=' . disk($kernel),
	       @devices, 'root=/dev/vda', 'selftest');
}
passes("$_ MB", './lguest', $_, 'guest/puppy', '--block=' . disk("memory$_"), @devices,
       'selftest') for 8, 16, 512;
passes('two disks', './lguest', 64, 'guest/puppy', map({ '--block=' . disk("two$_") } 1, 2),
       @devices, 'selftest');

SKIP: {
	skip 'needs root', 4 if $>;
	my $copy = "$dir/lguest";
	system('cp', 'lguest', $copy) == 0 && system('cp', '-r', 'guest', "$dir/guest") == 0
		or die 'cp';
	my $disk = disk('nobody');
	passes('an ordinary user', 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
	       $copy, 64, "$dir/guest/puppy", "--block=$disk", '--rng',
	       "--initrd=$dir/guest/initrd.cpio", 'selftest');
}

done_testing;
