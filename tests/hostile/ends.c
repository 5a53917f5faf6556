/* However it ends: no process, no tap and no lock is left, the terminal is as it
 * was, and the exit status says how it ended.  And what's not an end: to be
 * stopped for a while, or to have nobody to talk to.
 * Usage: ends LGUEST IMAGE PC-IMAGE.  TAP.
 *
 * Each case is a Launcher on a terminal of its own, with a Guest that has all its
 * devices at work (endless.c), or one on a PC (tests/pc/echo.c). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "sanitizer.h"

#define PATIENCE_MS 30000
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const char *launcher, *image, *pc_image, *disk;
static unsigned int tests;
static bool has_tap;

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- One Launcher ---- */

/* Where a Launcher's stdin and stdout are, if they aren't its terminal. */
#define IN_NULL 1
#define OUT_PIPE 2
#define OUT_NONBLOCK 4
#define NO_HUP 8
#define ON_PC 16

struct run {
	unsigned int how;
	pid_t pid, second;
	int terminal, slave;	/* the two ends; we keep the other one as well */
	int out, err;
	struct termios before;
	char text[1 << 16];
	size_t len;
	char said[4096];
};

static void open_terminal(struct run *r)
{
	r->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (r->terminal < 0 || grantpt(r->terminal) || unlockpt(r->terminal))
		die("terminal");
	r->slave = open(ptsname(r->terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (r->slave < 0 || tcgetattr(r->slave, &r->before))
		die("terminal");
}

static void __attribute__((noreturn)) be_launcher(const struct run *r)
{
	char option[280];

	snprintf(option, sizeof(option), "--block=%s", disk);
	/* We may have it ignored ourselves. */
	signal(SIGHUP, r->how & NO_HUP ? SIG_IGN : SIG_DFL);
	if (r->how & ON_PC)
		execl(launcher, launcher, option, "--rng", "16", pc_image, NULL);
	else if (has_tap)
		execl(launcher, launcher, option, "--rng", "--tunnet=10.77.0.1",
		      "16", image, "_everything", "1", NULL);
	else
		execl(launcher, launcher, option, "--rng", "16", image,
		      "_everything", "0", NULL);
	_exit(127);
}

static void redirect(const struct run *r, int out, int err)
{
	dup2(r->slave, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (r->how & IN_NULL)
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	if (r->how & OUT_NONBLOCK)
		fcntl(STDOUT_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK);
}

/* The n-th child of a process; 0 if there's none yet. */
static pid_t child_of(pid_t pid, unsigned int n)
{
	char path[64];
	pid_t child = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	file = fopen(path, "r");
	do
		if (!file || fscanf(file, "%d", &child) != 1)
			child = 0;
	while (child && n--);
	if (file)
		fclose(file);
	return child;
}

/* Whatever has come; false when there's no more to come. */
static bool read_some(struct run *r, int ms)
{
	struct pollfd pfd = { r->out, POLLIN, 0 };
	ssize_t got;

	if (poll(&pfd, 1, ms) <= 0)
		return true;
	if (r->len > sizeof(r->text) / 2)
		r->len = 0;
	got = read(r->out, r->text + r->len, sizeof(r->text) - 1 - r->len);
	if (got > 0)
		r->len += got;
	r->text[r->len] = '\0';
	return got > 0;
}

/* Waits for it in what comes from now on. */
static bool wait_for(struct run *r, const char *text)
{
	r->len = 0;
	for (int ms = 0; ms < PATIENCE_MS; ms += 10) {
		if (!read_some(r, 10))
			return false;
		if (memmem(r->text, r->len, text, strlen(text)))
			return true;
	}
	printf("# waited in vain for \"%s\" in \"%.*s\"\n", text, 200, r->text);
	return false;
}

static struct run *start(unsigned int how)
{
	struct run *r = calloc(1, sizeof(*r));
	int out[2], err[2];

	r->how = how;
	open_terminal(r);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	fflush(stdout);
	r->pid = fork();
	if (r->pid < 0)
		die("fork");
	if (!r->pid) {
		setsid();
		ioctl(r->slave, TIOCSCTTY, 0);
		redirect(r, how & OUT_PIPE ? out[1] : r->slave, err[1]);
		be_launcher(r);
	}
	close(out[1]);
	close(err[1]);
	r->out = how & OUT_PIPE ? out[0] : r->terminal;
	if (!(how & OUT_PIPE))
		close(out[0]);
	r->err = err[0];
	if (!wait_for(r, "@"))
		die("no sign of life");
	/* On a PC, there was another life before this one. */
	while (!(r->second = child_of(r->pid, 0)))
		usleep(1000);
	return r;
}

static bool is_as_before(const struct run *r)
{
	struct termios t;

	return !tcgetattr(r->slave, &t) && t.c_lflag == r->before.c_lflag &&
	       t.c_iflag == r->before.c_iflag && t.c_oflag == r->before.c_oflag;
}

static bool is_raw(const struct run *r)
{
	struct termios t;

	return !tcgetattr(r->slave, &t) && !(t.c_lflag & (ISIG | ICANON | ECHO));
}

/* The exit status, or 256 and a signal.  Its output must be taken, or it might
 * wait for that; unless somebody else holds it. */
static int wait_end(struct run *r)
{
	int status;

	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		if (waitpid(r->pid, &status, WNOHANG) == r->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) :
						   256 + WTERMSIG(status);
		usleep(5000);
		if (r->terminal >= 0 || r->how & OUT_PIPE)
			read_some(r, 0);
	}
	return -1;
}

/* Those that have lost their parent have become our children. */
static bool all_gone(void)
{
	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid < 0 && errno == ECHILD)
			return true;
		if (!pid)
			usleep(5000);
	}
	return false;
}

