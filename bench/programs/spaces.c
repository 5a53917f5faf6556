/* As many address spaces as the program's name (or first argument) says, in a
 * ring: a byte goes round, and whoever has it touches a few pages of his own.
 * How long until the next one has it? */
#include "bench.h"

#define PAGE	4096
#define PAGES	8
#define HOPS	6000
#define MOST	200

static u8 memory[PAGES * PAGE];

static int pass_on(int from, int to)
{
	u32 i;
	u8 byte;

	if (sys(read, from, &byte, 1) != 1)
		return 0;
	for (i = 0; i < PAGES; i++)
		memory[i * PAGE]++;
	return sys(write, to, &byte, 1) == 1;
}

/* The pipe that comes out at the end of a chain of @count processes. */
static int start_chain(int first[2], u32 count, int *children)
{
	int from = first[0], next[2];
	u32 i;

	for (i = 0; i < count; i++) {
		sys(pipe, next);
		children[i] = fork();
		if (!children[i]) {
			sys(close, first[1]);
			sys(close, next[0]);
			while (pass_on(from, next[1]))
				;
			exit(0);
		}
		sys(close, from);
		sys(close, next[1]);
		from = next[0];
	}
	return from;
}

static void go_round(int from, int to, u32 rounds)
{
	while (rounds--)
		if (!pass_on(from, to))
			fail("the ring is broken");
}

int main(void)
{
	int children[MOST], first[2], last;
	u32 count = number_argument(), rounds = HOPS / count, start, i;
	char name[] = "spaces_", byte = 0;

	sys(pipe, first);
	last = start_chain(first, count - 1, children);
	sys(write, first[1], &byte, 1);
	go_round(last, first[1], 2);
	start = clock_ns();
	go_round(last, first[1], rounds);
	start = clock_ns() - start;
	sys(close, first[1]);
	for (i = 0; i < count - 1; i++)
		wait_for(children[i]);
	print("%s%u value %u\n", name, count, start / (rounds * count));
	return 0;
}
