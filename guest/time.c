#include "kernel.h"

/*G:450 What time is it?
 *
 * The Host writes the wall clock into lguest_data whenever it delivers an
 * interrupt, so a Guest can tell the time without asking.  But between two
 * interrupts that clock stands still.  The processor's own counter doesn't: if
 * the Host says how fast it runs (some machines change its speed, and then it
 * doesn't), we count from there.
 *
 * Ticks to nanoseconds is a division, and a division by a number that doesn't
 * change is a multiplication: by 2^24 * 1,000,000 / kHz, and a shift. */
#define SHIFT		24
#define SLOWEST_KHZ	4000u	/* else "multiplier" has more than 32 bits */

static u32 multiplier;		/* 0: no counter */
static u64 ticks_at_boot, wall_at_boot;

static u64 ticks(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return (u64)high << 32 | low;
}

static u64 ticks_to_ns(u64 count)
{
	u64 high = count >> 32, low = (u32)count;

	return (high * multiplier << (32 - SHIFT)) +
	       (low * multiplier >> SHIFT);
}

/* An interrupt may change the clock while we read it, but then it won't do that
 * again for a while. */
static u64 host_clock(void)
{
	const volatile struct lguest_data *data = &lguest_data;
	u32 sec, nsec;

	do {
		sec = data->sec;
		nsec = data->nsec;
	} while (sec != (u32)data->sec || nsec != (u32)data->nsec);
	return (u64)sec * NS_PER_S + nsec;
}

u64 now_ns(void)
{
	if (multiplier)
		return ticks_to_ns(ticks() - ticks_at_boot);
	return host_clock() - wall_at_boot;
}

u64 wall_ns(void)
{
	return wall_at_boot + now_ns();
}

u64 wall_seconds(void)
{
	return div64(wall_ns(), NS_PER_S, NULL);
}
/*:*/

/*G:452 The timer rings once, in so many nanoseconds, and only if somebody wants
 * it to: an idle kernel is left in peace, and so is the machine below.  Whoever
 * wants to be called gives a time; we only bother the Host if that's earlier
 * than what it knows of.  If the bell rings too early for the next one, nothing
 * is lost: sleepers_wake() asks again. */
#define SOONEST	1000u			/* as 0 means never */
#define LATEST	(4 * NS_PER_S)		/* as the argument has 32 bits */

static u64 rings_at;

void timer_want(u64 when)
{
	u32 flags = irq_save();
	u64 now, ns;

	if (!rings_at || when < rings_at) {
		now = now_ns();
		ns = when > now + SOONEST ? when - now : SOONEST;
		rings_at = when;
		hcall(LHCALL_SET_CLOCKEVENT, ns < LATEST ? ns : LATEST,
		      0, 0, 0);
	}
	irq_restore(flags);
}

static void timer_rings(void *unused)
{
	(void)unused;
	counters.timers++;
	rings_at = 0;
	sleepers_wake();
}
/*:*/

void time_init(void)
{
	wall_at_boot = host_clock();
	ticks_at_boot = ticks();
	if (lguest_data.tsc_khz > SLOWEST_KHZ)
		multiplier = div64(1000000ull << SHIFT, lguest_data.tsc_khz,
				   NULL);
	request_irq(0, timer_rings, NULL);
}
