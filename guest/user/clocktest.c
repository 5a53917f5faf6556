/*D:842 Four ways to ask for the time, which had better agree. */
#include "user.h"

#define NAP_US 30000

static u32 wall_seconds(void)
{
	return sys(time, NULL);
}

static void never_backwards(void)
{
	u64 now, before = now_us();
	int i;

	for (i = 0; i < 10000; i++) {
		now = now_us();
		if (now < before)
			fail("time ran backwards by %u us",
			     (u32)(before - now));
		before = now;
	}
}

static void sleeps_long_enough(void)
{
	u64 start = now_us();
	u32 slept;

	sleep_us(NAP_US);
	slept = now_us() - start;
	if (slept < NAP_US)
		fail("slept %u us of %u", slept, NAP_US);
}

/* Ask twice: a second may end between two questions, but not between four. */
static bool clocks_agree(void)
{
	struct timeval tv;
	struct timespec ts;
	u32 first = wall_seconds(), last;

	sys(gettimeofday, &tv, NULL);
	sys(clock_gettime, CLOCK_REALTIME, &ts);
	last = wall_seconds();
	return first == (u32)tv.tv_sec && first == (u32)ts.tv_sec &&
	       first == last;
}

int main(void)
{
	never_backwards();
	sleeps_long_enough();
	if (!clocks_agree() && !clocks_agree())
		fail("time, gettimeofday and clock_gettime disagree");
	return 0;
}
/*:*/
