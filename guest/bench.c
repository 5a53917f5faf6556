#include "drivers.h"
#include "kernel.h"

/*D:780 How fast is all this?  The programs of the benchmark can tell of
 * programs only; what the kernel itself pays for is measured here.  "bench" on
 * the kernel's command line runs it, or in the shell, followed by the name of
 * one test if it's only that.
 *
 * Each test's line is the name, the word "value", and nanoseconds; the
 * programs' lines look the same, and the same script reads both. */
#define CALLS	100000u

static void report(const char *name, u64 value)
{
	printk("%s value %llu\n", name, value);
}

static u64 each(u64 start, u32 count)
{
	return div64(now_ns() - start, count, NULL);
}

static u64 null_hypercall(void)
{
	u64 start = now_ns();
	u32 i;

	for (i = 0; i < CALLS; i++)
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	return each(start, CALLS);
}
/*:*/

/*D:782 What a page table's entry costs to change, where the program has never
 * been: the Host has nothing to forget.  Once with a hypercall for each, and
 * once by way of the ring. */
#define NOWHERE	0x30000000u

static u64 set_pte(void)
{
	u64 start = now_ns();
	u32 i, root = pa(kernel_root());

	for (i = 0; i < CALLS; i++)
		hcall(LHCALL_SET_PTE, root, NOWHERE + i % 1024 * PAGE_SIZE, 0,
		      0);
	return each(start, CALLS);
}

static u64 set_pte_ring(void)
{
	u64 start = now_ns();
	u32 i, root = pa(kernel_root());

	for (i = 0; i < CALLS; i++)
		hcall_later(LHCALL_SET_PTE, root,
			    NOWHERE + i % 1024 * PAGE_SIZE, 0, 0);
	pages_settle();
	return each(start, CALLS);
}
/*:*/

/*D:784 Two threads which do nothing but let each other pass. */
static bool other_may_end;
static struct waitqueue other_ended;
static bool other_has_ended;

static bool has_ended(void *unused)
{
	(void)unused;
	return other_has_ended;
}

static void other(void *unused)
{
	(void)unused;
	while (!other_may_end)
		yield();
	other_has_ended = true;
	wake(&other_ended);
}

static u64 thread_switch(void)
{
	u64 start, took;
	u32 i;

	other_may_end = other_has_ended = false;
	if (!kthread("other", other, NULL))
		return 0;
	start = now_ns();
	for (i = 0; i < CALLS; i++)
		yield();
	took = each(start, 2 * CALLS);
	other_may_end = true;
	wait_on(&other_ended, has_ended, NULL);
	return took;
}
/*:*/

/*D:786 How late is the bell?  Once while we're busy, looking at the clock until
 * the interrupt has come between, and once asleep, with the processor halted.
 * Lateness has no upper end, so it's the middle one of many that counts. */
#define BELLS	51
#define NAP	(NS_PER_MS / 2)

static u64 middle(u64 *values, u32 count)
{
	u32 i, j;

	for (i = 1; i < count; i++) {
		u64 value = values[i];

		for (j = i; j && values[j - 1] > value; j--)
			values[j] = values[j - 1];
		values[j] = value;
	}
	return values[count / 2];
}

static u64 timer_busy(void)
{
	const volatile u32 *timers = &counters.timers;
	u64 late[BELLS], due;
	u32 i, before;

	for (i = 0; i < BELLS; i++) {
		before = *timers;
		due = now_ns() + NAP;
		timer_want(due);
		while (*timers == before)
			;
		late[i] = now_ns() - due;
	}
	return middle(late, BELLS);
}

static u64 timer_halted(void)
{
	u64 late[BELLS], due;
	u32 i;

	for (i = 0; i < BELLS; i++) {
		due = now_ns() + NAP;
		sleep_ns(NAP);
		late[i] = now_ns() - due;
	}
	return middle(late, BELLS);
}
/*:*/

/*D:798 All of it, or one. */
static const struct {
	const char *name;
	u64 (*measure)(void);
} tests[] = {
	{ "null_hypercall", null_hypercall },
	{ "set_pte", set_pte },
	{ "set_pte_ring", set_pte_ring },
	{ "thread_switch", thread_switch },
	{ "timer_busy", timer_busy },
	{ "timer_halted", timer_halted },
};

bool bench(const char *name)
{
	unsigned int i;
	bool found = false;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (*name && strcmp(name, tests[i].name) != 0)
			continue;
		report(tests[i].name, tests[i].measure());
		found = true;
	}
	return found;
}
/*:*/
