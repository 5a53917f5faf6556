#!/usr/bin/perl
# A person at the Guest's shell: looks around, reboots, and leaves in each of the
# ways there are.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Temp;
use Guest;
use Test::More;

my $dir = File::Temp->newdir;
chmod 0755, $dir;
my $disk = "$dir/disk";
open my $file, '>', $disk or die "$disk: $!";
print $file "woof\n";
truncate $file, 1 << 20;
close $file;
chmod 0666, $disk;

my $prompt = qr/puppy# /;
my @machine = (64, 'guest/puppy', "--block=$disk", '--rng', '--initrd=guest/initrd.cpio',
	       'root=/dev/vda');

sub sum_of_disk {
	my ($sum) = split ' ', `cksum < $disk`;
	return $sum;
}

# Each command, and what must be in its answer.
sub looks_around {
	my $guest = Guest->new(@machine);
	ok($guest->wait_for($prompt), 'a prompt');
	for (['help', qr/poweroff/], ['ls', qr/bin\/hello/], ['cat etc/motd', qr/\w/],
	     ['bin/hello', qr/Hello/], ['ps', qr/init/], ['mem', qr/\d/], ['uptime', qr/up /],
	     ['date', qr/20\d\d-/], ['rng 16', qr/([0-9a-f]{2}\W?){16}/],
	     ['disk read 0 0', qr/woof/], ['disk sum 0', qr/${\sum_of_disk()}/],
	     ['disk write 0 3 bone', $prompt], ['disk read 0 3', qr/bone/],
	     ['what', qr/\w/]) {
		my ($command, $answer) = @$_;
		$guest->type("$command\n");
		ok($guest->wait_for(qr/\Q$command\E\r?\n/) && $guest->wait_for($answer), $command)
			or diag $guest->seen;
	}
	$guest->type("poweroff\n");
	is($guest->status, 0, 'poweroff');
	open my $now, '<', $disk or die $!;
	seek $now, 3 * 512, 0;
	read $now, my $text, 4;
	is($text, 'bone', 'what the Guest wrote is on the disk');
}

sub reboots {
	my ($name, @options) = @_;
	my $guest = Guest->new(@options, @machine);
	my $lives = 0;
	for (1 .. 10) {
		$guest->wait_for($prompt) or last;
		$lives++;
		$guest->type("reboot\n");
	}
	is($lives, 10, "ten lives$name") or diag $guest->seen;
	ok($guest->wait_for($prompt), "and one more$name");
	$guest->type("poweroff\n");
	is($guest->status, 0, "poweroff$name");
}

sub panics {
	my $guest = Guest->new(@machine);
	$guest->wait_for($prompt);
	$guest->type("panic no more biscuits\n");
	is($guest->status, 1, 'a panic is exit status 1');
	like($guest->seen, qr/^lguest: .*no more biscuits/m, 'with its text');
}

# On a terminal, which script(1) makes for us: raw while the Guest runs, and as
# before when it has ended.
sub on_a_terminal {
	my ($name, $keys, $expected) = @_;
	my $guest = Guest->command('script', '-qfec',
		"stty -a > $dir/before; ./lguest @machine; echo status=\$?; stty -a > $dir/after",
		"$dir/typescript");
	ok($guest->wait_for($prompt), "$name: a prompt on a terminal");
	for my $key (@$keys) {
		$guest->type($key);
		select undef, undef, undef, 0.1;
	}
	ok($guest->wait_for($expected), "$name: it ends") or diag $guest->seen;
	$guest->hang_up;
	$guest->status;
	is(`cat $dir/after`, `cat $dir/before`, "$name: the terminal is as it was");
}

looks_around();
reboots('');
panics();
on_a_terminal('poweroff', ["poweroff\r"], qr/status=0/);
on_a_terminal('panic', ["panic\r"], qr/status=1/);
SKIP: {
	skip 'needs root', 6 if $>;
	reboots(' in a chroot', "--chroot=$dir");
	reboots(' in a chroot, as nobody', "--chroot=$dir", '--username=nobody');
}

done_testing;
