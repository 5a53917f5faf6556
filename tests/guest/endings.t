#!/usr/bin/perl
# Whatever ends the Launcher, nothing of it stays: no process of its group, with
# the Guest idle, busy, or in the middle of its disk.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Temp;
use Guest;
use POSIX ();
use Test::More;

# Whoever starts us may have it ignored, as nohup does.
$SIG{HUP} = 'DEFAULT';
my $disk = File::Temp->new;
truncate $disk, 1 << 20;
my %number;
@number{split ' ', $Config::Config{sig_name}} = split ' ', $Config::Config{sig_num}
	if require Config;

sub all_gone {
	my ($group) = @_;
	for (1 .. 50) {
		return 1 if !kill 0, -$group;
		select undef, undef, undef, 0.1;
	}
	return 0;
}

for my $busy ('', 'bin/spin 60000', 'disk sum 0') {
	for my $signal (qw(TERM INT HUP QUIT KILL)) {
		my $name = "$signal, " . ($busy || 'idle');
		my $guest = Guest->new(64, 'guest/puppy', "--block=$disk", '--rng',
				       '--initrd=guest/initrd.cpio');
		$guest->wait_for(qr/puppy# /);
		$guest->type("$busy\n") if $busy;
		select undef, undef, undef, 0.05;
		kill $signal, $guest->pid;
		my $status = $guest->status;
		ok(($status == -$number{$signal} || $status == 128 + $number{$signal}),
		   "$name: exit status says which") or diag "status $status";
		ok(all_gone($guest->pid), "$name: no process stays");
	}
}

done_testing;