static bool disk_is_free(void)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(disk, O_RDWR | O_CLOEXEC);
	bool is_free = fd >= 0 && !fcntl(fd, F_OFD_SETLK, &all);

	close(fd);
	return is_free;
}

static bool tap_is_there(void)
{
	FILE *file = fopen("/proc/self/net/dev", "r");
	char line[512];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= strstr(line, "tap") != NULL;
	if (file)
		fclose(file);
	return found;
}

static void finish(struct run *r)
{
	if (r->out != r->terminal)
		close(r->out);
	if (r->terminal >= 0)
		close(r->terminal);
	if (r->slave >= 0)
		close(r->slave);
	close(r->err);
	free(r);
}

/* ---- Judgement ---- */

static bool good;

static bool demand(bool true_is_good, const char *what)
{
	if (!true_is_good)
		printf("# not so: %s\n", what);
	good &= true_is_good;
	return true_is_good;
}

static void result(const struct run *r, const char *name)
{
	printf("%sok %u - %s%s\n", good ? "" : "not ", ++tests,
	       r && r->how & ON_PC ? "PC: " : "", name);
	fflush(stdout);
	good = true;
}

#define LOST_INPUT "lguest: console: end of input"

/* What it said, but that there's nobody any more who types: a Guest that has lost
 * its terminal may have been faster than its end. */
static void read_errors(struct run *r)
{
	size_t room = sizeof(r->said) - 1;
	char *line, *end = r->said;
	ssize_t got;

	while (room && (got = read(r->err, end, room)) > 0) {
		end += got;
		room -= got;
	}
	forget_warning(r->said);
	line = strstr(r->said, LOST_INPUT);
	end = line ? strchr(line, '\n') : NULL;
	if (end && (r->terminal < 0 || r->how & IN_NULL))
		memmove(line, end + 1, strlen(end));
}

/* @says is NULL if an error may come first, and be told. */
static void ends(struct run *r, int expected, const char *says,
		 bool terminal_survives, const char *name)
{
	int status = wait_end(r);
	char what[1024];

	demand(all_gone(), "no process is left");
	read_errors(r);
	snprintf(what, sizeof(what), "exit status %d (it is %d)", expected,
		 status);
	demand(status == expected || (!says && status == 1), what);
	snprintf(what, sizeof(what), "it says \"%s\" (and not \"%.300s\")", says,
		 r->said);
	demand(!says || strcmp(r->said, says) == 0, what);
	demand(disk_is_free(), "no lock is left");
	demand(!tap_is_there() || !has_tap, "no tap is left");
	if (terminal_survives)
		demand(is_as_before(r), "the terminal is as before");
	result(r, name);
	finish(r);
}

/* ---- Signals ---- */

enum who { FIRST, SECOND, THREAD, GROUP };
static const char *const names[] = { "the first process", "the one with the Guest",
				     "a service thread", "all of them" };

