/* Makes the Launcher's processes call what they shouldn't, as somebody might who
 * had got that far.  Usage: filter LGUEST IMAGE DISK.  TAP.
 *
 * We trace one of them, wait until it's about to make a system call, and put the
 * number of another in its place. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include "sanitizer.h"

static const char *launcher, *image;
static char disk[128];
static int nobody_types;
static bool has_tap;
static unsigned int tests;

/* The service threads, in the order in which endless.c starts them; one way or
 * the other, they all make calls. */
static const char *const devices[] = { "block", "rng", "console", "console",
				       "net", "net" };
#define THE_PROCESSOR -1
#define RNG 1

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static pid_t start(int *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(nobody_types, STDIN_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execl(launcher, launcher, "--rng", disk, "16", image,
		      "_everything", has_tap ? "1" : "0",
		      has_tap ? "--tunnet=10.77.0.1" : NULL, NULL);
		_exit(127);
	}
	close(ends[1]);
	*err = ends[0];
	return pid;
}

static pid_t child_of(pid_t pid, int nth)
{
	char path[64];
	pid_t child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	for (int i = 0; i < 1000 && !child; i++) {
		FILE *file = fopen(path, "r");

		for (int n = 0; n <= nth; n++)
			if (!file || fscanf(file, "%d", &child) != 1)
				child = 0;
		if (file)
			fclose(file);
		usleep(2000);
	}
	return child;
}

/* Two stops for each call, and we may come in the middle of one. */
static bool make_call(pid_t pid, long nr)
{
	struct __ptrace_syscall_info info;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0))
		return false;
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
		int sig = WSTOPSIG(status);

		if (sig == (SIGTRAP | 0x80) &&
		    ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) >
			    0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY) {
			ptrace(PTRACE_POKEUSER, pid,
			       offsetof(struct user_regs_struct, orig_rax), nr);
			return !ptrace(PTRACE_DETACH, pid, 0, 0);
		}
		if (sig == (SIGTRAP | 0x80) || status >> 16)
			sig = 0;
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
	return false;
}

/* Now and then the number doesn't stick, when a signal comes at that moment. */
static bool make_call_seen(pid_t pid, long nr, int err)
{
	struct pollfd pfd = { err, POLLIN, 0 };

	for (int i = 0; i < 5; i++)
		if (!make_call(pid, nr))
			return false;
		else if (poll(&pfd, 1, 3000) > 0)
			return true;
	return true;
}

static void result(bool good, const char *name, const char *text)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++tests, name);
	if (!good)
		printf("# %s\n", text);
}

/* @nth service thread, or THE_PROCESSOR. */
static void try(int nth, long nr, const char *call)
{
	bool service = nth != THE_PROCESSOR;
	const char *who = service ? devices[nth] : "the processor";
	char text[1024] = "", expected[128], name[128];
	int err, status, len = 0, got;
	pid_t pid = start(&err), victim = child_of(pid, 0);

	snprintf(expected, sizeof(expected),
		 service ? "lguest: device ? (%s*): system call %ld (%s) *" :
			   "lguest: %s: system call %ld (%s) *", who, nr, call);
	snprintf(name, sizeof(name), "%s%s may not call %s", service ? "a thread for the " : "",
		 who, call);
	if (service)
		victim = child_of(victim, nth);
	usleep(20000);
	if (!make_call_seen(victim, nr, err)) {
		printf("ok %u - %s # SKIP cannot trace it\n", ++tests, name);
		kill(pid, SIGTERM);
		waitpid(pid, &status, 0);
		close(err);
		return;
	}
	if (poll(&(struct pollfd){ err, POLLIN, 0 }, 1, 0) <= 0)
		kill(pid, SIGTERM);
	while ((got = read(err, text + len, sizeof(text) - 1 - len)) > 0)
		len += got;
	close(err);
	waitpid(pid, &status, 0);
	forget_warning(text);
	result(fnmatch(expected, text, 0) == 0 &&
	       strchr(text, '\n') == text + strlen(text) - 1 &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 1, name, text);
}

int main(int argc, char *argv[])
{
	static const struct {
		long nr;
		const char *name;
	} calls[] = {
		{ SYS_openat, "openat" }, { SYS_execve, "execve" },
		{ SYS_socket, "socket" }, { SYS_ptrace, "ptrace" },
		{ SYS_fork, "fork" },
	};
	int ends[2];

	(void)argc;
	launcher = argv[1];
	image = argv[2];
	snprintf(disk, sizeof(disk), "--block=%s", argv[3]);
	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	nobody_types = ends[0];
	has_tap = !unshare(CLONE_NEWNET);
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		try(THE_PROCESSOR, calls[i].nr, calls[i].name);
		try(RNG, calls[i].nr, calls[i].name);
	}
	try(RNG, SYS_mprotect, "mprotect");
	try(RNG, SYS_clone, "clone");
	for (int i = 0; i < (has_tap ? 6 : 4); i++)
		try(i, SYS_execve, "execve");
	printf("1..%u\n", tests);
	return 0;
}
