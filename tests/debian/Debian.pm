# Debian's own kernels, unmodified, for the tests in this folder: fetched if they
# aren't there yet, with initrds that bring busybox and modules along.
#
#	my $debian = Debian->boot({ kind => '686', modules => ['ext4'] },
#				  '--rng', 'quiet');	# more of lguest's arguments
#	$debian->does('uname -r', qr/686$/);		# is a test
#	is($debian->off, 0, 'power off');
#
# The Guest is one of Guest.pm's.  Its init reads commands from the console, one
# in a line, and does as they say.
package Debian;
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../guest";
use parent 'Guest';
use Exporter 'import';
use Fcntl ':flock';
use File::Temp;
use POSIX ();
use Test::More;

our @EXPORT_OK = qw(read_file write_file run_here);
our $dir = 'build/debian';

# What a root file system needs. ext4 asks for crc32c by a name of no module's.
our @disk = qw(virtio_pci virtio_blk crc32c_generic ext4);
my $temporary = File::Temp->newdir;
mkdir $ENV{XDG_CACHE_HOME} = "$temporary/cache";

sub run_here {
	my (@command) = @_;
	my $log = "$temporary/log";
	my $pid = fork // die $!;
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $log;
		open STDERR, '>&', \*STDOUT;
		exec @command or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return 1 if $? == 0;
	diag "@command: " . read_file($log);
	return 0;
}

sub read_file {
	my ($path) = @_;
	open my $in, '<:raw', $path or die "$path: $!";
	local $/;
	return scalar <$in>;
}

sub write_file {
	my ($path, $text) = @_;
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	return $path;
}

sub scratch { "$temporary/$_[0]" }

# What the folder's scripts make is there once they have run without a complaint;
# two tests at a time want it, and one makes it.
sub fetch {
	my ($script) = @_;
	open my $lock, '>', 'build/debian.lock' or die "build/debian.lock: $!";
	flock $lock, LOCK_EX or die "flock: $!";
	run_here("tests/debian/$script.sh", $dir) or BAIL_OUT("no $script");
}

mkdir 'build';
fetch('fetch');

# A disk of its own with the small Debian of system.sh.
sub system_disk {
	fetch('system');
	my $disk = scratch('system' . ++(our $disks));
	run_here('cp', '--sparse=always', "$dir/system.img", $disk) or die 'cp';
	return $disk;
}

sub kernel {
	my ($kind) = @_;
	my ($path) = glob "$dir/$kind/boot/vmlinuz-*";
	return $path;
}

sub version {
	my ($kind) = @_;
	return kernel($kind) =~ s/.*vmlinuz-//r;
}

# Modules by name, the ones they need first, as modules.dep has it.
sub with_dependencies {
	my ($kind, @names) = @_;
	my $top = "$dir/$kind";
	my $version = version($kind);
	my (%needs, %path);
	for (split /\n/, read_file("$top/lib/modules/$version/modules.dep")) {
		my ($path, $needs) = /^(.*?): *(.*)/ or next;
		my $name = $path =~ s{.*/|\.ko$}{}gr;
		$path{$name} = $path{$name =~ tr/-/_/r} = $path;
		$needs{$path} = [split ' ', $needs];
	}
	my %seen;
	return map { "lib/modules/$version/$_" } grep { !$seen{$_}++ }
		map { my $path = $path{$_} // die "no module $_"; reverse($needs{$path}->@*), $path }
		@names;
}

my $init = <<'END';
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /mnt /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
: >/init
stty -echo
cd /
test ! -s /etc/modules || modprobe -a $(cat /etc/modules)
case " $(cat /proc/cmdline) " in *" root=/dev/vda "*)
	mount -t ext4 /dev/vda /mnt
	mount --move /dev /mnt/dev
	umount /sys /proc
	exec switch_root /mnt /sbin/init
esac
echo ready
while read -r line; do
	eval "$line"
done
poweroff -f
END

# An initrd with busybox, modules, and %$files by name.
sub initrd {
	my ($kind, $modules, $files) = @_;
	my $version = version($kind);
	my $initrd = scratch("initrd" . ++(our $initrds));
	my @files = with_dependencies($kind, @$modules);
	push @files, map { "lib/modules/$version/$_" }
		qw(modules.dep modules.alias modules.symbols modules.builtin)
		if @files;
	system("perl guest/mkcpio bin/busybox=$dir/busybox/bin/busybox "
	       . "bin/init=" . write_file(scratch('init'), $init) . ' '
	       . "etc/modules=" . write_file(scratch("modules"), "@$modules") . ' '
	       . join(' ', map({ "$_=$dir/$kind/$_" } @files),
		      map { "$_=$files->{$_}" } sort keys %{ $files // {} })
	       . " > $initrd") == 0 or die 'mkcpio';
	return $initrd;
}

# Starts a kernel of some {kind} with an initrd of {modules} and {files}, and
# waits until its init listens.
sub boot {
	my ($class, $how, @arguments) = @_;
	my $kind = $how->{kind} // '686';
	my $initrd = $how->{initrd} // initrd($kind, $how->{modules} // [], $how->{files});
	my $self = $class->new($how->{memory} // 256, kernel($kind), "--initrd=$initrd",
			       'console=ttyS0', 'rdinit=/bin/init', @arguments);
	$self->wait_for(qr/^ready\r?\n/m) or diag 'no init: ' . $self->seen;
	return $self;
}

# What $command prints, and its exit status; in a scalar context the former only.
# $patience is how many times LIMIT seconds it may take.
sub run {
	my ($self, $command, $patience) = @_;
	$self->type("{ $command ; } </dev/null; echo =\$?=\n");
	my $from = pos $self->{seen} // 0;
	for (1 .. $patience // 1) {
		next unless $self->wait_for(qr/=\d+=\r?\n/);
		my $output = substr $self->{seen}, $from, pos($self->{seen}) - $from;
		$output =~ s/\r//g;
		$output =~ s/=(\d+)=\n\z//;
		return wantarray ? ($output, $1) : $output;
	}
	diag "no answer to \"$command\": " . substr $self->{seen}, $from;
	return wantarray ? ('', -1) : '';
}

# Whether $command ends with 0 and prints what it must.
sub does {
	my ($self, $command, $expected, $patience) = @_;
	my ($output, $status) = $self->run($command, $patience);
	return ok($status == 0 && $output =~ $expected, $command)
		|| diag "status $status:\n$output";
}

# Whether its kernel had nothing to say that it calls a warning, or worse.
sub is_content {
	my ($self) = @_;
	return $self->does(q(! dmesg -r | grep '^<[0-4]>'), qr/^$/);
}

# Switches it off; what the Launcher ends with.
sub off {
	my ($self) = @_;
	$self->type("poweroff -f\n");
	return $self->status;
}

1;