/* A thread is @nth of those that there are. */
static pid_t find(const struct run *r, enum who who, unsigned int nth)
{
	switch (who) {
	case FIRST:
		return r->pid;
	case SECOND:
		return r->second;
	case THREAD:
		return child_of(r->second, nth);
	default:
		return -r->pid;
	}
}

static unsigned int count_threads(const struct run *r)
{
	unsigned int num = 0;

	while (child_of(r->second, num))
		num++;
	return num;
}

#define SECOND_DIED "lguest: the process that ran the Guest was killed by signal "
#define THREAD_DIED "lguest: a service thread was killed by signal "

static const struct {
	enum who who;
	int sig, status;
	const char *says;
} signals[] = {
	{ FIRST, SIGINT, 256 + SIGINT, "" },
	{ FIRST, SIGTERM, 256 + SIGTERM, "" },
	{ FIRST, SIGHUP, 256 + SIGHUP, "" },
	{ FIRST, SIGQUIT, 256 + SIGQUIT, "" },
	{ FIRST, SIGKILL, 256 + SIGKILL, "" },
	{ FIRST, SIGUSR1, 256 + SIGUSR1, "" },
	{ SECOND, SIGINT, 256 + SIGINT, "" },
	{ SECOND, SIGTERM, 256 + SIGTERM, "" },
	{ SECOND, SIGHUP, 256 + SIGHUP, "" },
	{ SECOND, SIGQUIT, 256 + SIGQUIT, "" },
	{ SECOND, SIGKILL, 1, SECOND_DIED "9 (Killed)\n" },
	{ SECOND, SIGUSR1, 1, SECOND_DIED "10 (User defined signal 1)\n" },
	{ GROUP, SIGINT, 256 + SIGINT, "" },
	{ GROUP, SIGTERM, 256 + SIGTERM, "" },
	{ GROUP, SIGHUP, 256 + SIGHUP, "" },
	{ GROUP, SIGQUIT, 256 + SIGQUIT, "" },
	{ GROUP, SIGKILL, 256 + SIGKILL, "" },
	{ THREAD, SIGKILL, 1, THREAD_DIED "9\n" },
};

static void end_by_signal(unsigned int how, unsigned int i, unsigned int nth)
{
	struct run *r = start(how);
	char name[128], number[16] = "";

	if (signals[i].who == THREAD)
		snprintf(number, sizeof(number), " (%u)", nth);
	snprintf(name, sizeof(name), "SIG%s for %s%s",
		 sigabbrev_np(signals[i].sig), names[signals[i].who], number);
	demand(is_raw(r), "the terminal is raw");
	demand(tap_is_there() == has_tap || how & ON_PC, "the tap is there");
	kill(find(r, signals[i].who, nth), signals[i].sig);
	ends(r, signals[i].status, signals[i].says,
	     signals[i].who != GROUP || signals[i].sig != SIGKILL, name);
}

static void every_signal(unsigned int how)
{
	struct run *r = start(how);
	unsigned int threads = count_threads(r);

	printf("# %u service threads\n", threads);
	kill(r->pid, SIGTERM);
	ends(r, 256 + SIGTERM, "", true, "SIGTERM, after looking around");
	for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++)
		for (unsigned int nth = 0;
		     nth < (signals[i].who == THREAD ? threads : 1); nth++)
			end_by_signal(how, i, nth);
}

/* ---- Terminals ---- */

static void type(struct run *r, const char *text)
{
	if (write(r->terminal, text, strlen(text)) < 0)
		die("terminal");
}

static void hang_up(struct run *r)
{
	close(r->slave);
	close(r->terminal);
	r->slave = r->terminal = -1;
}

