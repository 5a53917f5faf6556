#!/usr/bin/perl
# What Debian's ext4 has made safe is there, whenever and however its Launcher is
# killed: after the journal is replayed, e2fsck finds nothing wrong and no record
# is missing that a program in the Guest had an fsync() for. See log.c.
# KILLS=200 prove tests/debian/kill.t: that often.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Debian qw(read_file write_file run_here);
use Test::More;
use Time::HiRes qw(sleep);

my $kills = $ENV{KILLS} // 60;
my ($disk, $log, $tree) = map { Debian::scratch($_) } qw(disk logger tree);
run_here(qw(gcc -m32 -O1 -Wall -Wextra -Werror -ffreestanding -fno-pie -fno-stack-protector
	 -nostdlib -static -no-pie -o), $log, "$FindBin::Bin/log.c") or BAIL_OUT('no log');
run_here('mkfs.ext4', '-q', $disk, '48M') or die 'mkfs.ext4';
my $initrd = Debian::initrd('686', \@Debian::disk, { 'bin/log' => $log });
srand 1;

# The first process's descendants come to us when it's dead.
my ($prctl, $set_child_subreaper) = (157, 36);
syscall($prctl, $set_child_subreaper, 1, 0, 0, 0) == 0 or die "prctl: $!";

sub children {
	my ($pid) = @_;
	return map { split ' ', read_file($_) } glob "/proc/$pid/task/*/children";
}

# Whom to kill, in turn: all, the first process, the one with the Guest, or one of
# those that serve its devices (if there's none yet, the one before that).
sub victim {
	my ($debian, $turn) = @_;
	my ($first) = my @line = $debian->pid;
	return -$first if $turn == 0;
	while (@line < $turn and my @children = children($line[-1])) {
		push @line, $children[rand @children];
	}
	return $line[-1];
}

# Everything that the Launcher and its Guest said until the last of its processes
# was gone.
sub last_words {
	my ($debian) = @_;
	$debian->status;
	1 while waitpid(-1, 0) > 0;
	return $debian->seen;
}

# One life, from record $first on: the last record that was acknowledged, or 0 if
# it didn't get to that. Every fifth ends while it boots.
sub one_life {
	my ($round, $first) = @_;
	my $debian = Guest->new(96, Debian::kernel('686'), "--initrd=$initrd", "--block=$disk",
				qw(console=ttyS0 rdinit=/bin/init quiet));
	if ($round % 5 && $debian->wait_for(qr/^ready\r?\n/m)) {
		$debian->type("mount -t ext4 /dev/vda /mnt && cd /mnt && log $first\n");
		$debian->wait_for(qr/^\d{8}\r?\n/m);
	}
	sleep rand($round % 5 ? 0.3 : 0.6);
	kill 'KILL', victim($debian, $round % 4) or die "kill: $!";
	my $words = last_words($debian);
	diag "life $round: $words" if $words =~ /failed|error/i;
	my @numbers = $words =~ /^(\d{8})\r?\n/mg;
	return @numbers ? $numbers[-1] + 0 : 0;
}

sub fsck {
	my (@options) = @_;
	my $status = system("e2fsck @options $disk >$tree.fsck 2>&1") >> 8;
	return $status <= ("@options" eq '-p') || !diag "e2fsck @options: $status\n" . read_file("$tree.fsck");
}

# The records of some files, each in one piece.
sub records_in {
	my ($pattern) = @_;
	my %records;
	for my $file (glob "$tree/$pattern") {
		for (split /\n/, read_file($file)) {
			my ($number) = /^(\d{8})\1{14}\d{7}$/ or diag "$file: \"$_\"";
			push @{ $records{$file =~ s{.*\.}{}r + 0} }, $number;
		}
	}
	return %records;
}

# (What was on its way and not acknowledged may be there or not.)
sub missing {
	my (@acknowledged) = @_;
	run_here('rm', '-rf', $tree);
	mkdir $tree;
	run_here('debugfs', '-R', "rdump / $tree", $disk);
	my %there = map { $_ => 1 } map { @$_ } values %{ { records_in('log.*') } };
	my %files = records_in('file.*');
	return grep({ !$there{sprintf '%08d', $_} } @acknowledged),
		grep { my $number = $_; !$files{$number % 64} || $files{$number % 64}[0] < $number }
		grep { $_ % 16 == 0 } @acknowledged;
}

my ($next, $told, $good, @acknowledged) = (1, 0, 1);
for (my $round = 1; $good && $round <= $kills; $round++) {
	my $last = one_life($round, $next);
	$told++ if $last;
	push @acknowledged, $next .. $last;
	$next = ($last || $next) + 2;
	$good = fsck('-p') && fsck('-fn');
	my @missing = missing(@acknowledged);
	$good &&= !@missing;
	diag "life $round: missing: @missing" if @missing;
}
ok($good, "$kills kills, ${\ scalar @acknowledged} records acknowledged, none missing, "
	  . 'and e2fsck has nothing to say');
cmp_ok($told, '>', $kills / 2, 'most of them had something to lose');

done_testing;
