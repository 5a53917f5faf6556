#include "bench.h"

u32 clock_ns(void)
{
	struct timespec now;

	if (sys(clock_gettime, CLOCK_MONOTONIC, &now) < 0)
		fail("no clock");
	return (u32)now.tv_sec * 1000000000u + now.tv_nsec;
}

void report(const char *name, u32 ns)
{
	print("%s value %u\n", name, ns);
}

int timed(const char *name, u32 (*work)(void))
{
	u32 start = clock_ns(), result = work(), took = clock_ns() - start;

	print("%s result %x\n", name, result);
	report(name, took);
	return 0;
}

u32 number_argument(void)
{
	const char *digits = arg(0);

	if (arg(1))
		return number(arg(1));
	digits += strlen(digits);
	while (digits > arg(0) && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	return number(digits);
}

u32 pseudo_random(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}
