#!/usr/bin/perl
# A network card of Debian's kernel and a tap of ours, in a network namespace that
# goes when we do: ping, iperf3 and curl, from either end.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Debian qw(write_file run_here);
use Digest::MD5;
use Test::More;

plan skip_all => 'needs root' if $>;
Debian::fetch('system');
exec 'unshare', '-n', $^X, $0 or die "unshare: $!" unless $ENV{LGUEST_TEST_NETNS}++;
run_here(qw(ip link set lo up)) or die 'ip';

my ($here, $there) = ('192.168.19.1', '192.168.19.2');
my $web = Debian::scratch('web');
mkdir $web;
my $file = join '', map { pack 'N', $_ * 2654435761 & 0xffffffff } 1 .. 5 << 20;
write_file("$web/file", $file);
my $sum = Digest::MD5::md5_hex($file);
my @servers;

sub serve {
	my (@command) = @_;
	my $pid = fork // die $!;
	exec @command or POSIX::_exit(127) if !$pid;
	push @servers, $pid;
}

END {
	my $status = $?;
	kill 'TERM', @servers if @servers;
	$? = $status;
}

# Megabits in a second, as iperf3 saw them.
sub rate {
	my ($json) = @_;
	return $json =~ /"sum_received":.*?"bits_per_second":\s*([\d.e+]+)/s ? $1 / 1e6 : 0;
}

sub card {
	my ($kind) = @_;
	my $disk = Debian::system_disk();
	my $debian = Debian->boot({ kind => $kind, modules => [@Debian::disk, 'virtio_net'] },
				  "--block=$disk", "--tunnet=$here", 'loglevel=4');
	$debian->does("ip addr add $there/24 dev eth0 && ip link set eth0 up", qr/^$/);
	$debian->does("ping -c 3 -i 0.2 $here", qr/3 packets received, 0% packet loss/);
	ok(run_here(qw(ping -c 3 -i 0.2), $there), "ping $there");
	ok(run_here(qw(ping -c 50 -i 0.01 -s 1472), $there), '... fifty times, with all that fits');

	$debian->does('mount -t ext4 /dev/vda /mnt && mount -t proc proc /mnt/proc && '
		      . 'mount --bind /dev /mnt/dev && mount --bind /tmp /mnt/tmp', qr/^$/);
	$debian->does('chroot /mnt iperf3 -s -D >/dev/null; until netstat -ltn | grep -q :5201; do sleep 0.2; done', qr/^$/);
	my $rate = rate($debian->run("chroot /mnt iperf3 -J -t 3 -c $here"));
	cmp_ok($rate, '>', 20, sprintf '%s: iperf3 from the Guest: %.0f Mbit/s', $kind, $rate);
	$rate = rate(scalar `iperf3 -J -t 3 -c $there`);
	cmp_ok($rate, '>', 20, sprintf '%s: iperf3 to the Guest: %.0f Mbit/s', $kind, $rate);

	$debian->does("chroot /mnt curl -sf -o /tmp/file http://$here:8000/file && md5sum </tmp/file",
		      qr/^$sum/);
	$debian->does('httpd -p 80 -h /tmp', qr/^$/);
	is(Digest::MD5::md5_hex(scalar `curl -sf http://$there/file`), $sum, "$kind: and back");
	$debian->is_content;
	is($debian->off, 0, "$kind: power off");
	is(`ip -o link show type tun`, '', 'no tap stays behind');
}

serve('sh', '-c', 'exec iperf3 -s >/dev/null');
serve("$Debian::dir/busybox/bin/busybox", 'httpd', '-f', '-p', '8000', '-h', $web);
card($_) for '686', '686-pae';

done_testing;
