/* Processes: none too many, and none left behind. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "standin.h"

/* Two service threads for the console, one for the rng. */
static struct run *busy(void)
{
	struct run *r = boot_with(0, "--rng");
	struct found dev;

	for (unsigned int i = 0; i < 2; i++) {
		find_device(r, i, &dev);
		start_device(r, &dev, 0);
	}
	return r;
}

static bool all_gone(void)
{
	for (int ms = 0; ms < 3000; ms += 5) {
		if (!count_children(getpid()))
			return true;
		usleep(5000);
	}
	return false;
}

static void signals(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

	for (unsigned int i = 0; i < ARRAY_SIZE(sigs); i++) {
		struct run *r = busy();

		same("two processes, three threads", count_children(getpid()), 5);
		kill(r->pid, sigs[i]);
		same(strsignal(sigs[i]), wait_end(r), 256 + sigs[i]);
		same("nobody is left when it has ended", count_children(getpid()), 0);
		same("nothing is said", r->err_len, 0);
		finish(r);
	}
}

static void nohup(void)
{
	struct run *r = boot_plain(WITHOUT_HUP);

	kill(-r->pid, SIGHUP);
	wait_ms(r, 50);
	check(!r->gone, "with nohup, SIGHUP is ignored");
	die(r, "CRASH: Power down");
	same("and it ends as it should", wait_end(r), 0);
	finish(r);
}

static void group_signal(void)
{
	struct run *r = busy();

	kill(-r->pid, SIGTERM);
	same("SIGTERM for everybody at once", wait_end(r), 256 + SIGTERM);
	check(all_gone(), "nobody is left");
	same("nothing is said", r->err_len, 0);
	finish(r);
}

static void sigkill_first(void)
{
	struct run *r = busy();

	kill(r->pid, SIGKILL);
	same("SIGKILL for the first process", wait_end(r), 256 + SIGKILL);
	check(all_gone(), "nobody is left");
	finish(r);
}

static void sigkill_second(void)
{
	struct run *r = busy();

	kill(r->init_pid, SIGKILL);
	same("SIGKILL for the second process", wait_end(r), 1);
	check(all_gone(), "nobody is left");
	says(r, "is told", "the process that ran the Guest was killed by signal 9");
	finish(r);
}

static void thread_killed(void)
{
	struct run *r = busy();

	kill_a_child(r->init_pid);
	same("SIGKILL for a service thread", wait_end(r), 1);
	same("nobody is left when it has ended", count_children(getpid()), 0);
	check(!strcmp(r->err, "lguest: a service thread was killed by signal 9\n"),
	      "in one line: %s", r->err);
	finish(r);
}

static void ways_to_end(void)
{
	struct run *r = busy();

	die(r, "CRASH: Power down");
	same("power-off", wait_end(r), 0);
	same("nobody is left when it has ended", count_children(getpid()), 0);
	finish(r);

	r = busy();
	die(r, "CRASH: oops");
	same("crash", wait_end(r), 1);
	same("nobody is left when it has ended", count_children(getpid()), 0);
	finish(r);

	r = busy();
	for (int i = 0; i < 10; i++) {
		give_error(r, ERESTART);
		wait_read(r);
	}
	same("ten reboots: two processes, no thread", count_children(getpid()), 2);
	kill(r->pid, SIGTERM);
	same("SIGTERM after that", wait_end(r), 256 + SIGTERM);
	finish(r);
}

/* SIGTERM at any time of a life: again and again, a bit later each time. */
static void any_time(void)
{
	unsigned int bad = 0;

	for (int us = 0; us < 12000; us += 400) {
		struct run *r = run_launcher(0, "64", make_kernel("vmlinux"));

		for (int i = 0; i < us / 1000; i++)
			wait_ms(r, 1);
		usleep(us % 1000);
		kill(r->pid, SIGTERM);
		if (wait_end(r) != 256 + SIGTERM || !all_gone() || r->err_len) {
			printf("# after %d us: status %d, %s\n", us, r->status, r->err);
			bad++;
		}
		finish(r);
	}
	same("SIGTERM at thirty different times", bad, 0);
}

const struct test tests[] = {
	{ "signals", signals },
	{ "nohup", nohup },
	{ "signal for the group", group_signal },
	{ "SIGKILL, first process", sigkill_first },
	{ "SIGKILL, second process", sigkill_second },
	{ "killed thread", thread_killed },
	{ "ways to end", ways_to_end },
	{ "any time", any_time },
	{ NULL, NULL },
};
