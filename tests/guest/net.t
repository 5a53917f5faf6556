#!/usr/bin/perl
# A network card: by address, by bridge, with a MAC; in a network namespace that
# goes when we do.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Guest;
use Test::More;

plan skip_all => 'needs root' if $>;
exec 'unshare', '-n', $^X, $0 or die "unshare: $!" unless $ENV{LGUEST_TEST_NETNS}++;
system('ip link set lo up') == 0 or die 'ip';

sub guest_with {
	my (@cards) = @_;
	my $guest = Guest->new(64, 'guest/puppy', '--initrd=guest/initrd.cpio',
			       map "--tunnet=$_", @cards);
	$guest->wait_for(qr/puppy# /);
	return $guest;
}

sub answers {
	my ($address) = @_;
	return system("ping -c3 -i0.2 -w10 $address >/dev/null") == 0;
}

sub both_ways {
	my ($name, $guest) = @_;
	ok(answers('192.168.19.2'), "$name: the Guest answers") or diag $guest->seen;
	$guest->type("ping 192.168.19.1\n");
	ok($guest->wait_for(qr/192.168.19.1 answers/), "$name: and so do we") or diag $guest->seen;
}

sub leaves {
	my ($name, $guest) = @_;
	$guest->type("poweroff\n");
	is($guest->status, 0, "$name: poweroff");
	is(`ip -o link show type tun`, '', "$name: no tap stays behind");
}

my $guest = guest_with('192.168.19.1');
both_ways('address', $guest);
leaves('address', $guest);

$guest = guest_with('192.168.19.1:02:00:00:00:00:02');
both_ways('MAC', $guest);
like(`ip neigh show 192.168.19.2`, qr/02:00:00:00:00:02/, 'the Guest has that MAC');
leaves('MAC', $guest);

system('ip link add lg0 type bridge && ip addr add 192.168.19.1/24 dev lg0 && ip link set lg0 up')
	== 0 or die 'ip';
$guest = guest_with('bridge:lg0');
both_ways('bridge', $guest);
leaves('bridge', $guest);

$guest = guest_with('bridge:lg0:02:00:00:00:00:07');
both_ways('bridge and MAC', $guest);
like(`ip neigh show 192.168.19.2`, qr/02:00:00:00:00:07/, 'the Guest has that MAC');
leaves('bridge and MAC', $guest);

# The whole self-test, the card's part included, then a death with the tap open.
my $test = Guest->new(64, 'guest/puppy', '--initrd=guest/initrd.cpio',
		      '--tunnet=192.168.20.1', 'ip=192.168.20.2', 'selftest');
is($test->status, 0, 'self-test with a card') or diag $test->seen;
$guest = guest_with('192.168.19.1');
kill 'KILL', $guest->pid;
$guest->status;
for (1 .. 50) {
	last if `ip -o link show type tun` eq '';
	select undef, undef, undef, 0.1;
}
is(`ip -o link show type tun`, '', 'killed: no tap stays behind');

done_testing;
