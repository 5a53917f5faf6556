/*H:490 Between alarms, a Guest would like to read the time from the time stamp
 * counter.  For that it must know how fast it counts, and nobody tells: the
 * kernel keeps that number to itself, and cpuid has it only on some machines.
 * So we measure, against the kernel's own clock.
 *
 * A good measurement takes its time, and we don't want to wait.  So the clocks
 * are compared once when the Guest is made, and again when it asks, early in its
 * boot: it has been loaded and unpacked meanwhile.  Only a very small Guest
 * gets there in less than the half millisecond that we need to be right within a
 * few millionths.
 *
 * If the kernel doesn't trust the counter (it keeps time by something else), nor
 * should the Guest.  A PC's counter is measured in any case, as its kernel would do
 * that itself otherwise, with less success; but it isn't told to rely on it. */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "raw.h"
#include "tsc.h"

#define SHORTEST_MEASUREMENT_NS 500000
#define TRIES 5

static u64 read_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* Both at the same time, as nearly as can be: the quickest of some attempts is
 * the one that wasn't disturbed. */
static void read_clocks(struct tsc_clocks *clocks)
{
	u64 shortest = ~0ull, before, after;
	struct timespec now;
	unsigned i;

	for (i = 0; i < TRIES; i++) {
		before = read_tsc();
		raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC_RAW, (long)&now,
			    0, 0, 0, 0);
		after = read_tsc();
		if (after - before >= shortest)
			continue;
		shortest = after - before;
		clocks->tsc = before + shortest / 2;
		clocks->ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	}
}

bool tsc_is_trusted(void)
{
	char name[64] = "";
	FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/"
			   "current_clocksource", "r");

	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = '\0';
	fclose(file);
	return strstr(name, "tsc");
}

void tsc_start(struct tsc_clocks *first)
{
	read_clocks(first);
}

u32 tsc_khz(const struct tsc_clocks *first)
{
	struct tsc_clocks now;

	if (!first->ns)
		return 0;
	do
		read_clocks(&now);
	while (now.ns - first->ns < SHORTEST_MEASUREMENT_NS);
	return (now.tsc - first->tsc) * 1000000 / (now.ns - first->ns);
}
/*:*/
