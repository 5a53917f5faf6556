# A Guest at the other end of a pipe, for the tests in this folder:
#
#	my $guest = Guest->new('64', 'guest/puppy', ...);	# lguest's arguments
#	$guest->wait_for(qr/puppy# /);
#	$guest->type("poweroff\n");
#	is($guest->status, 0);
#
# Nothing waits for longer than LIMIT seconds, and no test leaves a Guest behind.
package Guest;
use strict;
use warnings;
use FindBin;
use IO::Select;
use POSIX ();

use constant LIMIT => 60;

our $top = "$FindBin::Bin/../..";
chdir $top or die "$top: $!";

my %alive;

# Starts @command as it stands: the Launcher under some other program, perhaps.
sub command {
	my ($class, @command) = @_;
	pipe(my $its_input, my $input) && pipe(my $output, my $its_output) or die $!;
	my $pid = fork // die $!;
	if (!$pid) {
		POSIX::setpgid(0, 0);
		POSIX::dup2(fileno $its_input, 0);
		POSIX::dup2(fileno $its_output, 1);
		POSIX::dup2(fileno $its_output, 2);
		close $_ for $input, $output, $its_input, $its_output;
		exec @command or POSIX::_exit(127);
	}
	$alive{$pid} = 1;
	$input->autoflush(1);
	return bless { pid => $pid, input => $input, output => $output, seen => '' }, $class;
}

sub new {
	my ($class, @arguments) = @_;
	return $class->command('./lguest', @arguments);
}

sub pid { $_[0]{pid} }
sub seen { $_[0]{seen} }

sub type {
	my ($self, $text) = @_;
	local $SIG{PIPE} = 'IGNORE';
	print { $self->{input} } $text;
}

sub hang_up { close $_[0]{input} }

# Reads on until $pattern has come after all that earlier calls have found; false
# if it doesn't.
sub wait_for {
	my ($self, $pattern) = @_;
	my $end = time + LIMIT;
	my $select = IO::Select->new($self->{output});
	until ($self->{seen} =~ /\G.*?$pattern/gcs) {
		my $place = pos $self->{seen};
		return 0 if time > $end || !$select->can_read($end - time);
		my $got = sysread $self->{output}, $self->{seen}, 65536, length $self->{seen};
		pos($self->{seen}) = $place;
		return 0 unless $got;
	}
	return 1;
}

# What it exits with, all its output read: 0 to 255, or -signal.
sub status {
	my ($self) = @_;
	local $SIG{ALRM} = sub { kill 'KILL', -$self->{pid}, $self->{pid} };
	alarm LIMIT;
	while (sysread $self->{output}, $self->{seen}, 65536, length $self->{seen}) { }
	waitpid $self->{pid}, 0;
	alarm 0;
	delete $alive{$self->{pid}};
	return $? & 127 ? -($? & 127) : $? >> 8;
}

END {
	my $status = $?;
	kill 'KILL', -$_, $_ for keys %alive;
	$? = $status;
}

1;