static bool has_ended(const struct run *r)
{
	siginfo_t info = { .si_pid = 0 };

	waitid(P_PID, r->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	return info.si_pid;
}

/* Within a second: where the machine is busy, the first three may not be. */
static void three_interrupts(unsigned int how)
{
	struct run *r = start(how);
	unsigned int typed = 0;

	do {
		type(r, "\003");
		r->text[r->len = 0] = '\0';
		for (int ms = 0; ms < PATIENCE_MS && !has_ended(r); ms += 10)
			if (read_some(r, 10), strstr(r->text, "=\003"))
				break;
	} while (++typed < 30 && !has_ended(r));
	demand(typed > 2, "it takes three");
	ends(r, 256 + SIGINT, "", true, "three ^C");
}

static void closed_terminal(unsigned int how)
{
	struct run *r = start(how);

	hang_up(r);
	ends(r, 256 + SIGHUP, NULL, false, "a closed terminal");
	r = start(how | NO_HUP);
	hang_up(r);
	ends(r, 1, "lguest: cannot write the Guest's console output to stdout: "
	     "Input/output error\n", false, "a closed terminal, with nohup");
}

/* In which system call a service thread waits; -1 if none of them is in @nr. */
static bool a_thread_waits_in(const struct run *r, long nr)
{
	char path[64];
	pid_t pid;

	for (int ms = 0; ms < PATIENCE_MS; ms += 10) {
		for (unsigned int i = 0; (pid = child_of(r->second, i)); i++) {
			long is = -1;
			FILE *file;

			snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
			file = fopen(path, "r");
			if (file && fscanf(file, "%ld", &is) == 1 && is == nr) {
				fclose(file);
				return true;
			}
			if (file)
				fclose(file);
		}
		usleep(10000);
	}
	return false;
}

static void nobody_types(unsigned int how)
{
	struct run *r = start(how | IN_NULL | OUT_PIPE);

	demand(a_thread_waits_in(r, SYS_pause), "who would read is at rest");
	demand(wait_for(r, "@"), "the Guest runs on");
	kill(r->pid, SIGTERM);
	ends(r, 256 + SIGTERM, "", true, "end of input, then SIGTERM");
	r = start(how | NO_HUP | OUT_PIPE);
	hang_up(r);
	demand(a_thread_waits_in(r, SYS_pause), "who would read is at rest");
	demand(wait_for(r, "@"), "the Guest runs on");
	kill(r->pid, SIGTERM);
	ends(r, 256 + SIGTERM, "", false, "a closed terminal, with nohup and >file, then SIGTERM");
}

static void nobody_reads(void)
{
	static const struct {
		unsigned int how;
		long waits_in;
		const char *name;
	} pipes[] = {
		{ OUT_PIPE, SYS_writev, "a full pipe" },
		{ OUT_PIPE | OUT_NONBLOCK, SYS_poll, "a full pipe that doesn't wait" },
	};
	struct run *r;

	for (unsigned int i = 0; i < ARRAY_SIZE(pipes); i++) {
		r = start(pipes[i].how);
		fcntl(r->out, F_SETPIPE_SZ, 4096);
		demand(a_thread_waits_in(r, pipes[i].waits_in), "it waits");
		demand(wait_for(r, "@"), "it goes on when somebody reads");
		demand(a_thread_waits_in(r, pipes[i].waits_in), "it waits again");
		kill(r->pid, SIGTERM);
		ends(r, 256 + SIGTERM, "", true, pipes[i].name);
	}
	r = start(OUT_PIPE);
	close(r->out);
	r->out = -1;
	ends(r, 1, "lguest: cannot write the Guest's console output to stdout: "
	     "Broken pipe\n", true, "a broken pipe");
}

/* ---- To stop and to go on ---- */

static bool has_stopped(const struct run *r)
{
	siginfo_t info;

	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		info.si_pid = 0;
		waitid(P_PID, r->pid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid)
			return info.si_code == CLD_STOPPED;
		usleep(5000);
	}
	return false;
}

static void drain(struct run *r)
{
	for (int i = 0; i < 20; i++)
		read_some(r, 10);
	r->len = 0;
}

/* What the Guest says that it is, and what it is. */
static bool tells_the_time(struct run *r)
{
	long told;

	if (r->how & ON_PC)
		return wait_for(r, "@");
	if (!wait_for(r, "@") || !wait_for(r, "\n@") || !read_some(r, 10))
		return false;
	while (!memchr(strstr(r->text, "\n@") + 2, '\n', 12))
		read_some(r, 10);
	told = strtol(strstr(r->text, "\n@") + 2, NULL, 16);
	return labs(time(NULL) - told) <= 2;
}

