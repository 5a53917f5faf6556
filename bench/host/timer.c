/* How late this machine's own timers are: for a process that is busy, and for
 * one that sleeps.  The counterpart of guest/bench.c's two tests, and in the
 * same way: the middle one of many. */
#define _GNU_SOURCE
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BELLS	51
#define NAP	500000

static volatile sig_atomic_t rung;

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct timespec as_timespec(long ns)
{
	return (struct timespec){ ns / 1000000000, ns % 1000000000 };
}

static void ring(int signal)
{
	(void)signal;
	rung = 1;
}

static int smaller(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, long late[BELLS])
{
	qsort(late, BELLS, sizeof(*late), smaller);
	printf("%s value %ld\n", name, late[BELLS / 2]);
}

static void busy(void)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGALRM,
	};
	long late[BELLS], due;
	timer_t timer;
	int i;

	signal(SIGALRM, ring);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		err(1, "timer_create");
	for (i = 0; i < BELLS; i++) {
		struct itimerspec when = {
			.it_value = as_timespec((due = now_ns() + NAP)),
		};

		rung = 0;
		timer_settime(timer, TIMER_ABSTIME, &when, NULL);
		while (!rung)
			;
		late[i] = now_ns() - due;
	}
	report("timer_busy", late);
}

static void asleep(void)
{
	long late[BELLS], due;
	int i;

	for (i = 0; i < BELLS; i++) {
		struct timespec when = as_timespec((due = now_ns() + NAP));

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
		late[i] = now_ns() - due;
	}
	report("timer_halted", late);
}

int main(void)
{
	busy();
	asleep();
	return 0;
}
