#!/usr/bin/perl
# --perf-map: each life of the Guest has a file with the names of its code, made
# before the doors close; and a name that is taken is left alone.
use strict;
use warnings;
no warnings 'portable';	# addresses have 64 bits
use FindBin;
use lib $FindBin::Bin;
use File::Temp;
use Guest;
use Test::More;

my @machine = (64, 'guest/puppy', '--initrd=guest/initrd.cpio');
my $prompt = qr/puppy# /;

# The process that runs the Guest.
sub life_of {
	my ($guest) = @_;
	my $pid = $guest->pid;
	open my $children, '<', "/proc/$pid/task/$pid/children" or die $!;
	return (split ' ', <$children>)[0];
}

sub map_of {
	my ($pid) = @_;
	open my $map, '<', "/tmp/perf-$pid.map" or return;
	return <$map>;
}

sub executable {
	my ($pid) = @_;
	open my $maps, '<', "/proc/$pid/maps" or die $!;
	return map { /^(\w+)-(\w+) r-xs/ ? [hex $1, hex $2] : () } <$maps>;
}

sub is_a_map {
	my ($name, $pid) = @_;
	my @lines = map_of($pid);
	my @code = executable($pid);
	my (%names, @bad);
	for (@lines) {
		my ($start, $size, $who, $eip) =
			/^([0-9a-f]+) ([0-9a-f]+) (kernel|user)_([0-9a-f]{8})_in_[0-9a-f]{5}\n/;
		my $good = $size && grep {
			hex $start >= $_->[0] && hex($start) + hex $size <= $_->[1];
		} @code;
		push @bad, $_ unless $good;
		$names{$who}{$eip}++ if $good;
	}
	is("@bad[0 .. ($#bad > 3 ? 3 : $#bad)]", '', "$name: each line is about translated code");
	ok($names{kernel} && keys $names{kernel}->%* > 100, "$name: names of the kernel's");
	ok($names{user} && keys $names{user}->%* > 10, "$name: names of programs'");
}

sub lives_twice {
	my ($name, @options) = @_;
	my $guest = Guest->new('--perf-map', @options, @machine);
	my @lives;
	for (1, 2) {
		$guest->wait_for($prompt) or last;
		$guest->type("bin/hello\n");
		$guest->wait_for(qr/Hello.*?puppy# /s);
		push @lives, life_of($guest);
		is_a_map("life $_$name", $lives[-1]);
		$guest->type("reboot\n") if $_ == 1;
	}
	isnt($lives[0], $lives[1], "two lives$name");
	is((stat "/tmp/perf-$lives[0].map")[4], $>, "which are ours$name");
	$guest->type("poweroff\n");
	is($guest->status, 0, "power off$name");
	unlink map { "/tmp/perf-$_.map" } @lives;
}

sub not_asked_for {
	my $guest = Guest->new(@machine);
	$guest->wait_for($prompt);
	ok(!-e '/tmp/perf-' . life_of($guest) . '.map', 'none without --perf-map');
	$guest->type("poweroff\n");
	$guest->status;
}

# In a world of its own the numbers of processes can be foretold.
sub taken {
	my $dir = File::Temp->newdir;
	my @names = map { "/tmp/perf-$_.map" } 2 .. 6;
	symlink "$dir/victim", $_ or die "$_: $!" for @names;
	my $guest = Guest->command('unshare', $> ? '-Ur' : (), '-pf', 'sh', '-c',
				   "./lguest --perf-map @machine; exit \$?");
	is($guest->status, 1, 'a name that is taken: exit status 1') or diag $guest->seen;
	unlink @names;
	like($guest->seen, qr{^lguest: --perf-map: cannot create /tmp/perf-\d+\.map: File exists\r?$}m,
	     'says which');
	ok(!-e "$dir/victim", 'and follows no link');
}

lives_twice('');
not_asked_for();
taken();
SKIP: {
	skip 'needs root', 9 if $>;
	my $dir = File::Temp->newdir;
	chmod 0755, $dir;
	lives_twice(' in a chroot, as nobody', "--chroot=$dir", '--username=nobody');
}

done_testing;