static void stops_and_goes_on(unsigned int how, enum who who, int sig)
{
	struct run *r = start(how | OUT_PIPE);
	char name[128];

	snprintf(name, sizeof(name), "SIG%s and SIGCONT for %s",
		 sigabbrev_np(sig), names[who]);
	kill(find(r, who, 0), sig);
	if (who != SECOND)
		demand(has_stopped(r), "it stops");
	drain(r);
	if (sig == SIGTSTP)
		demand(is_as_before(r), "the terminal is as before meanwhile");
	type(r, "x");
	usleep(how & ON_PC ? 200000 : 3000000);
	read_some(r, 0);
	demand(!r->len, "nothing is said meanwhile");
	kill(find(r, who, 0), SIGCONT);
	demand(wait_for(r, "=x"), "what was typed meanwhile comes later");
	demand(tells_the_time(r), "the clock is right");
	demand(is_raw(r), "the terminal is raw again");
	type(r, "y");
	demand(wait_for(r, "=y"), "and it listens");
	kill(r->pid, SIGTERM);
	ends(r, 256 + SIGTERM, "", true, name);
}

static void every_stop(unsigned int how)
{
	stops_and_goes_on(how, FIRST, SIGTSTP);
	stops_and_goes_on(how, SECOND, SIGTSTP);
	stops_and_goes_on(how, GROUP, SIGTSTP);
	stops_and_goes_on(how, GROUP, SIGSTOP);
}

/* ---- A shell that puts it into the background, and fetches it back ---- */

static bool is_stopped_by(pid_t pid, int sig, int or_sig)
{
	int status;

	return waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) &&
	       (WSTOPSIG(status) == sig || WSTOPSIG(status) == or_sig);
}

static void go_on_as(const struct run *r, pid_t foreground)
{
	if (tcsetpgrp(r->slave, foreground))
		die("tcsetpgrp");
	kill(-r->pid, SIGCONT);
}

static void start_job(struct run *r, int out, int err)
{
	setsid();
	ioctl(r->slave, TIOCSCTTY, 0);
	signal(SIGTTOU, SIG_IGN);
	r->pid = fork();
	setpgid(r->pid, 0);
	if (r->pid)
		return;
	signal(SIGTTOU, SIG_DFL);
	redirect(r, out, err);
	be_launcher(r);
}

static void __attribute__((noreturn)) be_shell(struct run *r, int out, int err)
{
	int status;

	start_job(r, out, err);
	close(out);
	demand(is_stopped_by(r->pid, SIGTTOU, SIGTTIN), "it stops at once");
	go_on_as(r, r->pid);
	demand(wait_for(r, "@"), "it runs in the foreground");
	kill(-r->pid, SIGSTOP);
	demand(is_stopped_by(r->pid, SIGSTOP, SIGSTOP), "it stops");
	tcsetattr(r->slave, TCSANOW, &r->before);
	go_on_as(r, getpgrp());
	demand(is_stopped_by(r->pid, SIGTTOU, SIGTTIN),
	       "it doesn't take the terminal from the shell");
	demand(is_as_before(r), "nor change it");
	go_on_as(r, r->pid);
	demand(wait_for(r, "@"), "in the foreground it goes on");
	demand(is_raw(r), "raw");
	type(r, "z");
	demand(wait_for(r, "=z"), "and it listens");
	kill(r->pid, SIGTERM);
	demand(waitpid(r->pid, &status, 0) == r->pid && WIFSIGNALED(status),
	       "until it's ended");
	demand(is_as_before(r), "the terminal is as before");
	fflush(stdout);
	_exit(!good);
}

static void background(void)
{
	struct run *r = calloc(1, sizeof(*r));
	int out[2], status;
	pid_t shell;

	open_terminal(r);
	if (pipe2(out, O_CLOEXEC))
		die("pipe");
	r->how = OUT_PIPE;
	r->out = out[0];
	r->err = open("/dev/null", O_WRONLY | O_CLOEXEC);
	fflush(stdout);
	shell = fork();
	if (!shell)
		be_shell(r, out[1], r->err);
	close(out[1]);
	good = waitpid(shell, &status, 0) == shell && status == 0;
	demand(all_gone(), "no process is left");
	result(r, "in the background, and back");
	finish(r);
}

int main(int argc, char *argv[])
{
	(void)argc;
	launcher = argv[1];
	image = argv[2];
	pc_image = argv[3];
	disk = argv[4];
	has_tap = !unshare(CLONE_NEWNET);
	good = true;
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	every_signal(0);
	every_signal(ON_PC);
	three_interrupts(0);
	three_interrupts(ON_PC);
	closed_terminal(0);
	closed_terminal(ON_PC);
	nobody_types(0);
	nobody_types(ON_PC);
	nobody_reads();
	every_stop(0);
	every_stop(ON_PC);
	background();
	printf("1..%u\n", tests);
	return 0;
}
