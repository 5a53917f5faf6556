#!/usr/bin/perl
# The drivers that Debian has for our devices, all of them modules from an
# initrd: ext4 on a disk, a network card, randomness. And the kernel's own tests.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Debian qw(read_file write_file run_here);
use Test::More;

sub is_sound {
	my ($disk) = @_;
	ok(run_here('e2fsck', '-fn', $disk), 'e2fsck has nothing to say');
}

# What this machine packed into a file system reads the same in the Guest, and
# the other way round.
sub file_system {
	my ($kind) = @_;
	my $tree = Debian::scratch("tree-$kind");
	my $disk = Debian::scratch("disk-$kind");
	mkdir $_ for $tree, "$tree/from";
	for my $number (1 .. 200) {
		write_file("$tree/from/$number",
			   join '', map { chr(($_ * $number * 7919 >> 5) & 255) } 1 .. $number * 97);
	}
	my $sums = `cd $tree && md5sum from/* | sort | md5sum`;
	run_here('mkfs.ext4', '-q', '-d', $tree, $disk, '256M') or die 'mkfs.ext4';
	my $debian = Debian->boot({ kind => $kind, modules => \@Debian::disk },
				  "--block=$disk", 'loglevel=4');
	$debian->does('mount -t ext4 /dev/vda /mnt && cd /mnt', qr/^$/);
	is(scalar $debian->run('md5sum from/* | sort | md5sum'), $sums, "$kind: 200 files are as they were");
	$debian->does('mkdir to && cp from/* to && sync && cd to && rm 1 2 3 && mv 4 1', qr/^$/);
	$debian->does('dd if=/dev/zero of=big bs=1M count=100 conv=fsync 2>/dev/null && '
		      . 'echo 3 >/proc/sys/vm/drop_caches && md5sum big',
		      qr/^2f282b84e7e608d5852449ed940bfc51/);
	$debian->does('rm big; for i in 1 2 3 4; do (mkdir d$i; cd d$i; j=0; '
		      . 'while [ $j -lt 100 ]; do echo $i $j >$j; j=$((j+1)); done) & done; wait; '
		      . 'cat d*/* | sort | md5sum', qr/^${\ four_times_hundred()}/);
	$debian->does('cd /; umount /mnt', qr/^$/);
	$debian->is_content;
	is($debian->off, 0, "$kind: power off");
	is_sound($disk);
	like(`debugfs -R 'cat /to/d3/77' $disk 2>/dev/null`, qr/^3 77$/, "$kind: a file of the Guest's");
}

sub four_times_hundred {
	return (split ' ', `for i in 1 2 3 4; do for j in \$(seq 0 99); do echo \$i \$j; done; done | sort | md5sum`)[0];
}

file_system($_) for '686', '686-pae';

# A Guest that ends without a word: its file system's journal is for that.
sub cut_off {
	my $disk = Debian::scratch('disk-cut');
	run_here('mkfs.ext4', '-q', '-b', '4096', $disk, '64M') or die 'mkfs.ext4';
	my $debian = Debian->boot({ modules => \@Debian::disk },
				  "--block=$disk", 'loglevel=4', 'panic=-1');
	$debian->does('mount -t ext4 /dev/vda /mnt && echo kept >/mnt/kept && sync', qr/^$/);
	$debian->type("(while :; do for i in 1 2 3 4 5 6 7; do cp /bin/busybox /mnt/\$i; done; done) & "
		      . "sleep 1; echo b >/proc/sysrq-trigger\n");
	ok($debian->wait_for(qr/^ready\r?\n/m), 'a reset in the middle of it');
	$debian->does('mount -t ext4 /dev/vda /mnt && cat /mnt/kept', qr/^kept$/);
	$debian->does('dmesg | grep -i recovery', qr/recovery complete/);
	$debian->does('umount /mnt', qr/^$/);
	is($debian->off, 0, 'power off');
	is_sound($disk);
}

cut_off();

# Two disks are two disks; one that isn't there, isn't.
sub two_disks {
	my @disks = map { write_file(Debian::scratch("plain$_"), "disk $_\n" . "\0" x 65529) } 1, 2;
	my $debian = Debian->boot({ modules => [qw(virtio_pci virtio_blk)] },
				  map({ "--block=$_" } @disks), 'quiet');
	$debian->does('head -n 1 /dev/vda; head -n 1 /dev/vdb; echo /dev/vd*',
		      qr{^disk 1\ndisk 2\n/dev/vda /dev/vdb$});
	$debian->does('cat /sys/block/vda/size', qr/^128$/);
	$debian->does('echo yes | dd of=/dev/vdb bs=4k seek=3 conv=fsync 2>/dev/null', qr/^$/);
	is($debian->off, 0, 'power off');
	is(substr(read_file($disks[1]), 3 * 4096, 4), "yes\n", 'what it wrote is there');
}

two_disks();

sub randomness {
	my $debian = Debian->boot({ modules => [qw(virtio_pci virtio_rng)] }, '--rng', 'quiet');
	$debian->does('cat /sys/class/misc/hw_random/rng_current', qr/^virtio_rng/);
	$debian->does('dd if=/dev/hwrng bs=1k count=64 2>/dev/null | gzip | wc -c', qr/^6[56]\d{3}$/);
	$debian->does('a=$(head -c 8 /dev/hwrng | md5sum); b=$(head -c 8 /dev/hwrng | md5sum); '
		      . '[ "$a" != "$b" ]', qr/^$/);
	is($debian->off, 0, 'power off');
}

randomness();

# As nobody, with nothing to be seen of this machine's files; and once more.
sub confined {
	my $disk = write_file(Debian::scratch('owned'), "mine\n" . "\0" x 65531);
	mkdir my $empty = Debian::scratch('empty');
	my $debian = Debian->boot({ modules => [qw(virtio_pci virtio_blk virtio_rng)] }, "--block=$disk",
				  '--rng', '--username=nobody', "--chroot=$empty", 'quiet');
	for my $life ('first', 'second') {
		$debian->does('head -n 1 /dev/vda; head -c 8 /dev/hwrng | wc -c', qr/^mine\n8$/);
		my $pid = read_file("/proc/${\ $debian->pid}/task/${\ $debian->pid}/children") =~ s/\D.*//sr;
		is((stat "/proc/$pid")[4], scalar getpwnam 'nobody', "the $life life: as nobody");
		is(readlink "/proc/$pid/root", $empty, '... and outside of the file system');
		last if $life eq 'second';
		$debian->type("reboot -f\n");
		ok($debian->wait_for(qr/^ready\r?\n/m), 'a reboot') or diag $debian->seen;
	}
	is($debian->off, 0, 'power off');
}

confined() unless $>;

# The kernel's own tests of what an emulator gets wrong most easily.
sub own_tests {
	my ($kind) = @_;
	my $debian = Debian->boot({ kind => $kind,
		modules => [qw(test_user_copy test_static_keys)] }, 'loglevel=4');
	$debian->does('dmesg', qr/test_user_copy: tests passed/);
	$debian->does('lsmod', qr/test_static_keys/);
	is($debian->off, 0, 'power off');
}

own_tests($_) for '686', '686-pae';

done_testing;
