/* What the kernel does for programs: each test says how many nanoseconds one
 * of its kind took.  With an argument it makes only
 * the one of that name. */
#include "bench.h"

#define PAGE	4096u

/* One system call that does next to nothing. */
#define CALLS	200000

static u32 null_call(void)
{
	u32 i, start = clock_ns();

	for (i = 0; i < CALLS; i++)
		sys(getppid);
	return (clock_ns() - start) / CALLS;
}

static u32 read_clock(void)
{
	struct timespec now;
	u32 i, start = clock_ns();

	for (i = 0; i < CALLS; i++)
		sys(clock_gettime, CLOCK_MONOTONIC, &now);
	return (clock_ns() - start) / CALLS;
}

/* Fresh pages: touched, and given back. */
#define PAGES	1024
#define ROUNDS	5

static void touch(volatile u8 *pages, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		pages[i * PAGE] = 1;
}

static u32 zero_page(void)
{
	u32 i, start = clock_ns();

	for (i = 0; i < ROUNDS; i++) {
		u8 *pages = map_pages(PAGES * PAGE);

		touch(pages, PAGES);
		sys(munmap, pages, PAGES * PAGE);
	}
	return (clock_ns() - start) / (ROUNDS * PAGES);
}

/* The child writes where the parent has written before, and tells the parent
 * through a pipe how long it took. */
static u32 copy_page(void)
{
	u8 *pages = map_pages(PAGES * PAGE);
	int pipe[2], child;
	u32 start, took = 0;

	touch(pages, PAGES);
	sys(pipe, pipe);
	child = fork();
	if (!child) {
		start = clock_ns();
		touch(pages, PAGES);
		took = (clock_ns() - start) / PAGES;
		sys(write, pipe[1], &took, sizeof(took));
		exit(0);
	}
	sys(read, pipe[0], &took, sizeof(took));
	wait_for(child);
	sys(munmap, pages, PAGES * PAGE);
	sys(close, pipe[0]);
	sys(close, pipe[1]);
	return took;
}

#define MAPPINGS	4000

static u32 map_unmap(void)
{
	u32 i, start = clock_ns();

	for (i = 0; i < MAPPINGS; i++)
		sys(munmap, map_pages(16 * PAGE), 16 * PAGE);
	return (clock_ns() - start) / MAPPINGS;
}

/* Processes. */
#define FORKS	100

static u32 fork_exit(void)
{
	u32 i, start = clock_ns();
	int child;

	for (i = 0; i < FORKS; i++) {
		child = fork();
		if (!child)
			exit(0);
		wait_for(child);
	}
	return (clock_ns() - start) / FORKS;
}

static u32 fork_exec(void)
{
	static const char *const argv[] = { "bin/nothing", NULL };
	u32 i, start = clock_ns();
	int child;

	for (i = 0; i < FORKS; i++) {
		child = fork();
		if (!child) {
			sys(execve, argv[0], argv, argv + 1);
			exit(1);
		}
		if (wait_for(child))
			fail("can't execute %s", argv[0]);
	}
	return (clock_ns() - start) / FORKS;
}

/* Two processes, each asleep until the other writes: two switches a round. */
#define TRIPS	5000

static void echo(int from, int to)
{
	u8 byte;

	while (sys(read, from, &byte, 1) == 1)
		sys(write, to, &byte, 1);
	exit(0);
}

static u32 pipe_switch(void)
{
	int there[2], back[2], child;
	u32 i, start;
	u8 byte = 0;

	sys(pipe, there);
	sys(pipe, back);
	child = fork();
	if (!child) {
		sys(close, there[1]);
		echo(there[0], back[1]);
	}
	sys(close, there[0]);
	start = clock_ns();
	for (i = 0; i < TRIPS; i++) {
		sys(write, there[1], &byte, 1);
		sys(read, back[0], &byte, 1);
	}
	start = clock_ns() - start;
	sys(close, there[1]);
	sys(close, back[0]);
	sys(close, back[1]);
	wait_for(child);
	return start / (2 * TRIPS);
}

/* The shortest way from one address space to another: somebody else, please. */
static u32 yield_switch(void)
{
	int child = fork();
	u32 i, start = clock_ns();

	for (i = 0; i < TRIPS; i++)
		sys(sched_yield);
	if (!child)
		exit(0);
	start = clock_ns() - start;
	wait_for(child);
	return start / (2 * TRIPS);
}

#define SIGNALS	10000
static volatile u32 received;

static void receive(int signal)
{
	(void)signal;
	received++;
}

static u32 send_signals(void)
{
	u32 i, start;
	int self = sys(getpid);

	on_signal(SIGUSR1, receive);
	received = 0;
	start = clock_ns();
	for (i = 0; i < SIGNALS; i++)
		sys(kill, self, SIGUSR1);
	start = clock_ns() - start;
	if (received != SIGNALS)
		fail("%u signals received", received);
	return start / SIGNALS;
}

static const struct {
	const char *name;
	u32 (*test)(void);
} tests[] = {
	{ "null_call", null_call },
	{ "clock", read_clock },
	{ "zero_page", zero_page },
	{ "copy_page", copy_page },
	{ "map_unmap", map_unmap },
	{ "fork_exit", fork_exit },
	{ "fork_exec", fork_exec },
	{ "pipe_switch", pipe_switch },
	{ "yield_switch", yield_switch },
	{ "signal", send_signals },
};

int main(void)
{
	u32 i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!arg(1) || strcmp(arg(1), tests[i].name) == 0)
			report(tests[i].name, tests[i].test());
	return 0;
}
